//! `sshd --explain`: what would happen to a login, step by step.
//!
//! The functions are those that decide about real logins; only what they have to say goes into a [`Report`] instead of
//! the log. Nothing here can let anybody in: there is no connection, no host key, and [`crate::decide`] is not asked.

mod account;
mod credential;
mod report;
mod session;

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::ExitCode;

use ipc::IpcError;
use ipc::start::{ExplainStart, Penalties};
use settings::Settings;

use self::report::Report;

/// What is asked for, and what the answer is looked up in.
struct Question {
    start: ExplainStart,
    settings: Settings,
}

/// Exit status 0: would be let in; 1: would not.
pub(crate) fn explain(start: ExplainStart, descriptors: Vec<OwnedFd>) -> Result<ExitCode, IpcError> {
    let [settings, output] = <[OwnedFd; 2]>::try_from(descriptors)
        .map_err(|other| IpcError::WrongDescriptors { came: other.len(), expected: 2 })?;
    let settings = ipc::start::unseal(settings.as_fd())?;
    let as_json = start.as_json;
    let report = Question { start, settings }.answered();
    let text = if as_json { report.json() + "\n" } else { report.text() };
    File::from(output).write_all(text.as_bytes())?;
    Ok(ExitCode::from(u8::from(!report.would_be_let_in())))
}

impl Question {
    fn answered(&self) -> Report {
        let mut report = Report::about(&self.start.user, self.start.facts.clone());
        self.penalties(&mut report);
        if let Some(candidate) = self.account(&mut report) {
            let grants = self.credential(&mut report, &candidate);
            session::session(&mut report, &candidate, grants.as_ref());
        }
        report
    }

    /// What the running listener would do with a connection, before anybody is asked for a name.
    fn penalties(&self, report: &mut Report) {
        report.section("PerSourcePenalties");
        match &self.start.penalties {
            Penalties::Unknown(why) => report.say(format!("not known: {why}")),
            Penalties::Accepted(how) => report.say(how.as_str()),
            Penalties::Refused(why) => {
                report.say(why.as_str());
                report.refuse(format!("connections from there are {why}"));
            }
        }
    }
}
