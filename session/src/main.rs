//! `sshd-session`: serves the connection of a user who has logged in, and never starts a program.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    session::serve::run()
}
