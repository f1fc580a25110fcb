//! Pairs with `preauth/src/ask_monitor.rs::query_key`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ipc::phases::OfferedKey;
use keys::authorized_keys::CivilTime;
use keys::{Credential, PublicKey};
use policy::{KeyAllowed, KeyOffer, Now};
use sys::local_time::local_time;

use crate::candidate::Candidate;
use crate::journal::Journal;
use crate::lists::Lists;
use crate::revoked_keys::not_revoked;

/// A key or certificate that a client offered, as far as it could be looked at.
pub(crate) struct LookedAt {
    /// None when the algorithm is not accepted or the blob is no key.
    pub(crate) credential: Option<Credential>,
    /// For the log.
    shown: Option<String>,
    /// That a list lets it in.
    pub(crate) allowed: Option<KeyAllowed>,
}

impl LookedAt {
    /// `ED25519 SHA256:…` for the log.
    pub(crate) fn shown(&self) -> Option<String> {
        self.shown.clone()
    }
}

/// Looks the key up in the candidate's lists. The algorithm is judged before the blob is parsed.
pub(crate) fn look_at_key(
    journal: &mut impl Journal,
    candidate: &Candidate,
    offered: &OfferedKey,
    used_before: &[PublicKey],
) -> LookedAt {
    let effective = &candidate.effective;
    let parsed = policy::offered_credential(effective, &offered.algorithm, &offered.blob);
    let credential = match parsed.outcome {
        Ok(credential) => credential,
        Err(_) => {
            journal.log_steps(&parsed.steps);
            return LookedAt { credential: None, shown: None, allowed: None };
        }
    };
    let shown = Some(policy::credential_in_attempts(effective, &credential));
    let not_revoked = not_revoked(candidate, &credential);
    if !not_revoked.is_allowed() {
        journal.log_steps(&not_revoked.steps);
        return LookedAt { credential: Some(credential), shown, allowed: None };
    }
    let lists = Lists::new(candidate, &credential, journal.time_left());
    let offer = KeyOffer { credential: &credential, algorithm: &offered.algorithm, used_before };
    let verdict = policy::public_key(effective, &candidate.facts, &candidate.from, now(), offer, &lists);
    for complaint in lists.into_complaints() {
        journal.log(&complaint);
    }
    journal.log_steps(&verdict.steps);
    LookedAt { credential: Some(credential), shown, allowed: verdict.outcome.ok() }
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
