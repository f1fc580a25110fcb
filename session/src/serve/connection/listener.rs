//! One listening socket in the event loop.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::task::{Context, Poll, ready};

use nix::errno::Errno;
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

fn poll_once<L: std::os::fd::AsRawFd, T>(
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
