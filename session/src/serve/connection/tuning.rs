//! Windows that grow with the link: one that a peer fills within a round trip holds it up (RFC 4254 section 5.2 leaves
//! their size to us; theirs' stay at 2 MiB, which is 10 MB/s at 200 ms).

use std::time::Duration;

use tokio::time::Instant;

use super::window::OurWindow;

/// The largest window of a channel, in bytes: 1 Gbit/s at 270 ms.
const LARGEST_WINDOW: u32 = 32 * 1024 * 1024;

/// [`LARGEST_WINDOW`] as a length of memory.
pub(crate) fn largest_window() -> usize {
    LARGEST_WINDOW as usize
}

/// What all windows of a connection may grow by together, in bytes, where memory is plenty.
const MOST_GROWTH: u64 = 64 * 1024 * 1024;

/// The part of the memory that is free when a connection begins by which its windows may grow.
const PART_OF_FREE_MEMORY: u64 = 256;

/// What windows may still grow by: it bounds the memory that a peer can fill while nobody takes what it sends.
#[derive(Debug)]
pub(crate) struct Budget {
    left: u64,
}

impl Budget {
    /// For a connection on a system with so much free memory, in bytes.
    pub(crate) fn of(free_memory: u64) -> Self {
        Self { left: (free_memory / PART_OF_FREE_MEMORY).min(MOST_GROWTH) }
    }

    /// A channel is gone that had grown by so many bytes.
    pub(crate) fn give_back(&mut self, bytes: u32) {
        self.left = self.left.saturating_add(u64::from(bytes));
    }
}

/// What holds for all channels of a connection.
#[derive(Debug)]
pub(crate) struct Tuning {
    /// Of the connection, as far as it is known.
    pub(crate) round_trip: Option<Duration>,
    pub(crate) budget: Budget,
}

/// How fast data comes, measured over one round trip after the other.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    since: Option<Instant>,
    bytes: u64,
    /// How much larger than in the beginning the window is, in bytes.
    grown: u32,
}

impl Pace {
    /// So many bytes have come. If the peer would have sent more with a larger window, it becomes larger; not for somebody
    /// behind the channel who does not take what has come.
    pub(crate) fn arrived(&mut self, bytes: u32, now: Instant, window: &mut OurWindow, tuning: &mut Tuning) {
        let Tuning { round_trip: Some(round_trip), budget } = tuning else { return };
        self.bytes = self.bytes.saturating_add(u64::from(bytes));
        let Some(since) = self.since else {
            self.since = Some(now);
            self.bytes = 0;
            return;
        };
        let passed = now.saturating_duration_since(since);
        if passed < *round_trip {
            return;
        }
        let in_one_round_trip = per_round_trip(self.bytes, passed, *round_trip);
        (self.since, self.bytes) = (Some(now), 0);
        let whole = window.whole();
        // Half of it: the other half is what is given back before the peer has used up the first.
        if in_one_round_trip < u64::from(whole / 2) || window.waiting() > whole / 4 {
            return;
        }
        let room = u32::try_from(budget.left).unwrap_or(u32::MAX);
        let by = whole.min(LARGEST_WINDOW.saturating_sub(whole)).min(room);
        window.enlarge(by);
        self.grown = self.grown.saturating_add(by);
        budget.left = budget.left.saturating_sub(u64::from(by));
    }

    /// How much larger than in the beginning the window is, in bytes.
    pub(crate) fn grown(&self) -> u32 {
        self.grown
    }
}

fn per_round_trip(bytes: u64, passed: Duration, round_trip: Duration) -> u64 {
    let (passed, round_trip) = (passed.as_micros().max(1), round_trip.as_micros());
    let bytes = u128::from(bytes).saturating_mul(round_trip).checked_div(passed).unwrap_or(0);
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u32 = 1024 * 1024;

    /// A peer that sends as fast as a link of this bandwidth and as the window let it, for so many round trips, to somebody
    /// who takes everything at once; returns the window's size in the end.
    fn after(round_trip: Duration, bytes_per_second: u64, rounds: u32, budget: &mut Budget) -> u32 {
        let mut tuning = Tuning { round_trip: Some(round_trip), budget: Budget { left: budget.left } };
        let (mut window, mut pace) = (OurWindow::closed(), Pace::default());
        window.open(2 * MIB);
        let start = Instant::now();
        for round in 0..rounds {
            let link = u128::from(bytes_per_second) * round_trip.as_micros() / 1_000_000;
            let mut left = u32::try_from(link).unwrap().min(window.whole());
            let packets = (left / 32768).max(1);
            for packet in 0..packets {
                let bytes = left.min(32768);
                left -= bytes;
                window.arrived(bytes).unwrap();
                window.passed_on(bytes as usize);
                let now = start + round_trip * round + round_trip * packet / packets;
                pace.arrived(bytes, now, &mut window, &mut tuning);
                window.take_due_adjustment();
            }
        }
        *budget = tuning.budget;
        window.whole()
    }

    #[test]
    fn long_links_get_large_windows_and_short_ones_do_not() {
        let plenty = || Budget::of(1 << 40);
        let ms = Duration::from_millis;
        assert!(after(ms(200), 100_000_000, 20, &mut plenty()) >= 20 * MIB, "100 MB/s at 200 ms: 20 MB");
        assert!(after(ms(50), 100_000_000, 20, &mut plenty()) >= 5 * MIB);
        assert_eq!(after(ms(200), 1_000_000_000, 40, &mut plenty()), LARGEST_WINDOW);
        assert_eq!(after(ms(200), 1_000_000, 40, &mut plenty()), 2 * MIB, "a slow link");
        assert_eq!(after(Duration::from_micros(100), 1_000_000_000, 4000, &mut plenty()), 2 * MIB, "a near peer");
    }

    #[test]
    fn the_budget_is_a_limit_for_all_windows_together() {
        let mut budget = Budget::of(256 * 3 * u64::from(MIB));
        let ms = Duration::from_millis;
        assert_eq!(after(ms(200), 1_000_000_000, 40, &mut budget), 5 * MIB);
        assert_eq!(after(ms(200), 1_000_000_000, 40, &mut budget), 2 * MIB, "nothing is left");
        budget.give_back(MIB);
        assert_eq!(after(ms(200), 1_000_000_000, 40, &mut budget), 3 * MIB);
        assert_eq!(after(ms(200), 1_000_000_000, 40, &mut Budget::of(0)), 2 * MIB);
    }

    #[test]
    fn whoever_does_not_read_gets_no_larger_window() {
        let (mut window, mut pace) = (OurWindow::closed(), Pace::default());
        window.open(2 * MIB);
        let (start, round_trip) = (Instant::now(), Duration::from_millis(100));
        let mut tuning = Tuning { round_trip: Some(round_trip), budget: Budget::of(1 << 40) };
        for packet in 0..64 {
            window.arrived(32768).unwrap();
            pace.arrived(32768, start + round_trip * packet / 16, &mut window, &mut tuning);
        }
        assert_eq!(window.whole(), 2 * MIB);
    }
}
