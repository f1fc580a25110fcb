//! Threads, as many as there is work for and no more than bounded.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Requests that are worked on at the same time. Others wait: a name server that does not answer holds some threads for a
/// while, never all memory.
const MOST_THREADS: usize = 256;

/// Stack of a thread in bytes; only what is touched takes memory. glibc's resolver wants some tens of KiB.
const STACK: usize = 256 * 1024;

type Job = Box<dyn FnOnce() + Send>;

/// The threads and what waits for one.
#[derive(Clone, Default)]
pub(super) struct Workers(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    threads: usize,
    waiting: VecDeque<Job>,
}

impl Workers {
    /// Has `job` done by some thread, now or when one is free.
    pub(super) fn work(&self, job: impl FnOnce() + Send + 'static) {
        let mut state = self.lock();
        state.waiting.push_back(Box::new(job));
        if state.threads >= MOST_THREADS {
            return;
        }
        let workers = self.clone();
        let started = std::thread::Builder::new().stack_size(STACK).spawn(move || workers.work_off());
        state.threads = state.threads.saturating_add(usize::from(started.is_ok()));
        let nobody_else = state.threads == 0;
        drop(state);
        if nobody_else {
            // The system gives this user no thread: slowly is better than not at all.
            self.work_off_here();
        }
    }

    fn work_off(&self) {
        self.work_off_here();
        let mut state = self.lock();
        state.threads = state.threads.saturating_sub(1);
        // What came while this thread was about to end had a thread of its own started, or finds one below the limit.
        let left_behind = !state.waiting.is_empty() && state.threads == 0;
        drop(state);
        if left_behind {
            self.work_off_here();
        }
    }

    fn work_off_here(&self) {
        loop {
            let Some(job) = self.lock().waiting.pop_front() else { return };
            job();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    #[test]
    fn everything_is_done_though_many_wait_for_ever() {
        let workers = Workers::default();
        let (done, all_done) = channel();
        for number in 0..2000 {
            let done = done.clone();
            workers.work(move || done.send(number).unwrap());
        }
        // Fewer than there may be threads: the others go on.
        for _ in 0..MOST_THREADS / 2 {
            workers.work(|| {
                loop {
                    std::thread::park()
                }
            });
        }
        for number in 2000..4000 {
            let done = done.clone();
            workers.work(move || done.send(number).unwrap());
        }
        let mut numbers: Vec<u32> =
            (0..4000).map(|_| all_done.recv_timeout(Duration::from_secs(20)).unwrap()).collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..4000));
        assert!(workers.lock().threads <= MOST_THREADS);
    }
}
