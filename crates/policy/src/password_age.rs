//! How old a password is, by shadow(5).

use serde::{Deserialize, Serialize};

use crate::{Step, Verdict};

/// What the shadow database says about a password's age. Days are counted from 1970-01-01; `None` is an empty field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordDays {
    /// Day of the last change; 0 asks for a change at the next login.
    pub last_change: Option<i64>,
    /// Days for which a password is valid.
    pub most: Option<i64>,
    /// Days of warning before it ends.
    pub warning: Option<i64>,
}

/// What a password's age means for a login with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordAge {
    /// Nothing.
    Fresh,
    /// It ends in so few days that the user is told.
    EndsIn(i64),
    /// It gets nobody further than to a new password.
    MustBeChanged,
}

/// How old a password is that was, or will be, found right. Never a refusal: whoever knows an old password may change
/// it.
pub fn password_age(user: &str, days: PasswordDays, today: i64) -> Verdict<PasswordAge> {
    let must_change = |because: &str| {
        let (user, because) = (user.to_owned(), because.to_owned());
        Verdict::allowed(vec![Step::PasswordExpired { user, because }], PasswordAge::MustBeChanged)
    };
    if days.last_change == Some(0) {
        return must_change("root forced");
    }
    let (Some(last_change), Some(most)) = (days.last_change, days.most) else {
        return Verdict::allowed(Vec::new(), PasswordAge::Fresh);
    };
    let days_left = last_change.saturating_add(most).saturating_sub(today);
    if days_left < 0 {
        return must_change("password aged");
    }
    let is_told = days.warning.is_some_and(|warning| days_left <= warning);
    let age = if is_told { PasswordAge::EndsIn(days_left) } else { PasswordAge::Fresh };
    Verdict::allowed(vec![Step::PasswordFresh { days_left }], age)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: i64 = 20_000;

    fn age(last_change: Option<i64>, most: Option<i64>, warning: Option<i64>) -> (PasswordAge, String) {
        let verdict = password_age("alice", PasswordDays { last_change, most, warning }, TODAY);
        let steps = verdict.steps.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        (verdict.outcome.expect("never a refusal"), steps)
    }

    #[test]
    fn passwords_end_when_their_days_are_over() {
        assert_eq!(age(Some(TODAY - 30), Some(30), None).0, PasswordAge::Fresh);
        let text = "User alice password has expired (password aged)".to_owned();
        assert_eq!(age(Some(TODAY - 31), Some(30), None), (PasswordAge::MustBeChanged, text));
        let text = "User alice password has expired (root forced)".to_owned();
        assert_eq!(age(Some(0), Some(99_999), Some(7)), (PasswordAge::MustBeChanged, text));
    }

    #[test]
    fn empty_fields_mean_that_nothing_ends() {
        assert_eq!(age(None, Some(0), Some(7)).0, PasswordAge::Fresh);
        assert_eq!(age(Some(1), None, Some(7)).0, PasswordAge::Fresh);
        assert_eq!(age(Some(1), Some(i64::MAX), Some(7)).0, PasswordAge::Fresh, "no overflow");
    }

    #[test]
    fn the_user_is_told_when_few_days_are_left() {
        assert_eq!(age(Some(TODAY - 23), Some(30), Some(7)).0, PasswordAge::EndsIn(7));
        assert_eq!(age(Some(TODAY - 22), Some(30), Some(7)).0, PasswordAge::Fresh);
        assert_eq!(age(Some(TODAY - 30), Some(30), Some(7)).0, PasswordAge::EndsIn(0));
    }
}
