//! Pairs with `preauth/src/ask_monitor.rs::check_password`.

use ipc::Secret;
use ipc::phases::MAX_PASSWORD;
use policy::{PasswordAge, Restrictions};
use settings::values::Method;

use crate::candidate::Candidate;
use crate::connection::Connection;
use crate::ending::Ending;
use crate::pam_login::PamLogin;
use crate::preauth_child::Bounds;
use crate::shadow_password;

/// That somebody knows the candidate's password. Only this file makes one.
pub(crate) struct PasswordProven {
    method: Method,
    age: PasswordAge,
}

impl PasswordProven {
    /// `password`, or `none` where an empty password was enough.
    pub(crate) fn method(&self) -> Method {
        self.method
    }

    /// How old the password is. With PAM that is found out with the account.
    pub(crate) fn age(&self) -> PasswordAge {
        self.age
    }
}

/// Checks a password with PAM or with the shadow database. For candidates who cannot log in by password the same work is
/// done with a password that nobody has (CVE-2016-6210, CVE-2003-1562, CVE-2006-5229).
pub(crate) fn check_password(
    connection: &mut Connection,
    bounds: Bounds<'_>,
    candidate: &Candidate,
    pam: Option<&mut PamLogin>,
    method: Method,
    password: &Secret,
) -> Result<Option<PasswordProven>, Ending> {
    // Both are seen by what the client sent, so they tell nothing about the account.
    let is_forbidden = password.bytes().is_empty() && !candidate.effective.permit_empty_passwords;
    if is_forbidden || password.bytes().len() > MAX_PASSWORD {
        return Ok(None);
    }
    let can_succeed = can_succeed(candidate);
    let tried = if can_succeed { password.clone() } else { junk(password.bytes().len()) };
    let age = match pam {
        Some(pam) => {
            let is_right = pam.password_is_right(connection, bounds, candidate, tried.bytes())?;
            is_right.then_some(PasswordAge::Fresh)
        }
        None => shadow_password::check(connection, candidate, &tried, can_succeed),
    };
    Ok(age.filter(|_| can_succeed).map(|age| PasswordProven { method, age }))
}

/// Whether the right password would let this candidate in. It is found out before, not after: what a right password
/// does must not differ from what a wrong one does.
pub(crate) fn can_succeed(candidate: &Candidate) -> bool {
    let Candidate { effective, facts, from, .. } = candidate;
    let root = policy::root_login(effective, facts, from, Method::Password, &Restrictions::none());
    candidate.may_log_in() && root.is_allowed()
}

/// A password that nobody has, of the same length: hashing takes the same time.
pub(crate) fn junk(length: usize) -> Secret {
    Secret::new(&b"\x08\n\r\x7fINCORRECT".iter().copied().cycle().take(length).collect::<Vec<u8>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn junk_is_as_long_as_what_it_replaces() {
        assert_eq!(junk(0).bytes(), b"");
        assert_eq!(junk(1000).bytes().len(), 1000);
    }
}
