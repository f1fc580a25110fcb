//! MaxSessionsPerUser: how often one user may be logged in.

use settings::Effective;

use crate::{Refusal, Step, Verdict};

/// Whether somebody who is logged in `open` times may be once more; none when it could not be counted.
pub fn another_login(effective: &Effective, open: Option<u32>) -> Verdict {
    let Some(limit) = effective.max_sessions_per_user else { return Verdict::allowed(Vec::new(), ()) };
    match open {
        Some(open) if open < limit => Verdict::allowed(vec![Step::LoginsCounted { open, limit }], ()),
        Some(_) => Verdict::refused(Vec::new(), Refusal::TooManyLogins { limit }),
        None => Verdict::refused(Vec::new(), Refusal::LoginsNotCounted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_counted_is_refused_where_there_is_a_limit() {
        let limited = Effective { max_sessions_per_user: Some(2), ..Effective::defaults() };
        for (open, allowed) in [(Some(0), true), (Some(1), true), (Some(2), false), (Some(9), false), (None, false)] {
            assert_eq!(another_login(&limited, open).is_allowed(), allowed, "{open:?}");
        }
        assert!(another_login(&Effective::defaults(), None).is_allowed());
    }
}
