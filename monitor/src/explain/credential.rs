//! With what somebody would log in: a key, a method, or whatever the account could use.

use ipc::phases::OfferedKey;
use ipc::start::Credential;
use policy::{Grants, MethodsToDo, PasswordAge, Progress, Restrictions};
use settings::values::Method;

use super::Question;
use super::report::Report;
use crate::answers::hold_dialogue::DEVICE;
use crate::answers::query_key::look_at_key;
use crate::candidate::Candidate;
use crate::journal::Journal as _;
use crate::methods::methods_to_do;
use crate::shadow_password;

impl Question {
    /// What a login would be granted; none when there would be none.
    pub(super) fn credential(&self, report: &mut Report, candidate: &Candidate) -> Option<Grants> {
        report.section("methods");
        let mut to_do = match methods_to_do(&candidate.effective) {
            Ok(to_do) => to_do,
            Err(none_left) => {
                report.say(none_left.to_string());
                report.refuse(none_left.to_string());
                return None;
            }
        };
        report.say(format!("offered: {}", or_none(&to_do.offered().join(","))));
        match &self.start.credential {
            None => any_method(report, candidate, &to_do),
            Some(Credential::Method(name)) => method(report, candidate, &mut to_do, name),
            Some(Credential::Key { file, blob }) => key(report, candidate, &mut to_do, file, blob),
        }
    }
}

fn or_none(list: &str) -> &str {
    if list.is_empty() { "none" } else { list }
}

/// Nobody has said with what: every method that is offered could let the user in.
fn any_method(report: &mut Report, candidate: &Candidate, to_do: &MethodsToDo) -> Option<Grants> {
    let offered = to_do.offered();
    if offered.is_empty() {
        report.refuse("no method is offered");
        return None;
    }
    report.let_in(format!("if one of the methods offered succeeds ({})", offered.join(",")));
    Some(policy::grants(&candidate.effective, &Restrictions::none()))
}

/// A method that needs no key. Whatever it asks for is neither asked for nor looked at here.
fn method(report: &mut Report, candidate: &Candidate, to_do: &mut MethodsToDo, name: &str) -> Option<Grants> {
    report.section(format!("method {}", events::visible(name)));
    let Some(method) = Method::from_name(name).filter(|method| to_do.may_try(*method)) else {
        report.say("is not offered");
        report.refuse(format!("{name} is not offered"));
        return None;
    };
    if method == Method::PublicKey {
        report.say("key=FILE or cert=FILE says with which key");
        report.refuse("no key is given");
        return None;
    }
    let verdict = policy::unrestricted_proof(&candidate.effective, &candidate.facts, &candidate.from, method);
    report.log_steps(&verdict.steps);
    let mut restrictions = match verdict.outcome {
        Ok(restrictions) => restrictions,
        Err(refusal) => {
            report.refuse(refusal.to_string());
            return None;
        }
    };
    report.say("what the client would send is not asked for and not checked; it is taken to be right");
    if candidate.effective.use_pam {
        report.say("PAM: not simulated");
    } else if method == Method::Password && shadow_password::age(report, candidate) == PasswordAge::MustBeChanged {
        report.say("good for a new password and nothing else");
        restrictions = Restrictions::all_but_a_terminal();
    }
    settle(report, to_do, method);
    Some(policy::grants(&candidate.effective, &restrictions))
}

/// A key or certificate. The client is taken to have the private key to it, and to prove what is demanded of it.
fn key(report: &mut Report, candidate: &Candidate, to_do: &mut MethodsToDo, file: &str, blob: &[u8]) -> Option<Grants> {
    let algorithms = match keys::login_algorithms(blob) {
        Ok(algorithms) => algorithms,
        Err(why) => {
            report.section(format!("key {file}"));
            report.say(why.to_string());
            report.refuse(format!("{file}: {why}"));
            return None;
        }
    };
    if !to_do.may_try(Method::PublicKey) {
        report.refuse("publickey is not offered");
        return None;
    }
    for algorithm in algorithms {
        report.section(format!("key {file} with {algorithm}"));
        let offered = OfferedKey { algorithm, blob: blob.to_vec() };
        let looked_at = look_at_key(report, candidate, &offered, &[]);
        let Some(allowed) = looked_at.allowed else { continue };
        let verdict = policy::public_key_if_signed(&candidate.effective, &candidate.facts, &candidate.from, &allowed);
        report.log_steps(&verdict.steps);
        match verdict.outcome {
            Ok(grants) => {
                if candidate.effective.use_pam {
                    report.say("PAM's word about the account: not simulated");
                }
                settle(report, to_do, Method::PublicKey);
                return Some(grants);
            }
            Err(refusal) => report.refuse(refusal.to_string()),
        }
    }
    report.refuse_for_last_line();
    None
}

/// AuthenticationMethods may ask for more.
fn settle(report: &mut Report, to_do: &mut MethodsToDo, method: Method) {
    let device = (method == Method::KeyboardInteractive).then_some(DEVICE);
    match to_do.succeeded(method, device) {
        Progress::Complete => report.let_in(format!("{} is enough", method.name())),
        Progress::Partial => {
            let more = to_do.offered().join(",");
            report.section("AuthenticationMethods");
            report.say(format!("still to do after {}: {more}", method.name()));
            report.refuse(format!("{} alone is not enough: {more} must follow", method.name()));
        }
        Progress::NotCalledFor => report.refuse(format!("{} is not called for", method.name())),
    }
}
