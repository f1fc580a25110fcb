//! Keeps a flood of turned-away connections from becoming a flood of log lines.

use std::time::Duration;

/// How much of something is written line by line. Every event heats by one, every second cools by one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    /// From this heat on lines are withheld.
    threshold: u64,
    /// No flood heats above this.
    most: u64,
    /// Seconds below the threshold after which lines are written again.
    calm: u64,
    /// How often the withheld lines are summed up, in seconds.
    sum_every: u64,
}

impl Rate {
    /// Theirs for MaxStartups.
    pub(crate) const OF_MAX_STARTUPS: Self = Self { threshold: 4, most: 60, calm: 20, sum_every: 300 };
    /// Theirs for PerSourcePenalties.
    pub(crate) const OF_PENALTIES: Self = Self { threshold: 8, most: 60, calm: 30, sum_every: 120 };
}

/// What has been said of one kind of event.
#[derive(Debug)]
pub(crate) struct LogRate {
    rate: Rate,
    heat: u64,
    last: u64,
    silence: Option<Silence>,
}

#[derive(Debug, Clone, Copy)]
struct Silence {
    withheld: u64,
    summed_up: u64,
    calm_since: Option<u64>,
}

/// What to write about an event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Say {
    /// Whether it gets its line.
    pub(crate) this_one: bool,
    /// How many lines were withheld, if it is time to tell.
    pub(crate) withheld: Option<u64>,
}

impl LogRate {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, heat: 0, last: 0, silence: None }
    }

    /// One more event, `now` on the monotonic clock.
    pub(crate) fn one_more(&mut self, now: Duration) -> Say {
        let (now, before) = (now.as_secs(), self.last);
        self.last = now;
        self.heat = (self.heat.saturating_sub(now.saturating_sub(before)) + 1).min(self.rate.most);
        let is_hot = self.heat >= self.rate.threshold;
        let Some(mut silence) = self.silence else {
            self.silence = is_hot.then_some(Silence { withheld: 1, summed_up: now, calm_since: None });
            return Say { this_one: !is_hot, withheld: None };
        };
        let calm_since = silence.calm_since.unwrap_or(before);
        if !is_hot && calm_since + self.rate.calm < now {
            self.silence = None;
            return Say { this_one: true, withheld: Some(silence.withheld).filter(|&withheld| withheld > 0) };
        }
        silence.calm_since = if is_hot { None } else { Some(silence.calm_since.unwrap_or(now)) };
        let say = if now >= silence.summed_up + self.rate.sum_every {
            silence.summed_up = now;
            let withheld = std::mem::take(&mut silence.withheld);
            Say { this_one: true, withheld: Some(withheld).filter(|&withheld| withheld > 0) }
        } else {
            silence.withheld += 1;
            Say { this_one: false, withheld: None }
        };
        self.silence = Some(silence);
        say
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Say = Say { this_one: false, withheld: None };

    fn after(start: Duration, seconds: u64) -> Duration {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn a_flood_is_summed_up_when_it_is_over() {
        let start = Duration::from_secs(1000);
        for (rate, lines) in [(Rate::OF_MAX_STARTUPS, 3), (Rate::OF_PENALTIES, 7)] {
            let mut log = LogRate::new(rate);
            assert_eq!((0..1000).filter(|_| log.one_more(start).this_one).count(), lines);
            let withheld = Some(1000 - u64::try_from(lines).unwrap());
            assert_eq!(log.one_more(after(start, 100)), Say { this_one: true, withheld });
            assert_eq!(log.one_more(after(start, 100)), Say { this_one: true, withheld: None });
        }
    }

    #[test]
    fn a_flood_that_goes_on_is_summed_up_now_and_then() {
        let mut log = LogRate::new(Rate::OF_MAX_STARTUPS);
        let sums = (0..6100_u64).filter_map(|tenth| log.one_more(Duration::from_millis(tenth * 100)).withheld);
        assert_eq!(sums.collect::<Vec<_>>().len(), 2);
    }

    #[test]
    fn a_pause_that_is_too_short_ends_no_silence() {
        let start = Duration::from_secs(1000);
        let mut log = LogRate::new(Rate::OF_MAX_STARTUPS);
        assert_eq!((0..10).filter(|_| log.one_more(start).this_one).count(), 3);
        // Cooled down to 3 by now, but the calm is only noticed.
        assert_eq!(log.one_more(after(start, 8)), QUIET);
        assert_eq!(log.one_more(after(start, 20)), QUIET);
        assert_eq!(log.one_more(after(start, 29)), Say { this_one: true, withheld: Some(9) });
    }
}
