//! What holds after lock-down, tried in children under the real filter.
//!
//! Run as root the children become another user in an empty directory, as in a real server; run as an ordinary user they
//! stay who they are, as in an unprivileged one. Names given on the command line select cases by what they contain.

mod cases;
mod every_call;
mod jail;
mod layers_alone;
mod promised;
mod sockets;
mod wrong_arguments;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// A case: its name, and what panics when it does not hold.
type Case = (&'static str, fn());

/// Started with this, the program locks itself down as preauth and returns from main, which runs std's clean-up.
const RETURN_FROM_MAIN: &std::ffi::CStr = c"--return-from-main";
const RETURNED_FROM_MAIN: u8 = 77;

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|argument| argument.as_encoded_bytes() == RETURN_FROM_MAIN.to_bytes()) {
        let locked = cases::locked(&sandbox::Policy::Preauth, &cases::another_user());
        return ExitCode::from(if locked { RETURNED_FROM_MAIN } else { 1 });
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let modules =
        [promised::CASES, sockets::CASES, wrong_arguments::CASES, layers_alone::CASES, jail::CASES, every_call::CASES];
    let mut failed = 0;
    for (name, case) in modules.into_iter().flatten() {
        if !wanted.is_empty() && !wanted.iter().any(|part| name.contains(part.as_str())) {
            continue;
        }
        let holds = catch_unwind(AssertUnwindSafe(case)).is_ok();
        println!("test {name} ... {}", if holds { "ok" } else { "FAILED" });
        failed += i32::from(!holds);
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
