//! Starting a program of the administrator's as another account.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::unistd::setsid;

use super::{Child, is_single_threaded};
use crate::identity::{Identity, become_for_ever};

/// A program to start as somebody else. It gets nothing of this process but its standard output; standard input and
/// standard error are `/dev/null`.
#[derive(Debug)]
pub struct ProgramAs<'a> {
    /// The file, by its absolute path; `#!` scripts too.
    pub path: &'a Path,
    /// Its arguments; the first is its name.
    pub argv: &'a [String],
    /// Its whole environment.
    pub environment: &'a [(&'a str, String)],
    /// Whom it runs as, with these groups and no others (CVE-2021-41617).
    pub identity: &'a Identity,
    /// What it writes to.
    pub output: OwnedFd,
}

/// Starts the program, in a session of its own. When it has become the account there is no way back.
///
/// # Errors
/// When it could not be started, or could not become the account; `InvalidInput` when this process has more than one
/// thread, or there is no name among the arguments.
pub fn start_as(program: ProgramAs<'_>) -> io::Result<Child> {
    let (name, arguments) = program.argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    if !is_single_threaded()? {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let identity = program.identity.clone();
    let mut command = Command::new(program.path);
    command
        .arg0(OsStr::new(name))
        .args(arguments)
        .env_clear()
        .envs(program.environment.iter().map(|(name, value)| (name, value)))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(program.output)
        .stderr(Stdio::null());
    // SAFETY: it runs in a forked child; just asked, there is one thread, so no lock of another is held for ever and
    // the closure may do what any code may.
    unsafe {
        command.pre_exec(move || {
            setsid()?;
            become_for_ever(&identity)
        })
    };
    let child = command.spawn()?;
    let pid = i32::try_from(child.id()).map_err(|_| io::ErrorKind::InvalidData)?;
    // SAFETY: numbers only. The child is ours and was not waited for, so the number is still its own.
    let pidfd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    let pidfd = RawFd::try_from(pidfd).map_err(|_| io::ErrorKind::InvalidData)?;
    // SAFETY: a fresh descriptor (close-on-exec by itself) that only we own.
    Ok(Child::new(pid, unsafe { OwnedFd::from_raw_fd(pidfd) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{current, groups_of};

    /// Whether it runs as it should is tested with a whole server: a test of this kind has threads.
    #[test]
    fn nothing_is_started_from_among_threads() {
        let account = current().unwrap();
        let identity = Identity { uid: account.uid, gid: account.gid, groups: groups_of(&account).unwrap() };
        let start = || {
            let (_read, output) = crate::fd::pipe(4096).unwrap();
            let (path, argv) = (Path::new("/bin/true"), ["true".to_owned()]);
            start_as(ProgramAs { path, argv: &argv, environment: &[], identity: &identity, output }).unwrap_err()
        };
        let error = std::thread::scope(|scope| scope.spawn(start).join().unwrap());
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
