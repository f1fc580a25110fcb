//! Signals as input: nothing runs in a handler (CVE-2006-5051 and CVE-2024-6387 were work in handlers).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// A descriptor that is readable when one of its signals came (signalfd(2)).
#[derive(Debug)]
pub struct Signals(SignalFd);

impl Signals {
    /// Blocks these signals in this thread and watches for them. To be called before any other thread exists.
    ///
    /// # Errors
    /// As sigprocmask(2), signalfd(2).
    pub fn block_and_watch(signals: &[Signal]) -> io::Result<Signals> {
        let watched: SigSet = signals.iter().copied().collect();
        watched.thread_block()?;
        Ok(Signals(SignalFd::with_flags(&watched, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?))
    }

    /// The next signal that came; `None` when there is none (it never blocks: poll first).
    ///
    /// # Errors
    /// As read(2).
    pub fn next_received(&self) -> io::Result<Option<Signal>> {
        let Some(received) = self.0.read_signal()? else { return Ok(None) };
        let number = i32::try_from(received.ssi_signo).map_err(|_| io::ErrorKind::InvalidData)?;
        Ok(Some(Signal::try_from(number)?))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Signals {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::SigmaskHow;

    #[test]
    fn a_signal_becomes_input() {
        let before = SigSet::empty().thread_swap_mask(SigmaskHow::SIG_BLOCK).unwrap();
        let signals = Signals::block_and_watch(&[Signal::SIGUSR1, Signal::SIGUSR2]).unwrap();
        assert_eq!(signals.next_received().unwrap(), None);
        nix::sys::signal::raise(Signal::SIGUSR2).unwrap();
        assert_eq!(signals.next_received().unwrap(), Some(Signal::SIGUSR2));
        assert_eq!(signals.next_received().unwrap(), None);
        before.thread_set_mask().unwrap();
    }
}
