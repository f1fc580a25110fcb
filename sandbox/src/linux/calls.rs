//! System calls: for each word of `promises` those that it needs, with which arguments, and why.
//!
//! What stands in no row of a process's words kills it (`SECCOMP_RET_KILL_PROCESS`): also calls of other architectures and of
//! x32, whatever their number.

use crate::promises::Promise;
use Allowed::{Always, OnlyIf, Refused};
use Promise::{
    Accept, ClockAndRandom, Compute, EventLoop, Links, NameLookUps, OpenDescriptors, SocketOptions, Syslog, Terminals,
    Wait,
};

/// One system call that a word needs.
#[derive(Debug)]
pub struct Row {
    /// The word.
    pub word: Promise,
    /// The system call's name.
    pub name: &'static str,
    /// Its number on this architecture.
    pub number: i64,
    /// With which arguments.
    pub allowed: Allowed,
    /// What would not work without it.
    pub reason: &'static str,
}

/// With which arguments a call is allowed.
#[derive(Clone, Copy, Debug)]
pub enum Allowed {
    /// With all.
    Always,
    /// If one of the alternatives holds completely.
    OnlyIf(&'static [&'static [Check]]),
    /// Never; but instead of dying the caller gets an errno, because a library tries it and can do without.
    Refused {
        /// That errno.
        errno: i32,
        /// With which arguments; none means all. Arguments that no row mentions kill.
        when: &'static [&'static [Check]],
    },
}

/// A condition on one argument. Its lower 32 bits are compared unless `wide`.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Which argument, from 0.
    pub argument: u8,
    /// The bits that matter.
    pub mask: u64,
    /// What these must be.
    pub value: u64,
    /// Whether all 64 bits count: lengths and pointers.
    pub wide: bool,
}

pub(super) const fn is(argument: u8, value: i64) -> Check {
    Check { argument, mask: u32::MAX as u64, value: value as u64 & u32::MAX as u64, wide: false }
}

pub(super) const fn has_none_of(argument: u8, bits: i64) -> Check {
    Check { argument, mask: bits as u64 & u32::MAX as u64, value: 0, wide: false }
}

pub(super) const fn is_null(argument: u8) -> Check {
    Check { argument, mask: u64::MAX, value: 0, wide: true }
}

const fn row(word: Promise, name: &'static str, number: i64, allowed: Allowed, reason: &'static str) -> Row {
    Row { word, name, number, allowed, reason }
}

const READ_WRITE: i64 = (libc::PROT_READ | libc::PROT_WRITE) as i64;
const FUTEX_WAKE: i64 = (libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG) as i64;

/// Memory that is never executable and never a file's: anonymous, with no protection bit but read and write.
const ANONYMOUS: &[&[Check]] = &[&[
    has_none_of(2, !READ_WRITE),
    Check {
        argument: 3,
        mask: (libc::MAP_ANONYMOUS | libc::MAP_PRIVATE) as u64,
        value: (libc::MAP_ANONYMOUS | libc::MAP_PRIVATE) as u64,
        wide: false,
    },
]];

const IS_EXECUTABLE: Check =
    Check { argument: 2, mask: libc::PROT_EXEC as u64, value: libc::PROT_EXEC as u64, wide: false };
const IS_A_FILE: Check = Check { argument: 3, mask: libc::MAP_ANONYMOUS as u64, value: 0, wide: false };
const REFUSED: Allowed = Refused { errno: libc::EACCES, when: &[] };

/// Every row but those of files, which are in `file_calls`.
pub(super) const ROWS: &[Row] = &[
    row(Compute, "mmap", libc::SYS_mmap, OnlyIf(ANONYMOUS), "malloc: large blocks"),
    row(Compute, "munmap", libc::SYS_munmap, Always, "malloc: large blocks given back"),
    row(Compute, "mremap", libc::SYS_mremap, OnlyIf(&[&[is(3, libc::MREMAP_MAYMOVE as i64)]]), "realloc: large blocks"),
    row(Compute, "brk", libc::SYS_brk, Always, "malloc: the heap grows and shrinks"),
    row(
        Compute,
        "futex",
        libc::SYS_futex,
        OnlyIf(&[&[is(1, FUTEX_WAKE)]]),
        "the end of a one-time initialisation wakes whoever waits, of whom a process with one thread has none",
    ),
    row(
        Compute,
        "sigaltstack",
        libc::SYS_sigaltstack,
        Always,
        "std takes its stack-overflow handler's stack down when main returns",
    ),
    row(Compute, "exit_group", libc::SYS_exit_group, Always, "the end"),
    row(
        Compute,
        "restart_syscall",
        libc::SYS_restart_syscall,
        Always,
        "the kernel resumes a wait with it after SIGSTOP and SIGCONT, or when a debugger attaches",
    ),
    row(
        ClockAndRandom,
        "clock_gettime",
        libc::SYS_clock_gettime,
        Always,
        "deadlines, where the vDSO has no clock (some virtual machines)",
    ),
    row(ClockAndRandom, "getrandom", libc::SYS_getrandom, Always, "ephemeral keys, cookies, padding"),
    row(OpenDescriptors, "read", libc::SYS_read, Always, "bytes of the peer; of pipes and terminals"),
    row(OpenDescriptors, "write", libc::SYS_write, Always, "bytes to the peer; last words on standard error"),
    row(EventLoop, "writev", libc::SYS_writev, Always, "tokio's vectored writes"),
    row(OpenDescriptors, "close", libc::SYS_close, Always, "what is handed over or at its end"),
    row(
        OpenDescriptors,
        "fcntl",
        libc::SYS_fcntl,
        OnlyIf(&[
            &[is(1, libc::F_GETFL as i64)],
            &[is(1, libc::F_SETFL as i64), has_none_of(2, libc::O_ASYNC as i64)],
            &[is(1, libc::F_GETFD as i64)],
        ]),
        "the connection is made non-blocking; std asks in debug builds whether what it closes is open",
    ),
    row(Links, "recvmsg", libc::SYS_recvmsg, Always, "answers, with the descriptors they declare"),
    row(Links, "sendmsg", libc::SYS_sendmsg, Always, "requests; on connected sockets, there is no other to name"),
    #[cfg(target_arch = "x86_64")]
    row(Wait, "poll", libc::SYS_poll, Always, "waiting for peer and monitor"),
    #[cfg(not(target_arch = "x86_64"))]
    row(Wait, "ppoll", libc::SYS_ppoll, Always, "waiting for peer and monitor: what libc's poll(3) is here"),
    row(EventLoop, "readv", libc::SYS_readv, Always, "tokio's vectored reads"),
    row(
        EventLoop,
        "recvfrom",
        libc::SYS_recvfrom,
        OnlyIf(&[&[is_null(4)]]),
        "std's and tokio's reads of a connected socket",
    ),
    row(
        EventLoop,
        "sendto",
        libc::SYS_sendto,
        OnlyIf(&[&[is_null(4)]]),
        "std's and tokio's writes to a connected socket; no address may be given",
    ),
    row(EventLoop, "epoll_ctl", libc::SYS_epoll_ctl, Always, "a descriptor joins or leaves the event loop"),
    #[cfg(target_arch = "x86_64")]
    row(EventLoop, "epoll_wait", libc::SYS_epoll_wait, Always, "the event loop waits"),
    row(
        EventLoop,
        "epoll_pwait",
        libc::SYS_epoll_pwait,
        OnlyIf(&[&[is_null(4)]]),
        "the same where epoll_wait is not; without a signal mask",
    ),
    row(
        EventLoop,
        "fcntl",
        libc::SYS_fcntl,
        OnlyIf(&[
            &[is(1, libc::F_SETFD as i64), is(2, libc::FD_CLOEXEC as i64)],
            &[is(1, libc::F_DUPFD_CLOEXEC as i64)],
        ]),
        "a received descriptor is duplicated for a second task; none is ever inherited",
    ),
    row(
        EventLoop,
        "ioctl",
        libc::SYS_ioctl,
        OnlyIf(&[&[is(1, libc::FIONBIO as i64)], &[is(1, libc::FIONREAD as i64)]]),
        "std's set_nonblocking; how much a pipe still holds",
    ),
    row(
        Terminals,
        "ioctl",
        libc::SYS_ioctl,
        OnlyIf(&[
            &[is(1, libc::TIOCSWINSZ as i64)],
            &[is(1, libc::TIOCGWINSZ as i64)],
            &[is(1, libc::TCGETS as i64)],
            &[is(1, libc::TCSETS as i64)],
            &[is(1, libc::TCSETSW as i64)],
            &[is(1, libc::TCSETSF as i64)],
            &[is(1, libc::TCGETS2 as i64)],
            &[is(1, libc::TCSETS2 as i64)],
            &[is(1, libc::TCSETSW2 as i64)],
            &[is(1, libc::TCSETSF2 as i64)],
        ]),
        "the window's size and modes (tcgetattr of newer libcs is TCGETS2); never TIOCSTI, which types into a terminal",
    ),
    row(SocketOptions, "shutdown", libc::SYS_shutdown, Always, "end of file in one direction"),
    row(
        SocketOptions,
        "setsockopt",
        libc::SYS_setsockopt,
        OnlyIf(&[
            &[is(1, libc::IPPROTO_TCP as i64), is(2, libc::TCP_NODELAY as i64)],
            &[is(1, libc::IPPROTO_IP as i64), is(2, libc::IP_TOS as i64)],
            &[is(1, libc::IPPROTO_IPV6 as i64), is(2, libc::IPV6_TCLASS as i64)],
        ]),
        "IPQoS and no delay once the session is known to be interactive",
    ),
    row(
        SocketOptions,
        "getsockopt",
        libc::SYS_getsockopt,
        OnlyIf(&[
            &[is(1, libc::SOL_SOCKET as i64), is(2, libc::SO_ERROR as i64)],
            &[is(1, libc::IPPROTO_TCP as i64), is(2, libc::TCP_INFO as i64)],
        ]),
        "why a socket has failed; how long the connection's packets take",
    ),
    row(
        Accept,
        "accept4",
        libc::SYS_accept4,
        OnlyIf(&[&[is(3, libc::SOCK_CLOEXEC as i64)]]),
        "whoever connects to a forwarding, on a listening socket that was handed over",
    ),
    row(NameLookUps, "socket", libc::SYS_socket, REFUSED, "libc asks nscd first and does without"),
    row(NameLookUps, "connect", libc::SYS_connect, REFUSED, "as socket"),
    row(
        NameLookUps,
        "mmap",
        libc::SYS_mmap,
        Refused { errno: libc::EACCES, when: &[&[IS_EXECUTABLE], &[IS_A_FILE]] },
        "libc tries to load a look-up module and does without",
    ),
    row(
        NameLookUps,
        "prctl",
        libc::SYS_prctl,
        Refused {
            errno: libc::EACCES,
            when: &[&[is(0, libc::PR_SET_NAME as i64)], &[is(0, libc::PR_GET_NAME as i64)]],
        },
        "a look-up module asks for its thread's name and does without",
    ),
    row(
        NameLookUps,
        "rt_sigprocmask",
        libc::SYS_rt_sigprocmask,
        Always,
        "a look-up module that was loaded before blocks signals meanwhile",
    ),
    row(NameLookUps, "getuid", libc::SYS_getuid, Always, "look-up modules ask who asks"),
    row(NameLookUps, "geteuid", libc::SYS_geteuid, Always, "as getuid"),
    row(NameLookUps, "gettid", libc::SYS_gettid, Always, "as getuid"),
    row(NameLookUps, "getpid", libc::SYS_getpid, Always, "as getuid"),
    #[cfg(target_arch = "x86_64")]
    row(NameLookUps, "access", libc::SYS_access, Always, "systemd's module asks whether a file is there"),
    #[cfg(not(target_arch = "x86_64"))]
    row(NameLookUps, "faccessat", libc::SYS_faccessat, Always, "what libc's access(2) is elsewhere"),
    row(NameLookUps, "lseek", libc::SYS_lseek, Always, "libc rewinds /etc/passwd and /etc/group"),
    row(
        Syslog,
        "sendto",
        libc::SYS_sendto,
        OnlyIf(&[&[is_null(4)]]),
        "a line to the syslogd that the socket is connected to; no address may be given",
    ),
    row(Syslog, "getpid", libc::SYS_getpid, Always, "stands in every line"),
];

/// Every row of one word.
pub fn rows_of(word: Promise) -> impl Iterator<Item = &'static Row> {
    ROWS.iter().chain(super::file_calls::ROWS).filter(move |row| row.word == word)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::names::name_of;
    use super::*;
    use crate::promises::{PREAUTH, PROCESSES};

    fn rows_kept(keeps: &'static [Promise]) -> impl Iterator<Item = &'static Row> {
        keeps.iter().flat_map(|word| rows_of(*word))
    }

    #[test]
    fn the_documents_say_how_many_system_calls_are_left_before_login() {
        let calls: BTreeSet<i64> = rows_kept(PREAUTH.keeps).map(|row| row.number).collect();
        let said = format!("{} system calls", calls.len());
        let project = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for document in ["README.md", "SECURITY.md", "docs/processes.md"] {
            let text = std::fs::read_to_string(project.join(document)).unwrap();
            assert!(text.contains(&said), "{document} does not say {said}");
        }
    }

    #[test]
    fn every_row_has_its_reason_and_its_own_name() {
        for row in ROWS.iter().chain(super::super::file_calls::ROWS) {
            assert!(row.reason.len() > 5, "{} says not why", row.name);
            assert_eq!(name_of(row.number), row.name);
        }
    }

    #[test]
    fn no_row_is_there_twice_and_every_word_has_one() {
        let mut seen = BTreeSet::new();
        for row in ROWS.iter().chain(super::super::file_calls::ROWS) {
            assert!(seen.insert((row.word, row.number)), "{:?} has {} twice", row.word, row.name);
        }
        for process in PROCESSES {
            for word in process.keeps {
                assert!(rows_of(*word).next().is_some(), "{word:?} means nothing");
            }
        }
    }

    #[test]
    fn what_no_process_may_ever_have_stands_in_no_row() {
        let never = [
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_clone,
            libc::SYS_clone3,
            libc::SYS_ptrace,
            libc::SYS_process_vm_writev,
            libc::SYS_kill,
            libc::SYS_tgkill,
            libc::SYS_setuid,
            libc::SYS_setresuid,
            libc::SYS_setgroups,
            libc::SYS_mount,
            libc::SYS_chroot,
            libc::SYS_prctl,
            libc::SYS_seccomp,
            libc::SYS_bind,
            libc::SYS_listen,
            libc::SYS_socketpair,
            libc::SYS_accept,
            libc::SYS_mprotect,
            libc::SYS_rt_sigaction,
            libc::SYS_rt_sigreturn,
            libc::SYS_memfd_create,
            libc::SYS_io_uring_setup,
            libc::SYS_bpf,
            libc::SYS_unshare,
            libc::SYS_setns,
            libc::SYS_userfaultfd,
            libc::SYS_keyctl,
        ];
        for row in ROWS.iter().chain(super::super::file_calls::ROWS) {
            let refused = matches!(row.allowed, Refused { .. });
            assert!(refused || !never.contains(&row.number), "{}", row.name);
        }
    }
}
