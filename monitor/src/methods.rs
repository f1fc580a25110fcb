//! Which methods this server can do for a candidate.

use policy::{MethodsToDo, NoMethodsLeft};
use settings::Effective;
use settings::values::Method;

/// What is still to do. Lists of AuthenticationMethods that need a method which is switched off, or which nobody is
/// there to carry out, cannot be completed.
pub(crate) fn methods_to_do(effective: &Effective) -> Result<MethodsToDo, NoMethodsLeft> {
    MethodsToDo::new(effective, &possible(effective))
}

fn possible(effective: &Effective) -> Vec<Method> {
    let password = effective.password_authentication;
    [
        (Method::PublicKey, effective.pubkey_authentication),
        (Method::Password, password),
        (Method::Hostbased, effective.hostbased_authentication),
        (Method::GssapiWithMic, effective.gssapi_authentication),
        // Somebody must be there to ask.
        (Method::KeyboardInteractive, effective.kbd_interactive_authentication && effective.use_pam),
        // It succeeds where an empty password would.
        (Method::None, password && effective.permit_empty_passwords),
    ]
    .into_iter()
    .filter_map(|(method, is_possible)| is_possible.then_some(method))
    .collect()
}
