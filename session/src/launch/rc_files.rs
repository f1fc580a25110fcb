//! `~/.ssh/rc` and `/etc/ssh/sshrc`: what runs before a shell or a command (sshd(8), "SSHRC").

use std::fs::File;
use std::io;

use ipc::start::LaunchStart;

use super::x11;

/// Who reads these files.
const READER: &str = "/bin/sh";

/// Runs the first file that exists and waits for it, with the user's own rights and the command's output. The command
/// runs whatever comes of it. Without such a file, a display that is forwarded is made known to xauth(1).
pub(super) fn run_first(start: &LaunchStart) {
    let Some(file) = start.rc_files.iter().find(|file| std::fs::metadata(file).is_ok()) else {
        if let Some(display) = &start.x11 {
            x11::remember_cookie(start, display);
        }
        return;
    };
    if let Err(error) = run(file, start) {
        super::say(&format!("Could not run {file}: {}", super::in_words(&error)));
    }
}

fn run(file: &str, start: &LaunchStart) -> io::Result<()> {
    let reader = File::open(READER)?;
    let input = start.x11.as_ref().map(x11::line_for_rc_file).unwrap_or_default();
    x11::run_with_input(start, &reader, &[READER, file], &input)
}
