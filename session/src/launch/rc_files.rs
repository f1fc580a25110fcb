//! `~/.ssh/rc` and `/etc/ssh/sshrc`: what runs before a shell or a command (sshd(8), "SSHRC").

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use ipc::start::LaunchStart;
use sys::process::Program;

/// Who reads these files.
const READER: &str = "/bin/sh";

/// Runs the first file that exists and waits for it, with the user's own rights and the command's output. The command
/// runs whatever comes of it.
pub(super) fn run_first(start: &LaunchStart) {
    let Some(file) = start.rc_files.iter().find(|file| std::fs::metadata(file).is_ok()) else { return };
    if let Err(error) = run(file, start) {
        super::say(&format!("Could not run {file}: {}", super::in_words(&error)));
    }
}

fn run(file: &str, start: &LaunchStart) -> io::Result<()> {
    let reader = File::open(READER)?;
    let (output, errors) = (io::stdout(), io::stderr());
    let environment: Result<Vec<CString>, _> = start.environment.iter().map(|one| CString::new(one.clone())).collect();
    let child = sys::process::start(&Program {
        executable: reader.as_fd(),
        argv: vec![CString::new(READER)?, CString::new(file)?],
        environment: environment?,
        descriptors: vec![(output.as_fd(), 1), (errors.as_fd(), 2)],
        new_session: false,
    })?;
    child.wait().map(drop)
}
