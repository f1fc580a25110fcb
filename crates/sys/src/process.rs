//! Processes: started by descriptor, watched by pidfd, ended by signal; and what a process says about itself.

mod background;
mod starting;
mod starting_as;

use std::ffi::{CStr, CString, c_char};
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

pub use background::{Background, Daemonised, daemonise};
pub use starting::{Program, start};
pub use starting_as::{ProgramAs, start_as};

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
    /// Once reaped, the number may belong to somebody else.
    reaped: AtomicBool,
}

impl Child {
    pub(crate) fn new(pid: i32, pidfd: OwnedFd) -> Child {
        Child { pid, pidfd, reaped: AtomicBool::new(false) }
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Readable (`POLLIN`) once the child has ended.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// How it ended, or `None` while it runs.
    ///
    /// # Errors
    /// `ECHILD` when it was reaped already.
    pub fn try_wait(&self) -> io::Result<Option<Ended>> {
        self.reap(libc::WNOHANG)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// `ECHILD` when it was reaped already.
    pub fn wait(&self) -> io::Result<Ended> {
        loop {
            if let Some(ended) = self.reap(0)? {
                return Ok(ended);
            }
        }
    }

    fn reap(&self, how: libc::c_int) -> io::Result<Option<Ended>> {
        let id = libc::id_t::try_from(self.pidfd.as_raw_fd()).map_err(|_| io::ErrorKind::InvalidInput)?;
        // SAFETY: siginfo_t is plain C data; all zeroes is a valid value.
        let mut told: libc::siginfo_t = unsafe { std::mem::zeroed() };
        loop {
            // SAFETY: `told` is writable for the length of the call; the pidfd is open.
            let code = unsafe { libc::waitid(libc::P_PIDFD, id, &mut told, libc::WEXITED | how) };
            match Errno::result(code) {
                Ok(_) => break,
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // SAFETY: waitid succeeded, so it wrote the SIGCHLD members, or (nothing to report) left the zeroes.
        let (pid, status) = unsafe { (told.si_pid(), told.si_status()) };
        if pid == 0 {
            return Ok(None);
        }
        self.reaped.store(true, Ordering::Relaxed);
        Ok(Some(match told.si_code {
            libc::CLD_EXITED => Ended::Exited(status),
            code => Ended::Signalled { signal: status, core_dumped: code == libc::CLD_DUMPED },
        }))
    }

    /// Sends it a signal; never reaches another process that got the same number.
    ///
    /// # Errors
    /// `ESRCH` when it has been reaped.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        // SAFETY: numbers and a null pointer (no siginfo of our own) only.
        let code = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.pidfd.as_raw_fd(),
                signal as libc::c_int,
                std::ptr::null::<libc::siginfo_t>(),
                0,
            )
        };
        Errno::result(code)?;
        Ok(())
    }

    /// Sends a signal to its whole process group, which it must lead ([`Program::new_session`]).
    ///
    /// # Errors
    /// `ESRCH` when the child has been reaped (its number may then name another group) or leads no group.
    pub fn signal_group(&self, signal: Signal) -> io::Result<()> {
        if self.reaped.load(Ordering::Relaxed) {
            return Err(Errno::ESRCH.into());
        }
        Ok(killpg(Pid::from_raw(self.pid), signal)?)
    }
}

/// Replaces this process by another program; returns only if that failed.
///
/// Ends this process without taking anything down: other threads may still work with it. Nothing that is buffered is
/// written.
pub fn end_at_once(status: u8) -> ! {
    // SAFETY: never returns, and runs nothing of this process.
    unsafe { libc::_exit(i32::from(status)) }
}

/// Descriptors without close-on-exec, the signal mask and ignored signals stay: see to them before.
pub fn exec(executable: &CStr, argv: &[CString], environment: &[CString]) -> io::Error {
    let (argv, environment) = (null_terminated(argv), null_terminated(environment));
    // SAFETY: all three are NUL- and null-terminated and alive; execve returns only on failure.
    unsafe { libc::execve(executable.as_ptr(), argv.as_ptr(), environment.as_ptr()) };
    io::Error::last_os_error()
}

fn null_terminated(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
}

/// From now on a write beyond RLIMIT_FSIZE fails with EFBIG, as a write without room on the disk fails, instead of ending
/// the process by SIGXFSZ.
///
/// # Errors
/// As sigaction(2).
pub fn outlive_file_size_limit() -> io::Result<()> {
    // SAFETY: ignoring a signal runs no handler, so nothing can be interrupted by one.
    unsafe { nix::sys::signal::signal(Signal::SIGXFSZ, nix::sys::signal::SigHandler::SigIgn) }?;
    Ok(())
}

/// Gives every signal its default action and blocks none: the state in which a program expects to start.
///
/// # Errors
/// As sigprocmask(2).
pub fn reset_signals() -> io::Result<()> {
    for signal in Signal::iterator() {
        // SAFETY: SIG_DFL runs no code of ours. It fails for SIGKILL and SIGSTOP, which have their default anyway.
        unsafe { libc::signal(signal as libc::c_int, libc::SIG_DFL) };
    }
    Ok(nix::sys::signal::SigSet::empty().thread_set_mask()?)
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

/// How willing the kernel is to kill this process when memory runs out, -1000 (never) to 1000.
///
/// # Errors
/// When `/proc` is not mounted.
pub fn oom_score() -> io::Result<i32> {
    fs::read_to_string("/proc/self/oom_score_adj")?.trim().parse().map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Sets [`oom_score`]. The listener protects itself with -1000 and gives each monitor the old value back.
///
/// # Errors
/// `EACCES` for a lower value when not root; when `/proc` is not mounted.
pub fn set_oom_score(score: i32) -> io::Result<()> {
    fs::write("/proc/self/oom_score_adj", score.to_string())
}

/// Whether this process has only one thread; what forks or changes identity asks first.
///
/// # Errors
/// When `/proc` is not mounted.
pub fn is_single_threaded() -> io::Result<bool> {
    Ok(fs::read_dir("/proc/self/task")?.count() == 1)
}

#[cfg(test)]
mod tests;
