//! Going to the background, and telling whoever waits in the foreground when the work can begin.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, chdir, dup2_stderr, dup2_stdin, dup2_stdout, fork, setsid};

use super::is_single_threaded;
use crate::fd;

/// Which of the two processes returned from [`daemonise`].
#[derive(Debug)]
pub enum Daemonised {
    /// The one that was started: it must exit with this status now.
    Foreground {
        /// 0 when the daemon said that it listens, else the daemon's own exit status.
        exit_status: i32,
    },
    /// The daemon.
    Background(Background),
}

/// The daemon's duty to report; dropped unsaid, the foreground exits with the daemon's status.
#[derive(Debug)]
pub struct Background {
    waiting: OwnedFd,
}

/// Forks. The parent waits until the child (in a session of its own) calls [`Background::now_listening`] or ends.
///
/// # Errors
/// `InvalidInput` when this process has more than one thread (a fork would keep their locks, held for ever); else as fork(2).
pub fn daemonise() -> io::Result<Daemonised> {
    if !is_single_threaded()? {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let (listening, waiting) = fd::pipe(4096)?;
    // SAFETY: just asked, there is one thread: the child inherits no lock that another thread holds.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => {
            drop(waiting);
            Ok(Daemonised::Foreground { exit_status: outcome(&listening, child)? })
        }
        ForkResult::Child => {
            drop(listening);
            setsid()?;
            Ok(Daemonised::Background(Background { waiting }))
        }
    }
}

fn outcome(listening: &OwnedFd, child: Pid) -> io::Result<i32> {
    if fd::read(listening.as_fd(), &mut [0; 1])? == 1 {
        return Ok(0);
    }
    loop {
        match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, status)) => return Ok(status),
            Ok(_) => return Ok(255),
            Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

impl Background {
    /// Leaves the terminal (0, 1 and, unless the log goes there, 2 become `/dev/null`), the working directory becomes `/`,
    /// and the foreground exits with 0.
    ///
    /// # Errors
    /// When `/dev/null` cannot be opened.
    pub fn now_listening(self, keep_stderr: bool) -> io::Result<()> {
        let null = fd::open_devnull()?;
        dup2_stdin(&null)?;
        dup2_stdout(&null)?;
        if !keep_stderr {
            dup2_stderr(&null)?;
        }
        chdir("/")?;
        // Nobody may be waiting any more; that changes nothing for the daemon.
        let _ = fd::write(self.waiting.as_fd(), b"!");
        Ok(())
    }
}
