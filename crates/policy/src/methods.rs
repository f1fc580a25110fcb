//! AuthenticationMethods: what is still to do.

use settings::Effective;
use settings::values::{Method, MethodStep};
use thiserror::Error;

/// The order in which methods are offered to the client.
const OFFERED: [Method; 5] =
    [Method::PublicKey, Method::GssapiWithMic, Method::Password, Method::KeyboardInteractive, Method::Hostbased];

/// Which methods are still to succeed in one login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodsToDo {
    enabled: Vec<Method>,
    /// What is left of each list; `None` when any method is enough.
    lists: Option<Vec<Vec<MethodStep>>>,
}

/// What a success means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Progress {
    /// The login is complete.
    Complete,
    /// Something is still to do (partial success, RFC 4252 section 5.1).
    Partial,
    /// This method's success was not called for. It must count as a failure.
    NotCalledFor,
}

/// Every list of AuthenticationMethods holds a method that is switched off: nobody can log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("No AuthenticationMethods left after eliminating disabled methods")]
pub struct NoMethodsLeft;

impl MethodsToDo {
    /// At the start of a login. `enabled` are the methods that are switched on and that this server can do; lists
    /// with any other are dropped.
    ///
    /// # Errors
    /// When no list is left. It never means that one method is enough.
    pub fn new(effective: &Effective, enabled: &[Method]) -> Result<Self, NoMethodsLeft> {
        let enabled = enabled.to_vec();
        if effective.authentication_methods.is_empty() {
            return Ok(Self { enabled, lists: None });
        }
        let possible = |list: &Vec<MethodStep>| list.iter().all(|step| enabled.contains(&step.method));
        let lists: Vec<_> =
            effective.authentication_methods.iter().map(|list| list.0.clone()).filter(possible).collect();
        if lists.is_empty() { Err(NoMethodsLeft) } else { Ok(Self { enabled, lists: Some(lists) }) }
    }

    /// What a failure message offers next.
    #[must_use]
    pub fn offered(&self) -> Vec<&'static str> {
        OFFERED.into_iter().filter(|method| self.may_try(*method)).map(Method::name).collect()
    }

    /// Whether a request with this method is looked at.
    #[must_use]
    pub fn may_try(&self, method: Method) -> bool {
        let called_for = |lists: &Vec<Vec<MethodStep>>| {
            lists.iter().any(|list| list.first().is_some_and(|step| step.method == method))
        };
        self.enabled.contains(&method) && self.lists.as_ref().is_none_or(called_for)
    }

    /// Whether a device of a method is looked at. Names of devices are compared whole: `pam2` is not `pam`.
    #[must_use]
    pub fn may_try_device(&self, method: Method, device: &str) -> bool {
        let called_for = |lists: &Vec<Vec<MethodStep>>| {
            lists.iter().any(|list| list.first().is_some_and(|step| is_done_by(step, method, Some(device))))
        };
        self.enabled.contains(&method) && self.lists.as_ref().is_none_or(called_for)
    }

    /// A method is no longer there for the rest of the connection.
    pub fn withdraw(&mut self, method: Method) {
        self.enabled.retain(|enabled| *enabled != method);
    }

    /// A method has succeeded, by a device where the method has such (`keyboard-interactive:pam`): every list that
    /// begins with it gets shorter.
    pub fn succeeded(&mut self, method: Method, device: Option<&str>) -> Progress {
        if !self.enabled.contains(&method) {
            return Progress::NotCalledFor;
        }
        let Some(lists) = &mut self.lists else { return Progress::Complete };
        let mut progress = Progress::NotCalledFor;
        for list in lists {
            if list.first().is_some_and(|step| is_done_by(step, method, device)) {
                list.remove(0);
                if list.is_empty() {
                    return Progress::Complete;
                }
                progress = Progress::Partial;
            }
        }
        progress
    }
}

fn is_done_by(step: &MethodStep, method: Method, device: Option<&str>) -> bool {
    step.method == method && step.device.as_deref().is_none_or(|wanted| device == Some(wanted))
}
