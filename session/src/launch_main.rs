//! `sshd-launch`: becomes the user and starts one command.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    session::launch::run()
}
