//! Checks that only the whole global part can pass or fail.

use settings::keywords::{Id, Layer};
use settings::{Effective, Method, MethodList};

use crate::messages::{Message, Severity};
use crate::reader::Stop;

/// Programs need an account to run as, and AuthenticationMethods must leave a way in.
pub(crate) fn check(layer: &Layer, messages: &mut Vec<Message>) -> Result<(), Stop> {
    let effective = layer.clone().effective();
    let mut refuse = |text: String| {
        messages.push(Message { severity: Severity::Error, text });
        Stop { status: 255 }
    };
    // Theirs is content with any AuthorizedKeysCommandUser line, even "none".
    if effective.authorized_keys_command.is_some() && !layer.has(Id::AuthorizedKeysCommandUser) {
        return Err(refuse("AuthorizedKeysCommand set without AuthorizedKeysCommandUser".to_owned()));
    }
    if effective.authorized_principals_command.is_some() && !layer.has(Id::AuthorizedPrincipalsCommandUser) {
        return Err(refuse("AuthorizedPrincipalsCommand set without AuthorizedPrincipalsCommandUser".to_owned()));
    }
    let lists = &effective.authentication_methods;
    let usable = lists.iter().position(|list| disabled_method(&effective, list).is_none());
    // As theirs, lists before the first usable one are reported even if the configuration stands.
    for list in &lists[..usable.unwrap_or(lists.len())] {
        let method = disabled_method(&effective, list).map_or("", Method::name);
        let text = format!("Disabled method \"{method}\" in AuthenticationMethods list \"{list}\"");
        messages.push(Message { severity: Severity::Error, text });
    }
    if !lists.is_empty() && usable.is_none() {
        let text = "AuthenticationMethods cannot be satisfied by enabled authentication methods".to_owned();
        messages.push(Message { severity: Severity::Error, text });
        return Err(Stop { status: 255 });
    }
    Ok(())
}

fn disabled_method(effective: &Effective, list: &MethodList) -> Option<Method> {
    list.0.iter().map(|step| step.method).find(|method| match method {
        Method::PublicKey => !effective.pubkey_authentication,
        Method::Password => !effective.password_authentication,
        Method::KeyboardInteractive => !effective.kbd_interactive_authentication,
        Method::Hostbased => !effective.hostbased_authentication,
        Method::GssapiWithMic => !effective.gssapi_authentication,
        Method::None => false,
    })
}
