//! `sshd-preauth`: talks to a peer that nobody knows yet.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    preauth::run()
}
