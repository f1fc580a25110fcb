//! A descriptor that is waited for by the event loop, read and written without blocking.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, Shutdown, recv, shutdown};
use nix::sys::termios::{LocalFlags, tcgetattr};
use tokio::io::unix::AsyncFd;

/// What is behind a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    /// A pipe, or the connection's own socket: a read that fills less than asked has emptied it.
    Stream,
    /// The socket of a forwarded connection: as above, but each direction ends on its own.
    Socket,
    /// A device that gives one packet for each read.
    Packets,
    /// The master side of a terminal: it gives its input in portions.
    Terminal,
}

/// An open, non-blocking descriptor that the event loop knows.
#[derive(Debug)]
pub(crate) struct Descriptor {
    fd: AsyncFd<OwnedFd>,
    nature: Nature,
}

/// What one attempt to read came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadOutcome {
    /// So many bytes, more than none.
    Some(usize),
    /// No more will come: end of file, or (a terminal that was hung up) an error.
    End,
}

impl Descriptor {
    /// Takes over a descriptor. Needs the runtime to be entered.
    pub(crate) fn new(fd: OwnedFd, nature: Nature) -> io::Result<Self> {
        sys::fd::set_nonblocking(fd.as_fd(), true)?;
        Ok(Self { fd: watch(fd)?, nature })
    }

    /// Reads once. While there is nothing, the task of `cx` is woken when there is.
    pub(crate) fn poll_read(&self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<ReadOutcome>> {
        loop {
            let mut readiness = ready!(self.fd.poll_read_ready(cx))?;
            match sys::fd::read(self.fd.as_fd(), into) {
                Ok(0) => return Poll::Ready(Ok(ReadOutcome::End)),
                Ok(count) => {
                    // Edge-triggered: what arrives from now on is told anew. Saves the read(2) that would find nothing.
                    if matches!(self.nature, Nature::Stream | Nature::Socket) && count < into.len() {
                        readiness.clear_ready();
                    }
                    return Poll::Ready(Ok(ReadOutcome::Some(count)));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => readiness.clear_ready(),
                Err(error) if self.nature == Nature::Terminal => return Poll::Ready(self.read_behind(error, into)),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Reads once more after the error that is a terminal's end of file. The kernel looks first for input and then
    /// whether the last user has gone: what that one wrote in between is left lying. Nobody writes after the error, so
    /// this read misses nothing.
    fn read_behind(&self, end: io::Error, into: &mut [u8]) -> io::Result<ReadOutcome> {
        match sys::fd::read(self.fd.as_fd(), into) {
            Ok(count) if count > 0 => Ok(ReadOutcome::Some(count)),
            _ => Err(end),
        }
    }

    /// Writes once, and says how much. While nothing can be written, the task of `cx` is woken when it can.
    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut readiness = ready!(self.fd.poll_write_ready(cx))?;
            match sys::fd::write(self.fd.as_fd(), bytes) {
                Ok(count) => {
                    if self.nature != Nature::Terminal && count < bytes.len() {
                        readiness.clear_ready();
                    }
                    return Poll::Ready(Ok(count));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => readiness.clear_ready(),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Whether a read would find something or the end; if not, the task of `cx` is woken when it would.
    pub(crate) fn is_readable(&self, cx: &mut Context<'_>) -> bool {
        self.fd.poll_read_ready(cx).is_ready()
    }

    /// Whether there is nothing more to read for ever, found out without reading: for when the peer takes no data now.
    pub(crate) fn is_at_end(&self, cx: &mut Context<'_>) -> bool {
        let Poll::Ready(Ok(readiness)) = self.fd.poll_read_ready(cx) else { return false };
        if !readiness.ready().is_read_closed() {
            return false;
        }
        if self.nature == Nature::Socket {
            return matches!(recv(self.fd.as_raw_fd(), &mut [0], MsgFlags::MSG_PEEK), Ok(0) | Err(Errno::ECONNRESET));
        }
        // Hung up, and no input is left: what tokio remembers does not tell those apart. Asked twice, as the kernel
        // looks for input first and for the hang-up then: only from the second time on is no input in between missed.
        self.is_hung_up_and_empty() && self.is_hung_up_and_empty()
    }

    /// Shuts a socket down in the direction of what we send.
    pub(crate) fn send_no_more(&self) {
        // One that is broken already has nobody who waits for the end.
        let _ = shutdown(self.fd.as_raw_fd(), Shutdown::Write);
    }

    fn is_hung_up_and_empty(&self) -> bool {
        self.state() == Some(PollFlags::POLLHUP)
    }

    /// Whether there is input at this moment, whatever the event loop has heard of so far.
    pub(crate) fn has_input(&self) -> bool {
        self.state().is_some_and(|state| state.contains(PollFlags::POLLIN))
    }

    fn state(&self) -> Option<PollFlags> {
        let mut fd = [PollFd::new(self.fd.as_fd(), PollFlags::POLLIN)];
        let asked = poll(&mut fd, PollTimeout::ZERO);
        let [fd] = fd;
        fd.revents().filter(|_| asked.is_ok())
    }

    /// Whether a terminal reads whole lines without showing them: most likely a password is typed.
    pub(crate) fn hides_what_is_typed(&self) -> bool {
        self.nature == Nature::Terminal
            && tcgetattr(&self.fd).is_ok_and(|modes| {
                modes.local_flags.contains(LocalFlags::ICANON) && !modes.local_flags.contains(LocalFlags::ECHO)
            })
    }
}

/// Makes a descriptor known to the event loop. Needs the runtime to be entered.
// The new name of this function is `unsafe`, as a value could change its descriptor's number while it is watched. Ours
// own one descriptor for life and are never replaced inside their `AsyncFd`.
#[allow(deprecated)]
pub(crate) fn watch<T: AsRawFd>(owner: T) -> io::Result<AsyncFd<T>> {
    AsyncFd::new(owner)
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::test_runtime::in_runtime;

    fn read_now(descriptor: &Descriptor, into: &mut [u8]) -> Option<ReadOutcome> {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        match descriptor.poll_read(&mut cx, into) {
            Poll::Ready(outcome) => Some(outcome.unwrap()),
            Poll::Pending => None,
        }
    }

    #[test]
    fn what_was_written_is_read_and_then_the_end() {
        in_runtime(async {
            let (reader, writer) = sys::fd::pipe(4096).unwrap();
            let reader = Descriptor::new(reader, Nature::Stream).unwrap();
            assert_eq!(read_now(&reader, &mut [0; 8]), None);
            sys::fd::write(writer.as_fd(), b"abc").unwrap();
            reader.fd.readable().await.unwrap().retain_ready();
            assert_eq!(read_now(&reader, &mut [0; 8]), Some(ReadOutcome::Some(3)));
            assert_eq!(read_now(&reader, &mut [0; 8]), None);
            drop(writer);
            reader.fd.readable().await.unwrap().retain_ready();
            assert_eq!(read_now(&reader, &mut [0; 8]), Some(ReadOutcome::End));
        });
    }
}
