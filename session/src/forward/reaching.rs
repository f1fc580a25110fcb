//! Connecting: all addresses of a name in the resolver's order.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use ipc::forwarding::{LONGEST_SOCKET_PATH, Reach};
use ipc::start::Families;
use nix::errno::Errno;

/// How long one address may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Looks names up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resolver {
    pub(super) families: Families,
}

/// Why nothing was reached, in the system's words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotReached {
    /// Whether the name has addresses.
    pub(super) found: bool,
    pub(super) text: String,
}

impl Resolver {
    /// A connected socket.
    pub(super) fn reach(self, to: &Reach) -> Result<OwnedFd, NotReached> {
        match to {
            Reach::Tcp { host, port } => self.reach_host(host, *port),
            Reach::Path(path) if path.len() > LONGEST_SOCKET_PATH => Err(NotReached::last(&Errno::ENAMETOOLONG.into())),
            Reach::Path(path) => UnixStream::connect(path).map(OwnedFd::from).map_err(|error| NotReached::last(&error)),
        }
    }

    fn reach_host(self, host: &str, port: u16) -> Result<OwnedFd, NotReached> {
        let addresses = self.addresses(host, port).map_err(|error| NotReached { found: false, text: words(&error) })?;
        let mut last = NotReached { found: false, text: "Address family for hostname not supported".to_owned() };
        for address in addresses {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(socket) => {
                    // As theirs; a socket without it only waits longer.
                    let _ = socket.set_nodelay(true);
                    return Ok(socket.into());
                }
                Err(error) => last = NotReached::last(&error),
            }
        }
        Err(last)
    }

    /// The addresses of a name, of the families that may be used.
    pub(super) fn addresses(self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let families = self.families;
        let usable = move |address: &SocketAddr| if address.is_ipv4() { families.v4 } else { families.v6 };
        Ok((host, port).to_socket_addrs()?.filter(usable).collect())
    }
}

impl NotReached {
    fn last(error: &io::Error) -> Self {
        Self { found: true, text: words(error) }
    }
}

/// What strerror(3) or gai_strerror(3) say, without what Rust puts around it.
pub(super) fn words(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(_) => sys::errors::words(error),
        None if error.kind() == io::ErrorKind::TimedOut => Errno::ETIMEDOUT.desc().to_owned(),
        None => {
            let text = error.to_string();
            text.strip_prefix("failed to lookup address information: ").unwrap_or(&text).to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const BOTH: Resolver = Resolver { families: Families { v4: true, v6: true } };

    fn tcp(host: &str, port: u16) -> Reach {
        Reach::Tcp { host: host.to_owned(), port }
    }

    #[test]
    fn whatever_listens_is_reached_by_name() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in ["localhost", "127.0.0.1"] {
            assert!(BOTH.reach(&tcp(host, port)).is_ok(), "{host}");
        }
        let only_v6 = Resolver { families: Families { v4: false, v6: true } };
        assert!(only_v6.reach(&tcp("127.0.0.1", port)).is_err());
    }

    #[test]
    fn what_is_not_reached_says_so_in_the_systems_words() {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let refused = NotReached { found: true, text: "Connection refused".to_owned() };
        assert_eq!(BOTH.reach(&tcp("127.0.0.1", nobody)).unwrap_err(), refused);
        assert_eq!(BOTH.reach(&tcp("127.0.0.1", 0)).unwrap_err(), refused);
        let unknown = BOTH.reach(&tcp("no such name.invalid", 80)).unwrap_err();
        assert!(!unknown.found && !unknown.text.contains("failed to lookup"), "{unknown:?}");
        let missing = BOTH.reach(&Reach::Path("/nonexistent/socket".to_owned())).unwrap_err();
        assert_eq!(missing.text, "No such file or directory");
        let long = BOTH.reach(&Reach::Path("x".repeat(LONGEST_SOCKET_PATH + 1))).unwrap_err();
        assert_eq!(long.text, "File name too long");
        assert!(BOTH.reach(&Reach::Path("a\0b".to_owned())).is_err());
    }
}
