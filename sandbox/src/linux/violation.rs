//! Which call it was that killed a process.
//!
//! The filter is the same in every build, so nothing inside the dead process can tell. But the kernel writes an audit record
//! of each `SECCOMP_RET_KILL_PROCESS` to its log, and whoever may read that (root; with `kernel.dmesg_restrict=0` everybody)
//! can ask here.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use sys::process::Ended;

use super::names::name_of;

/// The longest record that the kernel hands out, in bytes.
const LONGEST_RECORD: usize = 8192;

/// How long a record may be under way after the process is dead: a thread of the kernel writes it. One that is late is
/// one of many (ten in five seconds are written), or there is none.
const PATIENCE: Duration = Duration::from_millis(50);

/// A system call that was in no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its number; `None` when the kernel's log does not tell: it may not be read, has been overwritten, or the kernel
    /// keeps no audit, or gives it to a daemon.
    pub number: Option<i64>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sandbox violation: system call ")?;
        match self.number.map(|number| (number, name_of(number))) {
            None => f.write_str("unknown"),
            Some((number, "?")) => write!(f, "{number}"),
            Some((_, name)) => f.write_str(name),
        }
    }
}

/// What the process `pid` was killed for, if its end was that of a process that broke its promise. To be asked soon: the
/// number may be given to another process.
pub fn of_ended(pid: i32, ended: Ended) -> Option<Violation> {
    let killed = matches!(ended, Ended::Signalled { signal: libc::SIGSYS, .. });
    killed.then(|| Violation { number: call_of_killed(pid) })
}

fn call_of_killed(pid: i32) -> Option<i64> {
    let log = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open("/dev/kmsg").ok()?;
    let until = sys::clock::monotonic().saturating_add(PATIENCE);
    let mut record = vec![0; LONGEST_RECORD];
    let mut found = None;
    loop {
        match sys::fd::read(log.as_fd(), &mut record) {
            Ok(0) => return found,
            // The newest wins: process ids come round again.
            Ok(length) => found = parse(record.get(..length)?, pid).or(found),
            Err(error) => match error.raw_os_error().map(Errno::from_raw) {
                // Records were overwritten while we read; the rest is still there.
                Some(Errno::EPIPE) => {}
                Some(Errno::EAGAIN) if found.is_none() && grows(&log, until) => {}
                _ => return found,
            },
        }
    }
}

/// Waits until there is more to read; `false` when it is too late.
fn grows(log: &File, until: Duration) -> bool {
    let left = until.saturating_sub(sys::clock::monotonic());
    let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
    !left.is_zero() && poll(&mut [PollFd::new(log.as_fd(), PollFlags::POLLIN)], timeout).is_ok_and(|ready| ready > 0)
}

/// Reads `audit: type=1326 … pid=N … sig=31 … syscall=M …`. A process name cannot fake it: the kernel quotes it or writes it
/// in hexadecimal, and it stands behind the pid.
fn parse(record: &[u8], pid: i32) -> Option<i64> {
    let text = std::str::from_utf8(record).ok()?;
    let (_, fields) = text.split_once(";audit: type=1326 ")?;
    let value = |name: &str| fields.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
    let matches = value("pid") == Some(pid.to_string().as_str()) && value("sig") == Some("31");
    let number = value("syscall")?.parse().ok()?;
    matches.then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &[u8] = b"5,640,2411813751,-;audit: type=1326 audit(1795369263.739:2): auid=4294967295 uid=0 gid=0 \
        ses=4294967295 pid=9620 comm=\"sshd\" exe=\"/x\" sig=31 arch=c000003e syscall=39 compat=0 ip=0x7fb4 code=0x80000000";

    #[test]
    fn the_record_of_this_process_is_found() {
        assert_eq!(parse(RECORD, 9620), Some(39));
        assert_eq!(parse(RECORD, 962), None);
        assert_eq!(parse(b"5,640,2411813751,-;hello pid=9620 sig=31 syscall=39", 9620), None);
        assert_eq!(parse(b"\xff", 9620), None);
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn it_is_said_in_words() {
        let said = |number| Violation { number }.to_string();
        assert_eq!(said(Some(41)), "sandbox violation: system call socket");
        assert_eq!(said(Some(5000)), "sandbox violation: system call 5000");
        assert_eq!(said(None), "sandbox violation: system call unknown");
    }

    #[test]
    fn other_ends_are_no_violations() {
        let by = |signal| Ended::Signalled { signal, core_dumped: false };
        assert_eq!(of_ended(1, Ended::Exited(31)), None);
        assert_eq!(of_ended(1, by(libc::SIGKILL)), None);
        // Nothing has ever died by this number.
        assert_eq!(of_ended(-1, by(libc::SIGSYS)), Some(Violation { number: None }));
    }
}
