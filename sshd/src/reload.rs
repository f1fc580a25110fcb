//! `sshd --reload`: has the running server read its configuration again, waits, and says how it went.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

use thiserror::Error;

use crate::command_line::CommandLine;
use crate::listen::{DONE, is_from_a_master, reload_address};
use crate::load;

/// How long the server may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Exit status when the configuration was not taken over.
const NOT_RELOADED: u8 = 255;

/// Why nothing was reloaded.
#[derive(Debug, Error)]
enum NotReloaded {
    #[error("PidFile is \"none\": the running server cannot be found")]
    NoPidFile,
    #[error("cannot read {0}: {1}; is the server running?")]
    UnreadablePidFile(String, io::Error),
    #[error("{0} holds no process id")]
    BadPidFile(String),
    #[error("process {0} does not answer: {1}; kill -HUP {0} asks without waiting for an answer")]
    NoAnswer(i32, io::Error),
    #[error("process {0} does not belong to root or to you")]
    Stranger(i32),
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
    let path = pid_file.ok_or(NotReloaded::NoPidFile)?;
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|why| NotReloaded::UnreadablePidFile(shown.clone(), why))?;
    let pid: i32 = text.trim().parse().map_err(|_| NotReloaded::BadPidFile(shown))?;
    let answer = answer_of(pid)?;
    if answer == DONE { Ok(()) } else { Err(NotReloaded::Refused(answer.trim_end().to_owned())) }
}

fn answer_of(pid: i32) -> Result<String, NotReloaded> {
    let no_answer = |why| NotReloaded::NoAnswer(pid, why);
    let address = reload_address(pid).map_err(no_answer)?;
    let mut server = UnixStream::connect_addr(&address).map_err(no_answer)?;
    if !is_from_a_master(&server) {
        return Err(NotReloaded::Stranger(pid));
    }
    server.set_read_timeout(Some(PATIENCE)).map_err(no_answer)?;
    let mut answer = String::new();
    server.read_to_string(&mut answer).map_err(no_answer)?;
    if answer.is_empty() { Err(no_answer(io::ErrorKind::UnexpectedEof.into())) } else { Ok(answer) }
}
