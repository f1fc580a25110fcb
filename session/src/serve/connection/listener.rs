//! One listening socket in the event loop.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::task::{Context, Poll, ready};

use nix::errno::Errno;
use nix::sys::socket::{Shutdown, shutdown};
use tokio::io::unix::AsyncFd;

use crate::serve::descriptor::{Descriptor, Nature, watch};

/// A socket that was bound by somebody else; here it only accepts.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(AsyncFd<TcpListener>),
    Unix(AsyncFd<UnixListener>),
}

/// What one attempt to accept came to.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// A connection, and where it comes from (nothing, for a path).
    Somebody { socket: Descriptor, address: String, port: u16 },
    /// It failed; the next one may not.
    Nobody,
    /// This process or the system has no descriptor left.
    NoDescriptors,
}

impl Listener {
    /// Needs the runtime to be entered.
    pub(crate) fn new(socket: OwnedFd, is_path: bool) -> io::Result<Self> {
        sys::fd::set_nonblocking(socket.as_fd(), true)?;
        Ok(match is_path {
            true => Self::Unix(watch(UnixListener::from(socket))?),
            false => Self::Tcp(watch(TcpListener::from(socket))?),
        })
    }

    /// Accepts one connection. While there is none, the task of `cx` is woken when there is.
    pub(crate) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Accepted> {
        let accepted = match self {
            Self::Tcp(listener) => ready!(poll_once(listener, cx, |listener| {
                let (socket, from) = listener.accept()?;
                // As theirs; small packets of interactive protocols are not held back.
                let _ = socket.set_nodelay(true);
                Ok((OwnedFd::from(socket), from.ip().to_string(), from.port()))
            })),
            Self::Unix(listener) => ready!(poll_once(listener, cx, |listener| {
                let (socket, _) = listener.accept()?;
                Ok((OwnedFd::from(socket), String::new(), 0))
            })),
        };
        let opened = accepted.and_then(|(socket, address, port)| {
            Ok(Accepted::Somebody { socket: Descriptor::new(socket, Nature::Socket)?, address, port })
        });
        Poll::Ready(opened.unwrap_or_else(|error| match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM) => Accepted::NoDescriptors,
            _ => Accepted::Nobody,
        }))
    }
}

/// Whoever has bound the socket may not have come to closing its own copy yet; nothing is accepted by that one either.
impl Drop for Listener {
    fn drop(&mut self) {
        let socket = match self {
            Self::Tcp(listener) => listener.as_raw_fd(),
            Self::Unix(listener) => listener.as_raw_fd(),
        };
        let _ = shutdown(socket, Shutdown::Both);
    }
}

fn poll_once<L: AsRawFd, T>(
    listener: &AsyncFd<L>,
    cx: &mut Context<'_>,
    accept: impl Fn(&L) -> io::Result<T>,
) -> Poll<io::Result<T>> {
    loop {
        let mut readiness = match ready!(listener.poll_read_ready(cx)) {
            Ok(readiness) => readiness,
            Err(error) => return Poll::Ready(Err(error)),
        };
        match accept(listener.get_ref()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => readiness.clear_ready(),
            accepted => return Poll::Ready(accepted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::test_runtime::in_runtime;
    use std::net::TcpStream;
    use std::os::unix::net::UnixStream;

    #[test]
    fn nobody_gets_through_to_a_copy_of_a_socket_that_is_given_up() {
        in_runtime(async {
            let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
            let (address, copy) = (tcp.local_addr().unwrap(), tcp.try_clone().unwrap());
            let listener = Listener::new(tcp.into(), false).unwrap();
            TcpStream::connect(address).expect("it listens");
            drop(listener);
            assert_eq!(TcpStream::connect(address).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
            drop(copy);
        });
    }

    #[test]
    fn nor_to_a_copy_of_one_that_has_a_path() {
        let path = std::env::temp_dir().join(format!("bulkhead-listener-{}", std::process::id()));
        in_runtime(async {
            let unix = UnixListener::bind(&path).unwrap();
            let copy = unix.try_clone().unwrap();
            let listener = Listener::new(unix.into(), true).unwrap();
            UnixStream::connect(&path).expect("it listens");
            drop(listener);
            assert_eq!(UnixStream::connect(&path).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
            drop(copy);
        });
        std::fs::remove_file(path).unwrap();
    }
}
