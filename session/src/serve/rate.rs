//! Bytes a second: `SftpUploadRate` and `SftpDownloadRate`.
//!
//! A bucket fills with time and is emptied by bytes. What has begun is finished, so that it may owe something: then
//! nothing moves until it is full enough again, and over time the rate is kept to the byte.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

/// How much time's worth of bytes may come at once.
const BURST: Duration = Duration::from_millis(250);

/// Both directions of a connection, shared by all of its SFTP channels.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rates {
    pub(crate) up: Rate,
    pub(crate) down: Rate,
}

/// One direction; without a bucket it has no limit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rate(Option<Rc<RefCell<Bucket>>>);

#[derive(Debug)]
struct Bucket {
    /// Bytes a second.
    rate: u64,
    /// Bytes that may move now; less than none are owed.
    left: i64,
    /// When `left` was right.
    at: Instant,
    /// Somebody has found it empty.
    waited_for: bool,
}

impl Rates {
    pub(crate) fn new(settings: &settings::SessionSettings) -> Self {
        Self { up: Rate::new(settings.sftp_upload_rate), down: Rate::new(settings.sftp_download_rate) }
    }

    /// When somebody who was told to wait can go on.
    pub(crate) fn go_on_at(&self) -> Option<Instant> {
        [&self.up, &self.down].into_iter().filter_map(Rate::go_on_at).min()
    }
}

impl Rate {
    /// Bytes a second, or no limit.
    pub(crate) fn new(rate: Option<u64>) -> Self {
        Self(rate.map(|rate| {
            let bucket = Bucket { rate, left: burst(rate), at: Instant::now(), waited_for: false };
            Rc::new(RefCell::new(bucket))
        }))
    }

    /// Bytes that may move now; something that cannot be divided may be larger, if this is not 0.
    pub(crate) fn allows(&self) -> usize {
        let Some(bucket) = &self.0 else { return usize::MAX };
        let mut bucket = bucket.borrow_mut();
        bucket.fill(Instant::now());
        bucket.waited_for = bucket.left <= 0;
        usize::try_from(bucket.left).unwrap_or(0)
    }

    /// So many bytes have moved.
    pub(crate) fn moved(&self, bytes: usize) {
        if let Some(bucket) = &self.0 {
            let mut bucket = bucket.borrow_mut();
            bucket.left = bucket.left.saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
    }

    fn go_on_at(&self) -> Option<Instant> {
        let bucket = self.0.as_ref()?.borrow();
        let owed = u64::try_from(1_i64.saturating_sub(bucket.left)).ok().filter(|_| bucket.waited_for)?;
        // A piece of some size at once instead of a byte every now and then.
        let wanted = owed.saturating_add(burst(bucket.rate).unsigned_abs() / 5);
        let nanoseconds = u128::from(wanted).saturating_mul(1_000_000_000).checked_div(u128::from(bucket.rate))?;
        bucket.at.checked_add(Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX)))
    }
}

impl Bucket {
    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at);
        let came = u128::from(self.rate).saturating_mul(passed.as_nanos()) / 1_000_000_000;
        // Time that was too short for a byte counts next time.
        if came > 0 {
            let came = i64::try_from(came).unwrap_or(i64::MAX);
            self.left = self.left.saturating_add(came).min(burst(self.rate));
            self.at = now;
        }
    }
}

/// At least one packet of data, so that a slow connection does not send crumbs.
fn burst(rate: u64) -> i64 {
    let bytes = u128::from(rate).saturating_mul(BURST.as_millis()) / 1000;
    i64::try_from(bytes).unwrap_or(i64::MAX).max(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moves as much as it may, in pieces, for so many seconds; the bytes.
    fn moved_in(rate: u64, seconds: u64, piece: usize) -> u64 {
        let limit = Rate::new(Some(rate));
        let start = limit.0.as_ref().unwrap().borrow().at;
        let (mut now, mut moved) = (start, 0_u64);
        let end = start + Duration::from_secs(seconds);
        while now < end {
            limit.0.as_ref().unwrap().borrow_mut().fill(now);
            while limit.0.as_ref().unwrap().borrow().left > 0 {
                limit.moved(piece);
                moved += piece as u64;
            }
            limit.0.as_ref().unwrap().borrow_mut().waited_for = true;
            let next = limit.go_on_at().unwrap();
            assert!(next > now, "time goes on");
            now = next;
        }
        moved
    }

    #[test]
    fn over_time_the_rate_is_kept_whatever_the_pieces() {
        for (rate, piece) in [(1024, 40), (1024, 32_768), (1_000_000, 32_768), (1_000_000, 261_120), (1 << 33, 261_120)]
        {
            let (moved, expected) = (moved_in(rate, 100, piece), rate * 100);
            let burst = burst(rate).unsigned_abs() + piece as u64;
            assert!(moved <= expected + burst, "{rate} in pieces of {piece}: {moved}");
            assert!(moved + burst >= expected, "{rate} in pieces of {piece}: {moved}");
        }
    }

    #[test]
    fn nobody_waits_without_a_limit() {
        let rates = Rates::default();
        assert_eq!((rates.up.allows(), rates.go_on_at()), (usize::MAX, None));
        rates.up.moved(usize::MAX);
        assert_eq!(rates.up.allows(), usize::MAX);
    }

    #[test]
    fn who_has_saved_up_does_not_move_a_minutes_worth_at_once() {
        let limit = Rate::new(Some(1_000_000));
        let bucket = limit.0.as_ref().unwrap();
        let later = bucket.borrow().at + Duration::from_secs(60);
        bucket.borrow_mut().fill(later);
        assert_eq!(bucket.borrow().left, 250_000);
    }
}
