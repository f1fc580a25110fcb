//! Logging in with Kerberos tickets (RFC 4462 section 3).

use settings::Effective;
use settings::values::Method;

use crate::{AccountFacts, ConnectionFacts, Refusal, Restrictions, Step, Verdict, root_login};

/// The verdict on somebody who has proven to be `principal`. `may_be` is what this host's Kerberos says to that: by
/// `~/.k5login`, or without one by the principal's name and realm. Nothing restricts such a login but the settings.
pub fn tickets_proven(
    effective: &Effective,
    account: &AccountFacts,
    connection: &ConnectionFacts,
    principal: &str,
    may_be: bool,
) -> Verdict<Restrictions> {
    let (user, principal) = (account.name.clone(), principal.to_owned());
    if !may_be {
        return Verdict::refused(Vec::new(), Refusal::PrincipalNotAuthorized { user, principal });
    }
    let mut steps = vec![Step::PrincipalAuthorized { user, principal }];
    let restrictions = Restrictions::none();
    let root = root_login(effective, account, connection, Method::GssapiWithMic, &restrictions);
    steps.extend(root.steps);
    Verdict { outcome: root.outcome.map(|()| restrictions), steps }
}
