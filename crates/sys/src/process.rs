//! Processes: started by descriptor, watched by pidfd, ended by signal.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use nix::sys::signal::Signal;

/// A program to start, complete: nothing else of this process reaches the new one.
#[derive(Debug)]
pub struct Program<'a> {
    /// The executable file, opened (`O_PATH` or for reading): what was checked is what runs.
    pub executable: BorrowedFd<'a>,
    /// Its arguments; the first is its name.
    pub argv: Vec<CString>,
    /// Its environment, `NAME=value` each.
    pub environment: Vec<CString>,
    /// Descriptors it gets, and the number of each in it. 0, 1 and 2 are `/dev/null` when not given.
    pub descriptors: Vec<(BorrowedFd<'a>, RawFd)>,
    /// Whether it leads a session of its own (setsid(2)).
    pub new_session: bool,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this exit status.
    Exited(i32),
    /// By a signal.
    Signalled {
        /// Its number.
        signal: i32,
        /// Whether it left a core file.
        core_dumped: bool,
    },
}

/// A child process that has been started. Dropping it neither ends nor reaps it.
#[derive(Debug)]
pub struct Child {
    pid: i32,
    pidfd: OwnedFd,
}

/// Starts `program` as a child.
///
/// # Errors
/// When it could not be started, including a failed execve(2).
pub fn start(program: &Program<'_>) -> io::Result<Child> {
    let _ = program;
    Err(io::ErrorKind::Unsupported.into())
}

impl Child {
    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Readable once the child has ended.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// How it ended, or `None` while it runs.
    ///
    /// # Errors
    /// `ECHILD` when it was reaped already.
    pub fn try_wait(&self) -> io::Result<Option<Ended>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// As [`Child::try_wait`].
    pub fn wait(&self) -> io::Result<Ended> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// `ESRCH` when it has been reaped.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let _ = signal;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Sends a signal to its whole process group (it must lead one: `new_session`).
    ///
    /// # Errors
    /// `ESRCH` when the group is gone or the child has been reaped.
    pub fn signal_group(&self, signal: Signal) -> io::Result<()> {
        let _ = signal;
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Replaces this process by another program; returns only if that failed.
pub fn exec(executable: &CStr, argv: &[CString], environment: &[CString]) -> io::Error {
    let _ = (executable, argv, environment);
    io::ErrorKind::Unsupported.into()
}

/// Asks to be killed when the parent ends. To be called after any change of identity, which resets it.
///
/// # Errors
/// As prctl(2).
pub fn die_with_parent() -> io::Result<()> {
    Ok(nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?)
}

/// No core files, no ptrace(2), no reading of `/proc/PID/mem` by others of the same user. To be called after any change of
/// identity, which resets it.
///
/// # Errors
/// As prctl(2).
pub fn set_no_dump() -> io::Result<()> {
    Ok(nix::sys::prctl::set_dumpable(false)?)
}
