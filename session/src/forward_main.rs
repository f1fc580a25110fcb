//! `sshd-forward`: opens sockets for the forwardings of one login.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    session::forward::run()
}
