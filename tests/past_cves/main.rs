//! Holes that SSH servers had, attacked again: each test is named after one, and `docs/past-cves.md` says for every hole
//! we know of which test that is, or why there is none.

mod certificates;
mod counting;
mod credentials;
mod documented;
mod floods;
mod names;
mod pam;
mod plain;
mod second_factors;
mod sessions;

use std::process::Command;

use bulkhead_tests::{Server, has_python_module, make_key, needs_root, project, public_half, run};

/// Runs `hostile.py`; what it prints.
fn hostile(server: &Server, arguments: &[&str]) -> String {
    let mut python = Command::new("/usr/bin/python3");
    python.arg(project().join("tests/past_cves/hostile.py")).arg(server.port.to_string()).args(arguments);
    let output = run(&mut python);
    assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
}

/// Whether there is a server as root and a Python for `hostile.py`.
fn can_be_hostile(test: &str) -> bool {
    needs_root(test) && has_python_module(test, "paramiko")
}

/// Replaces the keys that may log in.
fn authorize(server: &Server, text: &str) {
    std::fs::write(server.scratch.path("authorized_keys"), text).expect("authorized_keys");
}

/// The line of the login key behind some options.
fn login_line(server: &Server, options: &str) -> String {
    format!("{options} {}", public_half(&server.scratch.path("login_key")))
}

/// Another key pair; its private file.
fn other_key(server: &Server, name: &str, kind: &str) -> String {
    make_key(&server.scratch, name, &["-t", kind]).display().to_string()
}

fn is_in(server: &Server, options: &[&str]) -> bool {
    server.ssh(options, "echo in").stdout == b"in\n"
}
