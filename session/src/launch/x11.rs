//! The cookie of a forwarded X11 display, for xauth(1).

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;

use ipc::start::{LaunchStart, X11Display};
use sys::errors::words;
use sys::process::Program;

/// Puts the cookie among the user's. Where the user's `~/.ssh/rc` or the system's sshrc runs, it does so itself: it is
/// given protocol and cookie on its standard input (sshd(8), "SSHRC").
pub(super) fn remember_cookie(start: &LaunchStart, display: &X11Display) {
    if let Err(error) = run_xauth(start, display) {
        super::say(&format!("Could not run {} -q -: {}", display.xauth, words(&error)));
    }
}

/// What such a file reads.
pub(super) fn line_for_rc_file(display: &X11Display) -> String {
    format!("{} {}\n", display.authentication.protocol, display.authentication.cookie)
}

/// The monitor has looked at protocol and cookie: no byte of them ends a command (CVE-2016-3115).
fn run_xauth(start: &LaunchStart, display: &X11Display) -> io::Result<()> {
    let (name, authentication) = (&display.name, &display.authentication);
    let commands = format!("remove {name}\nadd {name} {} {}\n", authentication.protocol, authentication.cookie);
    let program = File::open(Path::new(&display.xauth))?;
    run_with_input(start, &program, &[&display.xauth, "-q", "-"], &commands)
}

/// Runs a program with the environment of the command to come, and waits for it.
pub(super) fn run_with_input(start: &LaunchStart, program: &File, argv: &[&str], input: &str) -> io::Result<()> {
    let (its_input, our_output) = sys::fd::pipe(64 * 1024)?;
    let (output, errors) = (io::stdout(), io::stderr());
    let environment: Result<Vec<CString>, _> = start.environment.iter().map(|one| CString::new(one.clone())).collect();
    let argv: Result<Vec<CString>, _> = argv.iter().map(|word| CString::new(*word)).collect();
    let child = sys::process::start(&Program {
        executable: program.as_fd(),
        argv: argv?,
        environment: environment?,
        descriptors: vec![(its_input.as_fd(), 0), (output.as_fd(), 1), (errors.as_fd(), 2)],
        new_session: false,
    })?;
    drop(its_input);
    // It fits into the pipe: whoever does not read it keeps nobody waiting.
    let _ = File::from(our_output).write_all(input.as_bytes());
    child.wait().map(drop)
}
