//! Serving connections.

use std::process::ExitCode;

use config::Loaded;

use crate::command_line::CommandLine;

/// Listens, accepts, and starts a monitor for every connection, until told to end.
pub fn run(command_line: &CommandLine, loaded: Loaded) -> ExitCode {
    let _ = (command_line, loaded);
    eprintln!("sshd: serving is not there yet");
    ExitCode::from(255)
}
