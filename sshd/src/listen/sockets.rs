//! The sockets that listen.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use events::listener::Event;
use events::{Endpoint, Level};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, SockaddrIn6, bind, listen, setsockopt, socket, sockopt,
};

/// Connections that the kernel keeps for us until we accept them.
const BACKLOG: i32 = 128;

/// A socket that listens.
#[derive(Debug)]
pub(crate) struct Listening {
    /// Where.
    pub(crate) at: SocketAddr,
    /// The socket; it does not block.
    pub(crate) socket: TcpListener,
}

/// Why an address cannot be listened on.
#[derive(Debug)]
pub(crate) struct CannotListen {
    /// The address.
    pub(crate) at: SocketAddr,
    /// The system's reason.
    pub(crate) why: Errno,
}

impl CannotListen {
    /// For the log.
    pub(crate) fn event(&self) -> Event {
        match self.why {
            // A kernel without IPv6 is no mistake of anybody.
            Errno::EAFNOSUPPORT => Event::Said { level: Level::Verbose, text: format!("socket: {}", self.why.desc()) },
            why => Event::BindFailed { at: endpoint(self.at), why: why.desc().to_owned() },
        }
    }
}

/// Listens on an address. An IPv6 socket takes IPv6 connections only: `0.0.0.0` has a socket of its own.
pub(crate) fn listen_on(at: SocketAddr) -> Result<Listening, CannotListen> {
    let opened = || -> nix::Result<OwnedFd> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let family = if at.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let opened = socket(family, SockType::Stream, flags, None)?;
        // Connections of the listener before us may still linger on the port.
        setsockopt(&opened, sockopt::ReuseAddr, &true)?;
        bind_to(&opened, at)?;
        listen(&opened, Backlog::new(BACKLOG)?)?;
        Ok(opened)
    };
    let socket = opened().map_err(|why| CannotListen { at, why })?;
    Ok(Listening { at, socket: TcpListener::from(socket) })
}

fn bind_to(socket: &OwnedFd, at: SocketAddr) -> nix::Result<()> {
    use std::os::fd::AsRawFd;
    match at {
        SocketAddr::V4(at) => bind(socket.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(*at.ip(), at.port()))),
        SocketAddr::V6(at) => {
            setsockopt(socket, sockopt::Ipv6V6Only, &true)?;
            let at = SocketAddrV6::new(*at.ip(), at.port(), at.flowinfo(), at.scope_id());
            bind(socket.as_raw_fd(), &SockaddrIn6::from(at))
        }
    }
}

/// TCPKeepAlive of sshd_config(5), and no waiting for more to send: a whole batch of packets is written at once.
pub(crate) fn prepare(connection: &TcpStream, keep_alive: bool) {
    // A connection that cannot be tuned is one that has ended: its monitor finds out.
    let _ = connection.set_nodelay(true);
    let _ = setsockopt(connection, sockopt::KeepAlive, &keep_alive);
}

/// An address in the words of the log.
pub(crate) fn endpoint(at: SocketAddr) -> Endpoint {
    Endpoint { address: unmapped(at.ip()).to_string(), port: at.port() }
}

/// IPv4 addresses that a socket of somebody else's making (inetd, systemd) shows as IPv6: rules of the administrator
/// are written for IPv4.
pub(crate) fn unmapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// Both ends of an accepted connection.
pub(crate) fn ends_of(peer: SocketAddr, local: io::Result<SocketAddr>) -> (Endpoint, Endpoint) {
    (endpoint(peer), local.map_or_else(|_| Endpoint::unknown(), endpoint))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_port_is_listened_on_once() {
        let first = listen_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let at = first.socket.local_addr().unwrap();
        TcpStream::connect(at).unwrap();
        assert_eq!(listen_on(at).unwrap_err().why, Errno::EADDRINUSE);
    }

    #[test]
    fn a_mapped_address_is_shown_as_the_ipv4_address_it_is() {
        assert_eq!(endpoint("[::ffff:192.0.2.7]:22".parse().unwrap()).address, "192.0.2.7");
        assert_eq!(endpoint("[2001:db8::7]:22".parse().unwrap()).address, "2001:db8::7");
    }
}
