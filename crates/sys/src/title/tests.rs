//! Titles are set in forked children: the test process keeps its own.

use std::fs;

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

use super::*;

fn holds_in_a_child(child: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child has one thread; glibc makes malloc usable in it.
    match unsafe { fork() }.unwrap() {
        ForkResult::Parent { child } => matches!(waitpid(child, None).unwrap(), WaitStatus::Exited(_, 0)),
        // SAFETY: ends the child without running the harness's exit handlers.
        ForkResult::Child => unsafe { libc::_exit(if child() { 0 } else { 1 }) },
    }
}

fn shows(title: &str) -> bool {
    set(title);
    fs::read("/proc/self/cmdline").is_ok_and(|shown| shown == [title.as_bytes(), b"\0"].concat())
        && fs::read("/proc/self/comm").is_ok_and(|name| name == b"sshd\n")
}

#[test]
fn ps_shows_short_and_long_titles() {
    assert!(holds_in_a_child(|| {
        init();
        let long = format!("sshd: {} [listener] 0 of 10-100 startups", "/a/rather/long/path".repeat(8));
        shows("sshd: alice [priv]") && shows(&long) && shows("sshd: alice@pts/0") && shows("s")
    }));
}

#[test]
fn arguments_and_environment_survive() {
    let arguments: Vec<_> = std::env::args_os().collect();
    let environment: Vec<_> = std::env::vars_os().collect();
    assert!(holds_in_a_child(|| {
        init();
        set(&"x".repeat(100_000));
        std::env::args_os().eq(arguments) && std::env::vars_os().eq(environment)
    }));
}

#[test]
fn without_room_nothing_changes() {
    let before = fs::read("/proc/self/cmdline").unwrap();
    assert!(holds_in_a_child(|| {
        set("sshd: nothing");
        fs::read("/proc/self/cmdline").is_ok_and(|now| now == before)
    }));
}
