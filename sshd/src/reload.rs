//! `sshd --reload`: has the running server read its configuration again, waits, and says how it went.

use std::process::ExitCode;

use thiserror::Error;

use crate::command_line::CommandLine;
use crate::listen::DONE;
use crate::load;
use crate::running::{self, NoAnswer};

/// Exit status when the configuration was not taken over.
const NOT_RELOADED: u8 = 255;

/// Why nothing was reloaded.
#[derive(Debug, Error)]
enum NotReloaded {
    #[error("{1}; kill -HUP {0} asks without waiting for an answer")]
    Silent(i32, NoAnswer),
    #[error("{0}")]
    NoAnswer(#[from] NoAnswer),
    #[error("the configuration stays as it was: {0}")]
    Refused(String),
}

/// Exit status 0 when the new configuration is in force. One that cannot be read is not even sent.
pub fn run(command_line: &CommandLine) -> ExitCode {
    let loaded = match load::load_and_report(command_line) {
        Ok(loaded) => loaded,
        Err(status) => return ExitCode::from(status),
    };
    match ask(loaded.settings.global().pid_file.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            command_line.say(&format!("sshd: {why}"));
            ExitCode::from(NOT_RELOADED)
        }
    }
}

fn ask(pid_file: Option<&std::path::Path>) -> Result<(), NotReloaded> {
    let pid = running::pid(pid_file)?;
    let answer = running::reload(pid).map_err(|why| match why {
        NoAnswer::Silent(..) => NotReloaded::Silent(pid, why),
        why => why.into(),
    })?;
    if answer == DONE { Ok(()) } else { Err(NotReloaded::Refused(answer.trim_end().to_owned())) }
}
