//! `sshd-monitor`: the one process of a connection that decides.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    monitor::run()
}
