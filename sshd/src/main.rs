//! `sshd`: accepts connections and starts a monitor for each. See `sshd/src/lib.rs`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    sshd::run()
}
