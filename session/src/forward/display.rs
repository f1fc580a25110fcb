//! X11 displays: TCP ports from 6000 on (RFC 4254 section 6.3).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

use ipc::start::Families;
use nix::errno::Errno;

use super::listening::bound;
use super::reaching::words;

/// The port of display 0.
const FIRST_PORT: u16 = 6000;

/// How many displays are tried, as theirs.
const MOST_TRIED: u16 = 1000;

/// The port and the sockets of the first display that is free on **every** address: were one address family left to
/// others, whoever takes it gets what is meant for this display (CVE-2008-1483).
///
/// # Errors
/// A line for the log.
pub(super) fn listen(families: Families, first: u16, loopback: bool) -> Result<(u16, Vec<OwnedFd>), String> {
    let hosts = hosts(families, loopback);
    let last = first.saturating_add(MOST_TRIED);
    for port in (first..last).filter_map(|display| FIRST_PORT.checked_add(display)) {
        match listen_on_all(&hosts, port, loopback) {
            Ok(sockets) if sockets.is_empty() => return Err("no address family for X11".to_owned()),
            Ok(sockets) => return Ok((port, sockets)),
            Err(error) if error.raw_os_error() == Some(Errno::EADDRINUSE as i32) => {}
            Err(error) => return Err(format!("cannot listen for X11 on port {port}: {}", words(&error))),
        }
    }
    Err("Failed to allocate internet-domain X11 display socket.".to_owned())
}

fn hosts(families: Families, loopback: bool) -> Vec<IpAddr> {
    let v6 = if loopback { Ipv6Addr::LOCALHOST } else { Ipv6Addr::UNSPECIFIED };
    let v4 = if loopback { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
    let v6 = families.v6.then_some(IpAddr::V6(v6));
    v6.into_iter().chain(families.v4.then_some(IpAddr::V4(v4))).collect()
}

/// A kernel without an address family has nobody who could use it either.
fn listen_on_all(hosts: &[IpAddr], port: u16, loopback: bool) -> io::Result<Vec<OwnedFd>> {
    let mut sockets = Vec::new();
    for host in hosts {
        // Addresses of others may be reused by a stranger who is more specific (CVE-2008-3259): not asked for there.
        match bound(SocketAddr::new(*host, port), loopback) {
            Ok((socket, _)) => sockets.push(socket),
            Err(error) if is_no_family(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sockets)
}

fn is_no_family(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(Errno::from_raw),
        Some(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL | Errno::EINVAL | Errno::EPFNOSUPPORT)
    )
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const BOTH: Families = Families { v4: true, v6: true };

    #[test]
    fn a_display_that_somebody_has_on_one_address_is_not_taken() {
        // Far from what anybody on this host uses.
        let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
        let (port, sockets) = listen(BOTH, first, true).unwrap();
        assert!(TcpListener::bind(("127.0.0.1", port)).is_err());
        drop(sockets);
        for taken in ["127.0.0.1", "::1"] {
            let Ok(_somebody) = TcpListener::bind((taken, port)) else { continue };
            let (other, _sockets) = listen(BOTH, port - FIRST_PORT, true).unwrap();
            assert!(other > port, "{taken}");
        }
    }
}
