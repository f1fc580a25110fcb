//! `~/.ssh/rc` and `/etc/ssh/sshrc`: what runs before a shell or a command (sshd(8), "SSHRC").

use std::fs::File;
use std::io;

use ipc::start::{LaunchStart, RcFile};
use sys::errors::words;

use super::x11;

/// Who reads these files.
const READER: &str = "/bin/sh";

/// Has a shell of whatever kind run a command: `$0 -c $1`.
const BY_SHELL: &str = "exec \"$0\" -c \"$1\"";

/// Runs the first file that exists and waits for it, with the user's own rights and the command's output. The command
/// runs whatever comes of it. Without such a file, a display that is forwarded is made known to xauth(1).
pub(super) fn run_first(start: &LaunchStart) {
    let Some(file) = start.rc_files.iter().find(|file| std::fs::metadata(&file.path).is_ok()) else {
        if let Some(display) = &start.x11 {
            x11::remember_cookie(start, display);
        }
        return;
    };
    if let Err(error) = run(file, start) {
        super::say(&format!("Could not run {}: {}", file.path, words(&error)));
    }
}

/// What the user has written goes through the user's shell, as the command does: whoever has nologin(8), git-shell(1) or
/// a menu for a shell runs nothing by writing a file.
fn run(file: &RcFile, start: &LaunchStart) -> io::Result<()> {
    let reader = File::open(READER)?;
    let input = start.x11.as_ref().map(x11::line_for_rc_file).unwrap_or_default();
    let command = format!("{READER} {}", quoted(&file.path));
    let argv: &[&str] = match file.by_the_users_shell {
        true => &[READER, "-c", BY_SHELL, &start.shell, &command],
        false => &[READER, &file.path],
    };
    x11::run_with_input(start, &reader, argv, &input)
}

/// As one word for any shell. Most paths need no quotes, which shells that are none might not know.
fn quoted(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+@".contains(&byte);
    if path.bytes().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', "'\\''")) }
}
