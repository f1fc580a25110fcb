//! What the server under test and its children write, line by line as it comes.

use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, ChildStderr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::PATIENCE;

/// Lines of everybody's log.
pub(crate) struct Log {
    pipe: OwnedFd,
    told: Mutex<Told>,
    grown: Condvar,
}

#[derive(Default)]
struct Told {
    lines: Vec<String>,
    /// The beginning of a line whose end has not come yet.
    rest: Vec<u8>,
}

impl Log {
    pub(crate) fn of(pipe: ChildStderr) -> Arc<Self> {
        let log = Arc::new(Self { pipe: pipe.into(), told: Mutex::default(), grown: Condvar::new() });
        let reading = Arc::clone(&log);
        thread::spawn(move || reading.follow());
        log
    }

    /// Every line that has been written until now: what still stands in the pipe is waited for.
    pub(crate) fn lines(&self) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let told = self.told();
            if !self.has_more(PollTimeout::ZERO) || Instant::now() > deadline {
                return told.lines.clone();
            }
            self.wait_a_moment(told);
        }
    }

    /// Waits for a line that contains `text`.
    pub(crate) fn find(&self, text: &str) -> Option<String> {
        self.find_while(text, || true)
    }

    /// The same, as long as `child` lives.
    pub(crate) fn find_while_lives(&self, text: &str, child: &mut Child) -> Option<String> {
        self.find_while(text, || child.try_wait().expect("the child").is_none())
    }

    fn find_while(&self, text: &str, mut goes_on: impl FnMut() -> bool) -> Option<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let may_come = goes_on() && Instant::now() < deadline;
            let told = self.told();
            if let Some(line) = told.lines.iter().find(|line| line.contains(text)) {
                return Some(line.clone());
            }
            if !may_come {
                return None;
            }
            self.wait_a_moment(told);
        }
    }

    fn follow(&self) {
        let mut chunk = [0; 65536];
        while self.has_more(PollTimeout::NONE) {
            // Read with the lock held: whoever has it and finds the pipe empty knows that nothing is on its way.
            let mut told = self.told();
            match nix::unistd::read(&self.pipe, &mut chunk) {
                Ok(0) => return,
                Ok(length) => told.take(&chunk[..length]),
                Err(Errno::EINTR) => {}
                Err(_) => return,
            }
            self.grown.notify_all();
        }
    }

    fn has_more(&self, within: PollTimeout) -> bool {
        let mut polled = [PollFd::new(self.pipe.as_fd(), PollFlags::POLLIN)];
        loop {
            match poll(&mut polled, within) {
                Err(Errno::EINTR) => {}
                _ => return polled[0].revents().is_some_and(|found| found.contains(PollFlags::POLLIN)),
            }
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().expect("the log")
    }

    fn wait_a_moment(&self, told: MutexGuard<'_, Told>) {
        let _ = self.grown.wait_timeout(told, Duration::from_millis(50)).expect("the log");
    }
}

impl Told {
    fn take(&mut self, chunk: &[u8]) {
        self.rest.extend_from_slice(chunk);
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return };
        let rest = self.rest.split_off(end + 1);
        let whole = std::mem::replace(&mut self.rest, rest);
        self.lines.extend(
            whole[..end].split(|byte| *byte == b'\n').map(|line| String::from_utf8_lossy(line).trim_end().to_owned()),
        );
    }
}
