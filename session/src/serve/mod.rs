//! `sshd-session`: serves the connection of a user who has logged in.

use std::process::ExitCode;

/// Runs the process.
#[must_use]
pub fn run() -> ExitCode {
    ExitCode::FAILURE
}
