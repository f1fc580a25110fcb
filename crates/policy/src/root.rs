//! PermitRootLogin.

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
        PermitRootLogin::ProhibitPassword => matches!(method, Method::PublicKey | Method::Hostbased),
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
