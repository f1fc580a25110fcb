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
        let now = Instant::now();
        let interval = seconds(settings.client_alive_interval);
        let alive = interval.map(|interval| Alive {
            interval,
            most_unanswered: settings.client_alive_count_max,
            unanswered: 0,
            next: later(now, interval),
        });
        let rekey_every = seconds(settings.rekey_seconds);
        Self {
            sleep: Box::pin(sleep_until(now)),
            quiet_at: Some(later(now, QUIET)),
            alive,
            rekey_every,
            rekey_at: rekey_every.map(|every| later(now, every)),
        }
    }

    /// Something moved.
    pub(crate) fn moved(&mut self) {
        self.quiet_at = Some(later(Instant::now(), QUIET));
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
        [self.quiet_at, self.rekey_at, self.alive.as_ref().map(|alive| alive.next)].into_iter().flatten().min()
    }

    fn take_due(&mut self, now: Instant, due: &mut Due) {
        if self.quiet_at.is_some_and(|at| at <= now) {
            self.quiet_at = None;
            due.quiet = true;
        }
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
