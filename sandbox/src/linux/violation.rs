//! Which call it was that killed a process.
//!
//! The filter is the same in every build, so nothing inside the dead process can tell. But the kernel writes an audit record
//! of each `SECCOMP_RET_KILL_PROCESS` to its log, and whoever may read that (root; with `kernel.dmesg_restrict=0` everybody)
//! can ask here.

use std::fmt;
use std::fs::OpenOptions;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;

use super::names::name_of;

/// The longest record that the kernel hands out, in bytes.
const LONGEST_RECORD: usize = 8192;

/// A system call that was in no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its number.
    pub number: i64,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "system call {} ({}) is not promised", self.number, name_of(self.number))
    }
}

/// The call for which the process `pid` was killed by `SIGSYS`. `None` when the kernel's log does not tell: it may not be
/// read, has been overwritten, or the kernel has no audit.
pub fn of_killed(pid: i32) -> Option<Violation> {
    let log = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open("/dev/kmsg").ok()?;
    let mut record = vec![0; LONGEST_RECORD];
    let mut found = None;
    loop {
        match sys::fd::read(log.as_fd(), &mut record) {
            Ok(0) => return found,
            // The newest wins: process ids come round again.
            Ok(length) => found = parse(record.get(..length)?, pid).or(found),
            // Records were overwritten while we read; the rest is still there.
            Err(error) if error.raw_os_error() == Some(libc::EPIPE) => {}
            Err(_) => return found,
        }
    }
}

/// Reads `audit: type=1326 … pid=N … sig=31 … syscall=M …`. A process name cannot fake it: the kernel quotes it or writes it
/// in hexadecimal, and it stands behind the pid.
fn parse(record: &[u8], pid: i32) -> Option<Violation> {
    let text = std::str::from_utf8(record).ok()?;
    let (_, fields) = text.split_once(";audit: type=1326 ")?;
    let value = |name: &str| fields.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
    let matches = value("pid") == Some(pid.to_string().as_str()) && value("sig") == Some("31");
    let number = value("syscall")?.parse().ok()?;
    matches.then_some(Violation { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &[u8] = b"5,640,2411813751,-;audit: type=1326 audit(1795369263.739:2): auid=4294967295 uid=0 gid=0 \
        ses=4294967295 pid=9620 comm=\"sshd\" exe=\"/x\" sig=31 arch=c000003e syscall=39 compat=0 ip=0x7fb4 code=0x80000000";

    #[test]
    fn the_record_of_this_process_is_found() {
        assert_eq!(parse(RECORD, 9620), Some(Violation { number: 39 }));
        assert_eq!(parse(RECORD, 962), None);
        assert_eq!(parse(b"5,640,2411813751,-;hello pid=9620 sig=31 syscall=39", 9620), None);
        assert_eq!(parse(b"\xff", 9620), None);
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn it_is_said_in_words() {
        assert_eq!(Violation { number: 41 }.to_string(), "system call 41 (socket) is not promised");
    }
}
