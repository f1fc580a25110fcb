//! MaxStartups and PerSourceMaxStartups of sshd_config(5): how many connections may be without a login at once, and
//! which of the others go.

use std::collections::HashMap;

use settings::values::MaxStartups;

use super::sources::Source;

/// Connections that have not logged in.
#[derive(Debug, Default)]
pub(crate) struct Startups {
    all: usize,
    of: HashMap<Source, usize>,
}

impl Startups {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.all
    }

    /// How many of them come from one source.
    pub(crate) fn count_of(&self, source: Source) -> usize {
        self.of.get(&source).copied().unwrap_or(0)
    }

    pub(crate) fn one_more(&mut self, source: Source) {
        self.all += 1;
        *self.of.entry(source).or_insert(0) += 1;
    }

    pub(crate) fn one_less(&mut self, source: Source) {
        self.all = self.all.saturating_sub(1);
        if let Some(count) = self.of.get_mut(&source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.of.remove(&source);
            }
        }
    }
}

/// Whether one more connection is turned away while `startups` of them have not logged in. From `begin` on, chance
/// decides, with `rate` percent there and certainty at `full`: an attacker who fills the places cannot keep a user out
/// for sure (CVE-2010-5107). `dice` makes a random number.
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

#[cfg(test)]
mod tests {
    use settings::values::NetBlockSize;

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
    fn each_source_is_counted_and_forgotten() {
        let source = |last| Source::of([192, 0, 2, last].into(), NetBlockSize { ipv4: 32, ipv6: 128 });
        let mut startups = Startups::default();
        [1, 1, 2].into_iter().for_each(|last| startups.one_more(source(last)));
        assert_eq!((startups.count(), startups.count_of(source(1)), startups.count_of(source(3))), (3, 2, 0));
        [1, 1, 2].into_iter().for_each(|last| startups.one_less(source(last)));
        assert!(startups.of.is_empty() && startups.count() == 0);
    }
}
