//! Going into the background, with the command that was typed waiting until there is something to wait for.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::unistd::{ForkResult, setsid};

/// The background process's way to let the command that started it end.
#[derive(Debug)]
pub struct Waiting {
    starter: File,
}

impl Waiting {
    /// Ends the command that was typed, with status 0. Without this call it ends with `status_on_failure` as soon as
    /// the background process is gone.
    pub fn all_is_ready(mut self) {
        // A starter that is gone already does not wait.
        let _ = self.starter.write_all(&[READY]);
    }
}

const READY: u8 = 1;

/// Goes on in a child that leads a session of its own, in `/` and without a terminal. The parent does not return: it
/// waits for [`Waiting::all_is_ready`].
///
/// To be called while there is one thread.
///
/// # Errors
/// When fork(2) or setsid(2) fails; then everything goes on in the foreground.
pub fn go_on_in_background(status_on_failure: i32) -> io::Result<Waiting> {
    let (read, write) = crate::fd::pipe(1)?;
    // SAFETY: the caller guarantees that there is one thread, so the child may do whatever the parent could.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { .. } => {
            drop(write);
            wait_for_child(read, status_on_failure)
        }
        ForkResult::Child => {
            drop(read);
            setsid()?;
            nix::unistd::chdir("/")?;
            leave_terminal()?;
            Ok(Waiting { starter: File::from(write) })
        }
    }
}

fn wait_for_child(read: OwnedFd, status_on_failure: i32) -> ! {
    let mut byte = [0];
    let ready = matches!(File::from(read).read(&mut byte), Ok(1)) && byte == [READY];
    // SAFETY: _exit(2) runs nothing more of this process: its buffers, files and exit handlers are the child's now.
    unsafe { libc::_exit(if ready { 0 } else { status_on_failure }) }
}

/// Puts `/dev/null` behind the standard descriptors.
fn leave_terminal() -> io::Result<()> {
    let devnull = crate::fd::open_devnull()?;
    nix::unistd::dup2_stdin(devnull.as_fd())?;
    nix::unistd::dup2_stdout(devnull.as_fd())?;
    nix::unistd::dup2_stderr(devnull.as_fd())?;
    // Opened as 0, 1 or 2 because that was closed: it has to stay.
    if devnull.as_raw_fd() <= 2 {
        std::mem::forget(devnull);
    }
    Ok(())
}
