//! MaxStartups of sshd_config(5): how many connections may be without a login at once, and which of the others go.

use std::time::{Duration, Instant};

use settings::values::MaxStartups;

/// Whether one more connection is turned away while `startups` of them have not logged in. From `begin` on, chance
/// decides, with `rate` percent there and certainty at `full`: an attacker who fills the places cannot keep a user out
/// for sure. `dice` makes a random number.
pub(crate) fn is_dropped(limits: &MaxStartups, startups: usize, dice: impl FnOnce() -> u32) -> bool {
    let startups = u64::try_from(startups).unwrap_or(u64::MAX);
    let (begin, rate, full) = (u64::from(limits.begin), u64::from(limits.rate), u64::from(limits.full));
    if startups < begin {
        return false;
    }
    if startups >= full || rate >= 100 {
        return true;
    }
    let percent = rate + (100 - rate) * (startups - begin) / (full - begin);
    u64::from(dice() % 100) < percent
}

/// Keeps a flood of dropped connections from becoming a flood of log lines: [`LINES_AT_ONCE`] lines, then silence
/// until the flood has been over for a while; and a sum every [`SUM_EVERY`].
#[derive(Debug)]
pub(crate) struct DropLog {
    credit: f64,
    refilled: Instant,
    silent: bool,
    withheld: u64,
    summed_up: Instant,
}

/// Lines that may come in one burst.
const LINES_AT_ONCE: f64 = 60.0;
/// Lines a second that may come for ever.
const LINES_PER_SECOND: f64 = 4.0;
/// Credit at which a silenced log speaks again.
const SPEAKS_AGAIN: f64 = 20.0;
/// How often a silenced log says how much it has withheld.
const SUM_EVERY: Duration = Duration::from_secs(300);

/// What to write about a dropped connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Say {
    /// Whether this connection gets its line.
    pub(crate) this_one: bool,
    /// How many lines were withheld, if it is time to tell.
    pub(crate) withheld: Option<u64>,
}

impl DropLog {
    pub(crate) fn new(now: Instant) -> Self {
        Self { credit: LINES_AT_ONCE, refilled: now, silent: false, withheld: 0, summed_up: now }
    }

    /// One more connection was dropped.
    pub(crate) fn one_more(&mut self, now: Instant) -> Say {
        let passed = now.saturating_duration_since(self.refilled).as_secs_f64();
        self.credit = (self.credit + passed * LINES_PER_SECOND).min(LINES_AT_ONCE);
        self.refilled = now;
        self.silent = self.credit < if self.silent { SPEAKS_AGAIN } else { 1.0 };
        // A silenced flood uses up credit too, or it would be heard again while it lasts.
        self.credit = (self.credit - 1.0).max(0.0);
        if self.silent {
            self.withheld += 1;
        }
        Say { this_one: !self.silent, withheld: self.sum(now) }
    }

    fn sum(&mut self, now: Instant) -> Option<u64> {
        let is_time = !self.silent || now.saturating_duration_since(self.summed_up) >= SUM_EVERY;
        if self.withheld == 0 {
            self.summed_up = now;
            return None;
        }
        is_time.then(|| {
            self.summed_up = now;
            std::mem::take(&mut self.withheld)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: MaxStartups = MaxStartups { begin: 10, rate: 30, full: 100 };

    #[test]
    fn nobody_is_dropped_below_begin_and_everybody_at_full() {
        for dice in 0..100 {
            assert!(!is_dropped(&LIMITS, 9, || dice));
            assert!(is_dropped(&LIMITS, 100, || dice));
        }
    }

    #[test]
    fn the_chance_rises_from_rate_to_certainty() {
        let chance = |startups| (0..100).filter(|&dice| is_dropped(&LIMITS, startups, || dice)).count();
        assert_eq!(chance(10), 30);
        assert_eq!(chance(55), 65);
        assert_eq!(chance(99), 99);
    }

    #[test]
    fn one_number_is_a_hard_limit() {
        let limits = MaxStartups { begin: 3, rate: 30, full: 3 };
        assert!(!is_dropped(&limits, 2, || 0));
        assert!(is_dropped(&limits, 3, || 99));
    }

    #[test]
    fn a_flood_of_drops_is_summed_up() {
        let start = Instant::now();
        let mut log = DropLog::new(start);
        let written = (0..1000).filter(|_| log.one_more(start).this_one).count();
        assert_eq!(written, 60);
        let later = start + SUM_EVERY;
        assert_eq!(log.one_more(later), Say { this_one: true, withheld: Some(940) });
        assert_eq!(log.one_more(later), Say { this_one: true, withheld: None });
    }

    #[test]
    fn a_flood_that_goes_on_is_summed_up_now_and_then() {
        let start = Instant::now();
        let mut log = DropLog::new(start);
        let mut sums = Vec::new();
        for tenth in 0..6100_u32 {
            for _ in 0..2 {
                let say = log.one_more(start + Duration::from_millis(u64::from(tenth) * 100));
                sums.extend(say.withheld);
            }
        }
        assert_eq!(sums.len(), 2, "{sums:?}");
    }
}
