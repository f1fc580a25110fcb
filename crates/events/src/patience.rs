//! How long a line may wait for its reader: a log that is stuck must not stop logins.

use std::os::fd::BorrowedFd;

use nix::poll::{PollFd, PollFlags, poll};

/// Milliseconds that one line waits for room.
const WAIT: u16 = 100;

/// Waits once, then not again until a line has got through.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    lost: u64,
    exhausted: bool,
}

impl Patience {
    /// Whether there is room for a line, or was within [`WAIT`].
    pub(crate) fn wait_for_room(&mut self, sink: BorrowedFd<'_>) -> bool {
        let wait = if self.exhausted { 0 } else { WAIT };
        let mut fds = [PollFd::new(sink, PollFlags::POLLOUT)];
        // A sink that cannot be waited for (closed, no reader) is tried anyway: the write tells what is wrong.
        let room = poll(&mut fds, wait) != Ok(0);
        self.exhausted = !room;
        room
    }

    /// One more line that nobody will read.
    pub(crate) fn line_was_lost(&mut self) {
        self.lost = self.lost.saturating_add(1);
    }

    /// How many since the last one that was admitted to.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// The log now says how many.
    pub(crate) fn made_up_for_losses(&mut self) {
        self.lost = 0;
    }
}
