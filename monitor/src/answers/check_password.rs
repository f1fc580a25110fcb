//! Pairs with `preauth/src/ask_monitor.rs::check_password`.

use events::Level;
use events::monitor::Event;
use ipc::Secret;
use ipc::phases::MAX_PASSWORD;
use policy::{PasswordAge, PasswordDays, Restrictions};
use settings::values::Method;
use sys::crypt::Crypt;
use zeroize::Zeroizing;

use crate::answers::look_up_user::days_since_1970;
use crate::candidate::Candidate;
use crate::connection::Connection;

/// That somebody knows the candidate's password. Only this file makes one.
pub(crate) struct PasswordProven {
    method: Method,
}

impl PasswordProven {
    /// `password`, or `none` where an empty password was enough.
    pub(crate) fn method(&self) -> Method {
        self.method
    }
}

/// Checks a password with the shadow database. For candidates who cannot log in by password the same work is done
/// with a password that nobody has (CVE-2016-6210, CVE-2003-1562).
pub(crate) fn check_password(
    connection: &mut Connection,
    candidate: &Candidate,
    method: Method,
    password: &Secret,
) -> Option<PasswordProven> {
    // Both are seen by what the client sent, so they tell nothing about the account.
    let is_forbidden = password.bytes().is_empty() && !candidate.effective.permit_empty_passwords;
    if is_forbidden || password.bytes().len() > MAX_PASSWORD {
        return None;
    }
    let can_succeed = can_succeed(candidate);
    let tried = if can_succeed { password.clone() } else { junk(password.bytes().len()) };
    let stored = Stored::look_up(connection, candidate);
    let is_right = match Crypt::load() {
        Ok(crypt) => is_right(&crypt, &tried, &stored.hash),
        Err(error) => {
            let text = format!("passwords cannot be checked: {error}");
            connection.log(&Event::Said { level: Level::Error, text });
            false
        }
    };
    if !(is_right && can_succeed) {
        return None;
    }
    let age = policy::password_age(&candidate.user, stored.days, days_since_1970());
    connection.log_steps(&age.steps);
    // Nobody can be asked for a new one yet.
    (age.outcome != Ok(PasswordAge::MustBeChanged)).then_some(PasswordProven { method })
}

/// Whether the right password would let this candidate in. It is found out before, not after: what a right password
/// does must not differ from what a wrong one does.
fn can_succeed(candidate: &Candidate) -> bool {
    let Candidate { effective, facts, from, .. } = candidate;
    let root = policy::root_login(effective, facts, from, Method::Password, &Restrictions::none());
    candidate.may_log_in() && root.is_allowed()
}

/// A password that nobody has, of the same length: hashing takes the same time.
fn junk(length: usize) -> Secret {
    Secret::new(&b"\x08\n\r\x7fINCORRECT".iter().copied().cycle().take(length).collect::<Vec<u8>>())
}

/// What the databases keep of a password.
struct Stored {
    hash: Zeroizing<String>,
    days: PasswordDays,
}

impl Stored {
    fn look_up(connection: &mut Connection, candidate: &Candidate) -> Self {
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
                connection.log(&Event::Said { level: Level::Error, text });
                Self::without_days("*")
            }
        }
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

    #[test]
    fn junk_is_as_long_as_what_it_replaces() {
        assert_eq!(junk(0).bytes(), b"");
        assert_eq!(junk(1000).bytes().len(), 1000);
    }
}
