//! PermitRootLogin, and what a credential without restrictions of its own comes to.

use settings::Effective;
use settings::values::{Choice as _, Method, PermitRootLogin};

use crate::{AccountFacts, ConnectionFacts, Refusal, Restrictions, Step, Verdict};

/// Whether root may come in this way; every other account may. To be asked once per login step that has succeeded:
/// after the credential was proven, so that failures look alike whatever PermitRootLogin says.
///
/// `forced-commands-only` means a command that the credential forces (`command="…"`), not ForceCommand.
pub fn root_login(
    effective: &Effective,
    account: &AccountFacts,
    connection: &ConnectionFacts,
    method: Method,
    restrictions: &Restrictions,
) -> Verdict {
    if account.uid != 0 {
        return Verdict::allowed(Vec::new(), ());
    }
    let allowed = match effective.permit_root_login {
        PermitRootLogin::Yes => true,
        PermitRootLogin::No => false,
        PermitRootLogin::ProhibitPassword => {
            matches!(method, Method::PublicKey | Method::Hostbased | Method::GssapiWithMic)
        }
        PermitRootLogin::ForcedCommandsOnly => restrictions.forced_command.is_some(),
    };
    if allowed {
        let setting = effective.permit_root_login.word().to_owned();
        Verdict::allowed(vec![Step::RootAllowed { setting }], ())
    } else {
        let (address, port) = (connection.address_text(), connection.port);
        Verdict::refused(Vec::new(), Refusal::RootLogin { address, port })
    }
}

/// The verdict on a credential that has been proven and restricts nothing by itself: a password, a dialogue, the word of
/// another host. Only from here on does anybody learn what the login may do.
pub fn unrestricted_proof(
    effective: &Effective,
    account: &AccountFacts,
    connection: &ConnectionFacts,
    method: Method,
) -> Verdict<Restrictions> {
    let restrictions = Restrictions::none();
    let Verdict { outcome, steps } = root_login(effective, account, connection, method, &restrictions);
    Verdict { outcome: outcome.map(|()| restrictions), steps }
}
