//! The socket behind `sshd --reload`: whoever connects to it asks for a reload and is told how it went. Nothing is read
//! from it; the connection itself, and whose it is, says all.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::Duration;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

/// What a reload answers when all is well; anything else is the reason why the configuration stays as it was.
pub(crate) const DONE: &str = "reloaded\n";

/// How long somebody who asked may take to read the answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where a listener is asked. The name lives in memory: no file is left behind.
pub(crate) fn address(pid: i32) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("bulkhead/{pid}/reload"))
}

/// A place to ask this process for a reload.
pub(crate) fn listen() -> io::Result<tokio::net::UnixListener> {
    let pid = i32::try_from(std::process::id()).unwrap_or(0);
    let socket = UnixListener::bind_addr(&address(pid)?)?;
    socket.set_nonblocking(true)?;
    tokio::net::UnixListener::from_std(socket)
}

/// Whether the other end is root or whoever runs this process: the same people who could send a signal, and the same
/// whose answers can be believed.
pub(crate) fn is_from_a_master(connection: &impl AsFd) -> bool {
    let own = nix::unistd::geteuid().as_raw();
    getsockopt(connection, PeerCredentials).is_ok_and(|peer| peer.uid() == 0 || peer.uid() == own)
}

/// Tells how it went.
pub(crate) fn answer(connection: UnixStream, outcome: &Result<(), String>) {
    let mut connection = connection;
    let text = outcome.as_ref().map_or_else(|why| format!("{why}\n"), |()| DONE.to_owned());
    // Somebody who does not want to know is not waited for.
    let _ = connection.set_nonblocking(false);
    let _ = connection.set_write_timeout(Some(PATIENCE));
    let _ = connection.write_all(text.as_bytes());
}
