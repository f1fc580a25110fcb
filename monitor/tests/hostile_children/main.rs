//! The real monitor with test peers in place of its less trusted processes. They send every request in every phase, out
//! of order, twice, oversized, truncated and random: the monitor must not panic, sign a second time, or let anybody in.
//!
//! The monitor starts this very binary as `sshd-preauth`, `sshd-session`, `sshd-forward` and `sshd-launch`; which of them
//! it is to play it sees by its title. As the first two it passes frames between the monitor and the test, which holds the
//! other end of what the monitor takes for the network.

mod after_login;
mod before_login;
mod dialogue;
mod forwarding;
mod role;
mod stand_in;

use std::panic::catch_unwind;
use std::process::ExitCode;

type Test = (&'static str, fn());

fn main() -> ExitCode {
    if let Some(role) = role::of_this_process() {
        return role.play();
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let after_login = after_login::TESTS.iter().chain(forwarding::TESTS);
    let tests = before_login::TESTS.iter().chain(dialogue::TESTS).chain(after_login);
    let mut failed = 0;
    for (name, test) in tests.filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|part| name.contains(part))) {
        let passed = catch_unwind(test).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed += i32::from(!passed);
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
