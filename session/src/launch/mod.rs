//! `sshd-launch`: from the monitor's start message to the user's command.

use std::process::ExitCode;

/// Runs the process.
#[must_use]
pub fn run() -> ExitCode {
    ExitCode::FAILURE
}
