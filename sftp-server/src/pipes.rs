//! Standard input and output.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use sftp::{ByteQueue, Server};

/// The way to the client. Both directions wait: a client that does not take its answers is not read any further.
pub(crate) struct Pipes {
    input: io::Stdin,
    stdout: io::Stdout,
    /// Answers that are not sent yet.
    pub(crate) output: ByteQueue,
}

/// Why no more can be received or sent.
pub(crate) enum Ended {
    PeerIsGone,
    Failed(io::Error),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Self::PeerIsGone,
            _ => Self::Failed(error),
        }
    }
}

impl Pipes {
    pub(crate) fn of_this_process() -> Self {
        Self { input: io::stdin(), stdout: io::stdout(), output: ByteQueue::new() }
    }

    /// Sends everything that is in the output.
    pub(crate) fn send(&mut self) -> Result<(), Ended> {
        while !self.output.is_empty() {
            match nix::unistd::write(&self.stdout, self.output.pending()) {
                Ok(0) => return Err(Ended::PeerIsGone),
                Ok(sent) => self.output.consumed(sent),
                Err(error) => wait_or_fail(error, self.stdout.as_fd(), PollFlags::POLLOUT)?,
            }
        }
        Ok(())
    }

    /// Receives something.
    pub(crate) fn receive(&mut self, server: &mut Server) -> Result<(), Ended> {
        loop {
            match nix::unistd::read(&self.input, server.input_space()) {
                Ok(0) => return Err(Ended::PeerIsGone),
                Ok(received) => {
                    server.input_filled(received);
                    return Ok(());
                }
                Err(error) => wait_or_fail(error, self.input.as_fd(), PollFlags::POLLIN)?,
            }
        }
    }
}

/// Whoever started this process may have left its descriptors non-blocking.
fn wait_or_fail(error: Errno, fd: BorrowedFd<'_>, until: PollFlags) -> Result<(), Ended> {
    match error {
        Errno::EINTR => Ok(()),
        Errno::EAGAIN => match poll(&mut [PollFd::new(fd, until)], PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(io::Error::from(error).into()),
        },
        error => Err(io::Error::from(error).into()),
    }
}
