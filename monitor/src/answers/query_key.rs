//! Pairs with `preauth/src/ask_monitor.rs::query_key`.

use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use events::Level;
use events::monitor::Event;
use ipc::phases::OfferedKey;
use keys::authorized_keys::CivilTime;
use keys::{FingerprintHash, PublicKey};
use policy::{KeyAllowed, KeyOffer, Now};
use sys::local_time::local_time;

use crate::authorized_keys::KeyFiles;
use crate::candidate::Candidate;
use crate::journal::Journal;
use crate::keys_command::printed_keys;
use crate::revoked_keys::not_revoked;

/// A key that a client offered, as far as it could be looked at.
pub(crate) struct LookedAt {
    /// The key; none when the algorithm is not accepted or the blob is no key.
    pub(crate) key: Option<PublicKey>,
    /// That a line lets it in.
    pub(crate) allowed: Option<KeyAllowed>,
}

impl LookedAt {
    /// `ED25519 SHA256:…` for the log.
    pub(crate) fn shown(&self) -> Option<String> {
        let key = self.key.as_ref()?;
        Some(format!("{} {}", key.key_type().short_name(), key.fingerprint(FingerprintHash::Sha256)))
    }
}

/// Looks the key up in the candidate's files. The algorithm is judged before the blob is parsed.
pub(crate) fn look_at_key(
    journal: &mut impl Journal,
    candidate: &Candidate,
    offered: &OfferedKey,
    used_before: &[PublicKey],
) -> LookedAt {
    let accepted = policy::algorithm_accepted(&candidate.effective, &offered.algorithm);
    if !accepted.is_allowed() {
        journal.log_steps(&accepted.steps);
        return LookedAt { key: None, allowed: None };
    }
    let key = match PublicKey::parse(&offered.blob) {
        Ok(key) => key,
        Err(error) => {
            journal.log(&Event::Said { level: Level::Error, text: format!("parse key: {error}") });
            return LookedAt { key: None, allowed: None };
        }
    };
    let not_revoked = not_revoked(candidate, &key);
    if !not_revoked.is_allowed() {
        journal.log_steps(&not_revoked.steps);
        return LookedAt { key: Some(key), allowed: None };
    }
    let complaints = RefCell::new(Vec::new());
    let time_left = journal.time_left();
    // Only when no file lets the key in.
    let printed = std::iter::once_with(|| printed_keys(candidate, &key, time_left, &complaints)).flatten();
    let verdict = policy::public_key(
        &candidate.effective,
        &candidate.facts,
        &candidate.from,
        now(),
        KeyOffer { key: &key, algorithm: &offered.algorithm, used_before },
        KeyFiles::of(candidate, &complaints).chain(printed),
    );
    for complaint in complaints.into_inner() {
        journal.log(&complaint);
    }
    journal.log_steps(&verdict.steps);
    LookedAt { key: Some(key), allowed: verdict.outcome.ok() }
}

fn now() -> Now<'static> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Now { seconds: i64::try_from(seconds).unwrap_or(i64::MAX), local_time: &|civil| civil.seconds_where(wall_clock) }
}

/// What the clock on the wall of this host shows at a moment, in seconds since 1970.
fn wall_clock(moment: i64) -> CivilTime {
    let since = Duration::from_secs(u64::try_from(moment).unwrap_or_default());
    let shown = local_time(UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH));
    CivilTime {
        year: u16::try_from(shown.year).unwrap_or_default(),
        month: shown.month.saturating_add(1),
        day: shown.day,
        hour: shown.hour,
        minute: shown.minute,
        second: shown.second,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_can_be_read_backwards() {
        // A moment that no zone skips or shows twice: midsummer.
        let moment = 1_750_512_345;
        assert_eq!((now().local_time)(&wall_clock(moment)), Some(moment));
    }
}
