//! Children made to see what a sandbox does to them. For tests; does not exist in a release.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::unistd::{ForkResult, fork};

use crate::process::{Child, Ended, is_single_threaded};

/// How long a child may take before it counts as stuck, in milliseconds.
const PATIENCE: u16 = 20_000;

/// The exit status that says "the preparation failed, the call was not made".
const NOT_PREPARED: i32 = 255;

/// The exit status that says "the call returned without an error".
const RETURNED: i32 = 254;

/// Runs `child` in a fork of this process; what it returns becomes the exit status.
///
/// # Errors
/// `InvalidInput` when this process has more than one thread; `TimedOut` when the child is stuck (it is killed).
pub fn in_a_child(child: impl FnOnce() -> i32) -> io::Result<Ended> {
    if !is_single_threaded()? {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: just asked, there is one thread: the child inherits no lock that another thread holds.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => {
            // SAFETY: pidfd_open takes numbers; the child is ours and unreaped, so the number is still its.
            let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, child.as_raw(), 0) };
            let number = i32::try_from(Errno::result(pidfd)?).map_err(|_| io::ErrorKind::InvalidData)?;
            // SAFETY: a fresh descriptor that only we own.
            end_of(&Child::new(child.as_raw(), unsafe { OwnedFd::from_raw_fd(number) }))
        }
        ForkResult::Child => {
            let status = child();
            // SAFETY: ends the fork without the exit handlers that belong to the process it was forked from.
            unsafe { libc::_exit(status) }
        }
    }
}

fn end_of(child: &Child) -> io::Result<Ended> {
    let ready = poll(&mut [PollFd::new(child.pidfd(), PollFlags::POLLIN)], PollTimeout::from(PATIENCE))?;
    if ready == 0 {
        child.signal(Signal::SIGKILL)?;
        child.wait()?;
        return Err(io::Error::new(io::ErrorKind::TimedOut, format!("child {} is stuck", child.pidfd().as_raw_fd())));
    }
    child.wait()
}

/// By which door the kernel is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The architecture's own.
    Native,
    /// The door of 32-bit programs, `int 0x80`. Native where there is none.
    Legacy32,
}

/// What became of one system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The child was killed by this signal.
    Killed(i32),
    /// The call failed with this errno.
    Errno(i32),
    /// The call returned, or ended the child in good order.
    Returned,
    /// The preparation said no; no call was made.
    NotPrepared,
}

/// In a child: `prepare`, then one system call with these arguments, and nothing after it but the end.
///
/// Safe because nothing of Rust runs after the call: whatever it did to the child's memory is never looked at.
///
/// # Errors
/// As [`in_a_child`].
pub fn call(prepare: impl FnOnce() -> bool, door: Door, number: i64, arguments: [u64; 6]) -> io::Result<Answer> {
    let ended = in_a_child(|| {
        if !prepare() {
            return NOT_PREPARED;
        }
        // SAFETY: see above: only `_exit` follows, which touches no memory of ours.
        match unsafe { enter(door, number, arguments) } {
            0 => RETURNED,
            errno => errno,
        }
    })?;
    Ok(match ended {
        Ended::Signalled { signal, .. } => Answer::Killed(signal),
        Ended::Exited(NOT_PREPARED) => Answer::NotPrepared,
        Ended::Exited(0 | RETURNED) => Answer::Returned,
        Ended::Exited(errno) => Answer::Errno(errno),
    })
}

/// 0 or an errno.
///
/// # Safety
/// Arbitrary calls may do arbitrary things to this process: it must end right after.
unsafe fn enter(door: Door, number: i64, arguments: [u64; 6]) -> i32 {
    let [a, b, c, d, e, f] = arguments;
    match door {
        // SAFETY: by contract.
        Door::Native => match unsafe { libc::syscall(number, a, b, c, d, e, f) } {
            -1 => Errno::last_raw(),
            _ => 0,
        },
        // SAFETY: by contract.
        Door::Legacy32 => unsafe { enter_legacy(number, a, b) },
    }
}

#[cfg(target_arch = "x86_64")]
unsafe fn enter_legacy(number: i64, a: u64, b: u64) -> i32 {
    let mut result = number;
    // SAFETY: by the contract of `enter`; rbx, which LLVM keeps for itself, is exchanged there and back.
    unsafe {
        std::arch::asm!(
            "xchg {first}, rbx",
            "int 0x80",
            "xchg {first}, rbx",
            first = inout(reg) a => _,
            inlateout("rax") result,
            in("rcx") b,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    i32::try_from(-result).ok().filter(|errno| (1..4096).contains(errno)).unwrap_or(0)
}

#[cfg(not(target_arch = "x86_64"))]
unsafe fn enter_legacy(number: i64, a: u64, b: u64) -> i32 {
    // SAFETY: by the contract of `enter`.
    unsafe { enter(Door::Native, number, [a, b, 0, 0, 0, 0]) }
}
