//! Binding: TCP on all addresses of a name, and files of sockets that go when nobody listens any more.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener;

use ipc::forwarding::{BindHost, LONGEST_SOCKET_PATH, MOST_SOCKETS, NotBound, SocketFile};
use ipc::start::Families;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, getsockname, listen, setsockopt, socket, sockopt,
};

use super::Opened;
use super::reaching::{Resolver, words};

/// Connections that wait with the kernel, as theirs.
const BACKLOG: i32 = 128;

/// Files of sockets that were bound here. The sockets themselves are with others.
#[derive(Debug)]
pub(super) struct SocketFiles {
    unlink_first: bool,
    files: HashMap<u32, SocketFile>,
}

impl SocketFiles {
    /// With those that a process before this one has left behind.
    pub(super) fn new(unlink_first: bool, left_behind: Vec<(u32, SocketFile)>) -> Self {
        Self { unlink_first, files: left_behind.into_iter().collect() }
    }

    /// A socket that listens on a path, and its file.
    ///
    /// # Errors
    /// A line for the log.
    pub(super) fn listen(&mut self, number: u32, path: &str) -> Result<(OwnedFd, SocketFile), String> {
        if path.len() > LONGEST_SOCKET_PATH {
            return Err(format!("unix_listener: path \"{path}\" too long for Unix domain socket"));
        }
        if self.unlink_first
            && let Err(error) = fs::remove_file(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(format!("unlink({path}): {}", words(&error)));
        }
        let cannot_bind = |error: io::Error| format!("unix_listener: cannot bind to path {path}: {}", words(&error));
        let listener = UnixListener::bind(path).map_err(cannot_bind)?;
        let made = fs::symlink_metadata(path).map_err(cannot_bind)?;
        let file = SocketFile { path: path.to_owned(), device: made.dev(), inode: made.ino() };
        self.files.insert(number, file.clone());
        Ok((listener.into(), file))
    }

    /// Removes the file of a listener, if it has one.
    pub(super) fn remove(&mut self, number: u32) {
        if let Some(file) = self.files.remove(&number) {
            remove(&file);
        }
    }

    /// The same for all.
    pub(super) fn remove_all(&mut self) {
        self.files.drain().for_each(|(_, file)| remove(&file));
    }
}

/// Everything happens with the user's own rights: whoever wins a race here wins what the user could do anyway.
fn remove(file: &SocketFile) {
    let is_it = fs::symlink_metadata(&file.path)
        .is_ok_and(|found| found.file_type().is_socket() && found.dev() == file.device && found.ino() == file.inode);
    if is_it {
        let _ = fs::remove_file(&file.path);
    }
}

/// The listening sockets of every address that can be listened on.
///
/// # Errors
/// Why there is none.
pub(super) fn listen_tcp(resolver: Resolver, host: &BindHost, port: u16) -> Result<Opened, Vec<NotBound>> {
    let addresses = addresses(resolver, host, port).map_err(|why| vec![NotBound::only(why)])?;
    let opened = bind_each(&addresses, port);
    if opened.sockets.is_empty() { Err(opened.failed) } else { Ok(opened) }
}

fn addresses(resolver: Resolver, host: &BindHost, port: u16) -> Result<Vec<SocketAddr>, String> {
    let Families { v4, v6 } = resolver.families;
    let of_each = |v4_address: Ipv4Addr, v6_address: Ipv6Addr| {
        let v6 = v6.then_some(SocketAddr::new(IpAddr::V6(v6_address), port));
        v6.into_iter().chain(v4.then_some(SocketAddr::new(IpAddr::V4(v4_address), port))).collect()
    };
    match host {
        BindHost::Loopback => Ok(of_each(Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST)),
        BindHost::All => Ok(of_each(Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED)),
        BindHost::Named(name) => {
            let failed = |why: &str| format!("channel_setup_fwd_listener_tcpip: getaddrinfo({name}): {why}");
            let found = resolver.addresses(name, port).map_err(|error| failed(&words(&error)))?;
            if found.is_empty() { Err(failed("Address family for hostname not supported")) } else { Ok(found) }
        }
    }
}

/// Binds each address; some may fail (a kernel without IPv6, a port that somebody has on one address), not all. A port
/// that the system chose for the first holds for the others.
fn bind_each(addresses: &[SocketAddr], port: u16) -> Opened {
    let mut opened = Opened { port, file: None, sockets: Vec::new(), failed: Vec::new() };
    let end = addresses.last();
    for address in addresses.iter().take(MOST_SOCKETS) {
        // Not a new address: the interface of a link-local one is part of it.
        let mut wanted = *address;
        wanted.set_port(opened.port);
        match bound(wanted, true) {
            Ok((socket, chosen)) => {
                opened.port = chosen;
                opened.sockets.push(socket);
            }
            Err(error) => {
                let (why, last) = (words(&error), Some(address) == end);
                opened.failed.push(NotBound { address: Some(wanted), why, last });
            }
        }
    }
    opened
}

/// A socket that listens on an address, and its port. With `reuse` also on one that connections have not been gone from
/// for long.
pub(super) fn bound(address: SocketAddr, reuse: bool) -> io::Result<(OwnedFd, u16)> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let socket = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    setsockopt(&socket, sockopt::ReuseAddr, &reuse)?;
    if address.is_ipv6() {
        // Each family has a socket of its own, so that nobody else can take the other half.
        setsockopt(&socket, sockopt::Ipv6V6Only, &true)?;
    }
    bind(socket.as_raw_fd(), &SockaddrStorage::from(address))?;
    listen(&socket.as_fd(), Backlog::new(BACKLOG)?)?;
    let bound: SockaddrStorage = getsockname(socket.as_raw_fd())?;
    let v4 = bound.as_sockaddr_in().map(nix::sys::socket::SockaddrIn::port);
    let port = v4.or(bound.as_sockaddr_in6().map(nix::sys::socket::SockaddrIn6::port));
    Ok((socket, port.unwrap_or(address.port())))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;
    use std::path::Path;

    use super::*;

    const BOTH: Families = Families { v4: true, v6: true };

    fn listen_on(families: Families, host: BindHost, port: u16) -> Result<(u16, Vec<OwnedFd>), String> {
        let opened = listen_tcp(Resolver { families }, &host, port);
        opened.map(|opened| (opened.port, opened.sockets)).map_err(|failed| last_of(&failed))
    }

    /// What is said about the last address, which alone is said to have been the last.
    fn last_of(failed: &[NotBound]) -> String {
        let (last, others) = failed.split_last().unwrap();
        assert!(last.last && others.iter().all(|other| !other.last));
        last.address.map(|address| format!("{address}: ")).unwrap_or_default() + &last.why
    }

    fn is_socket(path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
    }

    fn has_v6() -> bool {
        TcpListener::bind("[::1]:0").is_ok()
    }

    #[test]
    fn loopback_is_loopback_of_every_family_on_one_port() {
        let (port, sockets) = listen_on(BOTH, BindHost::Loopback, 0).unwrap();
        assert_eq!(sockets.len(), 1 + usize::from(has_v6()));
        assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
        assert_eq!(TcpStream::connect(("::1", port)).is_ok(), has_v6());
        assert!(TcpListener::bind(("127.0.0.1", port)).is_err());
        // Not one of the other addresses of this host.
        assert!(TcpStream::connect(("127.0.0.2", port)).is_err());
        let again = listen_on(BOTH, BindHost::Loopback, port).unwrap_err();
        assert!(again.ends_with(&format!(":{port}: Address already in use")), "{again}");
    }

    #[test]
    fn an_address_that_somebody_has_is_told_though_another_is_free() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let told = NotBound {
            address: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
            why: "Address already in use".to_owned(),
            last: true,
        };
        match listen_tcp(Resolver { families: BOTH }, &BindHost::Loopback, port) {
            Ok(opened) => assert_eq!((opened.sockets.len(), opened.failed), (1, vec![told])),
            Err(failed) => assert!(!has_v6() && failed.contains(&told), "{failed:?}"),
        }
    }

    /// Without its interface a link-local address is no address; with it, this one is nobody's.
    #[test]
    fn the_interface_of_an_address_is_kept() {
        if !has_v6() {
            return;
        }
        const FIRST_INTERFACE: u32 = 1;
        let link_local = std::net::SocketAddrV6::new("fe80::5".parse().unwrap(), 0, 0, FIRST_INTERFACE);
        let opened = bind_each(&[link_local.into()], 0);
        assert_eq!(opened.failed[0].why, "Cannot assign requested address");
    }

    #[test]
    fn a_name_without_a_usable_address_is_named() {
        let v4 = Families { v4: true, v6: false };
        let refused = listen_on(v4, BindHost::Named("::1".to_owned()), 0).unwrap_err();
        let why = "channel_setup_fwd_listener_tcpip: getaddrinfo(::1): Address family for hostname not supported";
        assert_eq!(refused, why);
    }

    #[test]
    fn all_and_named_addresses() {
        let v4 = Families { v4: true, v6: false };
        let (port, sockets) = listen_on(v4, BindHost::All, 0).unwrap();
        assert_eq!(sockets.len(), 1);
        assert!(TcpStream::connect(("127.0.0.2", port)).is_ok());
        let (port, _sockets) = listen_on(BOTH, BindHost::Named("127.0.0.3".to_owned()), 0).unwrap();
        assert!(TcpStream::connect(("127.0.0.3", port)).is_ok());
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
        assert!(listen_on(BOTH, BindHost::Named("192.0.2.1".to_owned()), 80).is_err());
    }

    #[test]
    fn the_file_of_a_socket_goes_with_it_and_nobody_elses_does() {
        let folder = std::env::temp_dir().join(format!("bulkhead-forward-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = |name: &str| folder.join(name);
        let on = |name: &str| path(name).to_str().unwrap().to_owned();
        let mut files = SocketFiles::new(false, Vec::new());
        let _socket = files.listen(1, &on("a")).unwrap();
        assert!(UnixStream::connect(path("a")).is_ok());
        let _other = files.listen(2, &on("b")).unwrap();
        let taken = files.listen(3, &on("a")).unwrap_err();
        assert!(taken.ends_with("Address already in use"), "{taken}");
        files.remove(1);
        assert!(!path("a").exists() && is_socket(&path("b")));
        // Somebody has put a file in its place.
        fs::remove_file(path("b")).unwrap();
        fs::write(path("b"), "mine").unwrap();
        files.remove_all();
        assert_eq!(fs::read_to_string(path("b")).unwrap(), "mine");
        // What is in the way is removed only on demand.
        assert!(files.listen(4, &on("b")).is_err());
        let mut unlinking = SocketFiles::new(true, Vec::new());
        let (_socket, made) = unlinking.listen(5, &on("b")).unwrap();
        assert!(is_socket(&path("b")));
        unlinking.remove_all();
        // What a process before has made goes too, and what it has not made does not.
        let (_socket, left) = files.listen(7, &on("c")).unwrap();
        fs::write(path("b"), "mine").unwrap();
        SocketFiles::new(false, vec![(7, left), (5, made)]).remove_all();
        assert!(!path("c").exists() && path("b").exists());
        assert!(files.listen(6, &"x".repeat(300)).is_err());
        fs::remove_dir_all(folder).unwrap();
    }
}
