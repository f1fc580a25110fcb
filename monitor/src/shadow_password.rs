//! Passwords where there is no PAM: crypt(3) and the shadow database.

use events::Level;
use events::monitor::Event;
use ipc::Secret;
use policy::{PasswordAge, PasswordDays};
use sys::crypt::Crypt;
use zeroize::Zeroizing;

use crate::answers::look_up_user::days_since_1970;
use crate::candidate::Candidate;
use crate::connection::Connection;
use crate::journal::Journal;

/// Compares a password with what is stored. `counts` is false for candidates who cannot log in by password: the work is
/// done all the same, and nothing comes of it.
pub(crate) fn check(
    connection: &mut Connection,
    candidate: &Candidate,
    tried: &Secret,
    counts: bool,
) -> Option<PasswordAge> {
    let stored = Stored::look_up(connection, candidate);
    let is_right = match Crypt::load() {
        Ok(crypt) => is_right(&crypt, tried, &stored.hash),
        Err(error) => {
            let text = format!("passwords cannot be checked: {error}");
            connection.log(&Event::Said { level: Level::Error, text });
            false
        }
    };
    if !(is_right && counts) {
        return None;
    }
    Some(stored.age(connection, candidate))
}

/// How old the candidate's password is, whoever knows it.
pub(crate) fn age(journal: &mut impl Journal, candidate: &Candidate) -> PasswordAge {
    Stored::look_up(journal, candidate).age(journal, candidate)
}

/// What the databases keep of a password.
struct Stored {
    hash: Zeroizing<String>,
    days: PasswordDays,
}

impl Stored {
    fn look_up(journal: &mut impl Journal, candidate: &Candidate) -> Self {
        match sys::identity::shadow_entry(&candidate.account.name) {
            Ok(Some(shadow)) => {
                let days = PasswordDays {
                    last_change: shadow.last_change,
                    most: shadow.most_days,
                    warning: shadow.warning_days,
                };
                Self { hash: shadow.password_field, days }
            }
            Ok(None) => Self::without_days(&candidate.account.password_field),
            Err(error) => {
                let text = format!("look-up of the password of user {}: {error}", candidate.user);
                journal.log(&Event::Said { level: Level::Error, text });
                Self::without_days("*")
            }
        }
    }

    fn age(&self, journal: &mut impl Journal, candidate: &Candidate) -> PasswordAge {
        let verdict = policy::password_age(&candidate.user, self.days, days_since_1970());
        journal.log_steps(&verdict.steps);
        // The age of a password never refuses anybody; should it, a new password is the least that is wanted.
        verdict.outcome.unwrap_or(PasswordAge::MustBeChanged)
    }

    fn without_days(hash: &str) -> Self {
        Self { hash: Zeroizing::new(hash.to_owned()), days: PasswordDays::default() }
    }
}

fn is_right(crypt: &Crypt, tried: &Secret, stored: &str) -> bool {
    if stored.is_empty() && tried.bytes().is_empty() {
        return true;
    }
    let hash = crypt.hash(tried.bytes(), stored).or_else(|| crypt.hash(tried.bytes(), &decoy_setting()));
    hash.is_some_and(|hash| hash.as_str() == stored)
}

/// Method, cost and salt for a hash that is made for its time alone: those of the first account that has any, which is
/// what the other accounts of this host have as a rule.
fn decoy_setting() -> Zeroizing<String> {
    let shadow = Zeroizing::new(std::fs::read_to_string("/etc/shadow").unwrap_or_default());
    let mut fields = shadow.lines().filter_map(|line| line.split(':').nth(1));
    Zeroizing::new(fields.find(|field| field.starts_with('$')).unwrap_or(NEW_ACCOUNTS).to_owned())
}

/// yescrypt at the cost that Debian and Fedora give new accounts.
const NEW_ACCOUNTS: &str = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1";

#[cfg(test)]
mod tests {
    use super::*;

    /// `secret`, in two ways.
    fn hashes() -> [String; 2] {
        let crypt = Crypt::load().unwrap();
        ["$6$saltstring", NEW_ACCOUNTS].map(|setting| crypt.hash(b"secret", setting).unwrap().as_str().to_owned())
    }

    #[test]
    fn the_right_password_is_right_and_nothing_else_is() {
        let crypt = Crypt::load().unwrap();
        let right = |password: &[u8], stored: &str| is_right(&crypt, &Secret::new(password), stored);
        for stored in hashes() {
            assert!(right(b"secret", &stored));
            for wrong in [&b"Secret"[..], b"secre", b"secret ", b"", b"secret\0", stored.as_bytes()] {
                assert!(!right(wrong, &stored), "{wrong:?}");
            }
            assert!(!right(b"secret", &format!("!{stored}")), "a locked password is no password");
        }
    }

    #[test]
    fn fields_that_are_no_hash_match_nothing() {
        let crypt = Crypt::load().unwrap();
        for stored in ["*", "!", "!!", "x", "*0", "*1", "plain"] {
            for password in ["", stored, "plain"] {
                assert!(!is_right(&crypt, &Secret::new(password.as_bytes()), stored), "{password:?} {stored:?}");
            }
        }
        assert!(is_right(&crypt, &Secret::new(b""), ""));
        assert!(!is_right(&crypt, &Secret::new(b"x"), ""));
    }
}
