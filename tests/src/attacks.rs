//! What attackers do, from addresses of their own: every address of 127.0.0.0/8 is a source.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::fd::AsRawFd;
use std::process::Command;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};

use crate::{PATIENCE, Server, project};

/// What a client is told that gets no place.
pub const TURNED_AWAY: &str = "Not allowed at this time\r\n";

/// A raw connection from another address of this machine, such as 127.0.0.2: a source of its own.
#[must_use]
pub fn connect_from(server: &Server, address: &str) -> TcpStream {
    try_connect_from(server.port, address).expect("the server listens")
}

/// The same, in a flood that may be too much.
///
/// # Errors
/// The system's.
pub fn try_connect_from(port: u16, address: &str) -> io::Result<TcpStream> {
    let address: Ipv4Addr = address.parse().expect("an IPv4 address");
    let stream = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    bind(stream.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(address, 0)))?;
    connect(stream.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)))?;
    let stream = TcpStream::from(stream);
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// What the server says to somebody who sends this and then waits for the end.
pub fn answer_to(mut peer: TcpStream, sent: &[u8]) -> String {
    let _ = peer.write_all(sent);
    let mut answer = Vec::new();
    let _ = peer.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Whether somebody from this address gets a place.
#[must_use]
pub fn is_served(server: &Server, from: &str) -> bool {
    let mut greeting = [0; 4];
    connect_from(server, from).read_exact(&mut greeting).is_ok_and(|()| &greeting == b"SSH-")
}

/// The attacks of `attacks.py`, which explains its arguments.
#[must_use]
pub fn attacks_py(arguments: &[&str]) -> Command {
    let mut python = Command::new("/usr/bin/python3");
    python.arg(project().join("tests/src/attacks.py")).args(arguments);
    python
}
