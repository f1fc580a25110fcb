//! What happens when nothing happens: signs of life are asked for, new keys become due, memory is given back.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// How long nothing moves before memory is given back.
const QUIET: Duration = Duration::from_secs(1);

/// What is due now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Due {
    /// Memory that only a busy connection needs can go.
    pub(crate) quiet: bool,
    /// The peer is to be asked for a sign of life.
    pub(crate) probe: bool,
    /// The peer has left too many questions unanswered.
    pub(crate) unresponsive: bool,
    /// A channel has been idle for too long.
    pub(crate) idle: bool,
    /// The connection has been without channels for too long.
    pub(crate) unused: bool,
    /// What was too fast can go on.
    pub(crate) go_on: bool,
}

/// The deadlines of a connection, and one timer for all of them.
#[derive(Debug)]
pub(crate) struct Clock {
    sleep: Pin<Box<Sleep>>,
    quiet_at: Option<Instant>,
    alive: Option<Alive>,
    /// `RekeyLimit`, second value.
    rekey_every: Option<Duration>,
    rekey_at: Option<Instant>,
    /// When the next channel is idle for too long.
    idle_at: Option<Instant>,
    /// `UnusedConnectionTimeout`
    unused_after: Option<Duration>,
    unused_at: Option<Instant>,
    go_on_at: Option<Instant>,
}

/// `ClientAliveInterval` and `ClientAliveCountMax`
#[derive(Debug)]
struct Alive {
    interval: Duration,
    most_unanswered: u32,
    unanswered: u32,
    next: Instant,
}

impl Clock {
    /// Needs the runtime to be entered.
    pub(crate) fn new(settings: &settings::SessionSettings) -> Self {
        let clock = Self::with(settings.client_alive_interval, settings.client_alive_count_max, settings.rekey_seconds);
        Self { unused_after: settings.unused_connection_timeout.and_then(|time| seconds(time.0.into())), ..clock }
    }

    fn with(alive_interval: u64, most_unanswered: u32, rekey_seconds: u64) -> Self {
        let now = Instant::now();
        let alive = seconds(alive_interval).map(|interval| Alive {
            interval,
            most_unanswered,
            unanswered: 0,
            next: later(now, interval),
        });
        let rekey_every = seconds(rekey_seconds);
        Self {
            sleep: Box::pin(sleep_until(later(now, QUIET))),
            quiet_at: Some(later(now, QUIET)),
            alive,
            rekey_every,
            rekey_at: rekey_every.map(|every| later(now, every)),
            idle_at: None,
            unused_after: None,
            unused_at: None,
            go_on_at: None,
        }
    }

    /// Something moved.
    pub(crate) fn moved(&mut self) {
        self.quiet_at = Some(later(Instant::now(), QUIET));
    }

    /// Something waits for this moment, if for any.
    pub(crate) fn go_on_at(&mut self, at: Option<Instant>) {
        self.go_on_at = at;
    }

    /// The peer has said something.
    pub(crate) fn peer_spoke(&mut self) {
        if let Some(alive) = &mut self.alive {
            alive.unanswered = 0;
            alive.next = later(Instant::now(), alive.interval);
        }
    }

    /// A key exchange is finished.
    pub(crate) fn has_new_keys(&mut self) {
        self.rekey_at = self.rekey_every.map(|every| later(Instant::now(), every));
    }

    /// When the next channel is to be closed, if nothing moves.
    pub(crate) fn channels_expire_at(&mut self, at: Option<Instant>) {
        self.idle_at = at;
    }

    /// Whether there are channels: the time without them begins when the last one goes.
    pub(crate) fn connection_is_used(&mut self, used: bool) {
        self.unused_at = match self.unused_after.filter(|_| !used) {
            Some(after) => Some(self.unused_at.unwrap_or_else(|| later(Instant::now(), after))),
            None => None,
        };
    }

    /// Says what is due, and has the task of `cx` woken when the next thing is.
    pub(crate) fn poll_due(&mut self, cx: &mut Context<'_>) -> Due {
        let mut due = Due::default();
        loop {
            let Some(next) = self.next_deadline() else { return due };
            // A timer that fires too early costs less than moving it along with every packet.
            if self.sleep.is_elapsed() || self.sleep.deadline() > next {
                self.sleep.as_mut().reset(next);
            }
            if self.sleep.as_mut().poll(cx) == Poll::Pending {
                return due;
            }
            let now = Instant::now();
            self.take_due(now, &mut due);
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let alive_at = self.alive.as_ref().map(|alive| alive.next);
        [self.quiet_at, self.rekey_at, self.go_on_at, alive_at, self.idle_at, self.unused_at]
            .into_iter()
            .flatten()
            .min()
    }

    fn take_due(&mut self, now: Instant, due: &mut Due) {
        if self.quiet_at.is_some_and(|at| at <= now) {
            self.quiet_at = None;
            due.quiet = true;
        }
        // Whoever asked is told once, and says again when.
        due.idle |= self.idle_at.take_if(|at| *at <= now).is_some();
        due.unused |= self.unused_at.take_if(|at| *at <= now).is_some();
        due.go_on |= self.go_on_at.take_if(|at| *at <= now).is_some();
        // The transport decides; this only sees to it that it is asked.
        if self.rekey_at.is_some_and(|at| at <= now) {
            self.rekey_at = self.rekey_every.map(|every| later(now, every));
        }
        if let Some(alive) = self.alive.as_mut().filter(|alive| alive.next <= now) {
            alive.next = later(now, alive.interval);
            alive.unanswered = alive.unanswered.saturating_add(1);
            // As theirs: a maximum of 0 never ends a connection.
            let too_many = alive.most_unanswered > 0 && alive.unanswered > alive.most_unanswered;
            due.unresponsive |= too_many;
            due.probe |= !too_many;
        }
    }
}

fn seconds(seconds: u64) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// A time so far away that no clock reaches it stands for times beyond it.
fn later(now: Instant, by: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    now.checked_add(by.min(YEAR)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::test_runtime::in_runtime;

    /// What is due `after` so many seconds.
    fn due(clock: &mut Clock, start: Instant, after: u64) -> Due {
        let mut due = Due::default();
        clock.take_due(start + Duration::from_secs(after), &mut due);
        due
    }

    #[test]
    fn a_peer_is_asked_as_often_as_it_may_stay_silent_and_then_given_up() {
        in_runtime(async {
            let mut clock = Clock::with(10, 2, 0);
            let start = Instant::now();
            let asked = Due { probe: true, ..Due::default() };
            assert_eq!(due(&mut clock, start, 5), Due { quiet: true, ..Due::default() });
            assert_eq!(due(&mut clock, start, 9), Due::default());
            assert_eq!(due(&mut clock, start, 11), asked);
            assert_eq!(due(&mut clock, start, 22), asked);
            clock.peer_spoke();
            clock.alive.as_mut().unwrap().next = start + Duration::from_secs(32);
            assert_eq!(due(&mut clock, start, 33), asked);
            assert_eq!(due(&mut clock, start, 44), asked);
            assert_eq!(due(&mut clock, start, 55), Due { unresponsive: true, ..Due::default() });
        });
    }

    #[test]
    fn a_maximum_of_none_never_gives_up() {
        in_runtime(async {
            let mut clock = Clock::with(10, 0, 0);
            let start = Instant::now();
            for after in [11, 22, 33, 44] {
                assert!(!due(&mut clock, start, after).unresponsive);
            }
        });
    }

    #[test]
    fn the_time_without_channels_begins_when_the_last_one_goes() {
        in_runtime(async {
            let mut clock = Clock { unused_after: Some(Duration::from_secs(30)), ..Clock::with(0, 0, 0) };
            clock.connection_is_used(true);
            assert_eq!(clock.unused_at, None);
            clock.connection_is_used(false);
            let at = clock.unused_at.unwrap();
            clock.connection_is_used(false);
            assert_eq!(clock.unused_at, Some(at), "it goes on");
            assert!(!due(&mut clock, Instant::now(), 29).unused);
            clock.connection_is_used(true);
            clock.connection_is_used(false);
            assert!(clock.unused_at.unwrap() >= at, "and begins anew");
            assert!(due(&mut clock, Instant::now(), 31).unused);
        });
    }

    #[test]
    fn the_timer_follows_the_next_deadline() {
        in_runtime(async {
            let mut clock = Clock::with(0, 3, 3600);
            assert_eq!(std::future::poll_fn(|cx| Poll::Ready(clock.poll_due(cx))).await, Due::default());
            let deadline = clock.sleep.deadline();
            assert!(deadline <= Instant::now() + QUIET, "memory is given back first");
            clock.take_due(deadline, &mut Due::default());
            assert_eq!(clock.next_deadline(), clock.rekey_at);
            clock.rekey_every = None;
            clock.has_new_keys();
            assert_eq!(clock.next_deadline(), None);
        });
    }
}
