//! What each process keeps after lock-down, in words. The page to read first.
//!
//! A process starts with everything its user may do. Before it serves, it gives up all but the words in its row below;
//! nothing gives them back. What a word means to the kernel (system calls with their arguments, Landlock rights,
//! capabilities, limits) stands in `linux/`, a reason with each; the same rows hold in debug and in release builds.
//!
//! | process | keeps | and never again |
//! |---|---|---|
//! | `sshd-preauth` | memory, clock, its open descriptors, waiting for them | files, sockets, processes, other identities |
//! | `sshd-session` | the same, an event loop, terminals, the connection's socket options; files only if this login may use SFTP, and with `SftpJail` only those below one directory; accepting only if somebody may listen for it | exec, processes, other identities, sockets of its own |
//! | `sftp-server` | memory, clock, its open descriptors, waiting, files, lines to syslogd | exec, processes, sockets, other identities |
//! | `sshd-forward` | the user's own rights, but for what stands in `linux/socket_opener.rs` | exec, privileges, other identities, tracing, changing files |
//! | `sshd`, `sshd-monitor`, `sshd-launch` | not locked down: starting processes and changing identity is their work | reading what a peer sent as SSH |
//!
//! What follows for a process that an attacker has taken over completely: before login it can talk to the peer it had
//! anyway, and ask the monitor the questions of `ipc::phases`. After login it can do with the connection what the user who
//! logged in was granted; a key restricted to one command stays restricted, because commands are started by the monitor.

use crate::{FileAccess, Policy};

/// Something a process keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Promise {
    /// Its own memory (never executable), an orderly end, and what libc does in between.
    Compute,
    /// The time, and random bytes.
    ClockAndRandom,
    /// Reading, writing and closing what is open already.
    OpenDescriptors,
    /// Frames to and from the process that started it, descriptors included.
    Links,
    /// Waiting for descriptors with poll(2).
    Wait,
    /// tokio's event loop on an epoll instance and an eventfd made before lock-down.
    EventLoop,
    /// Sizes and modes of terminals that the monitor opened.
    Terminals,
    /// Half-closing sockets, and how urgent the connection's packets are.
    SocketOptions,
    /// Accepting connections on sockets that somebody else has bound and handed over.
    Accept,
    /// Opening, reading and listing files.
    ReadFiles,
    /// Creating, changing and removing files.
    ChangeFiles,
    /// Opening, reading and listing what is below one directory.
    ReadJail,
    /// Creating, changing and removing what is below one directory.
    ChangeJail,
    /// libc's look-ups of user and group names in files. A daemon that libc tries to ask is answered by `EACCES`.
    NameLookUps,
    /// Lines to syslogd, over a socket that was connected before lock-down.
    Syslog,
}

/// One row: a process, or one of the forms in which it is locked down.
#[derive(Debug)]
pub struct ProcessPromises {
    /// The process's binary.
    pub process: &'static str,
    /// In which of its forms.
    pub when: &'static str,
    /// What it keeps.
    pub keeps: &'static [Promise],
    /// The same to OpenBSD: pledge(2).
    pub pledge: &'static str,
    /// The same to OpenBSD: unveil(2), path and permissions.
    pub unveil: &'static [(&'static str, &'static str)],
}

use Promise::{
    Accept, ChangeFiles, ChangeJail, ClockAndRandom, Compute, EventLoop, Links, NameLookUps, OpenDescriptors,
    ReadFiles, ReadJail, SocketOptions, Syslog, Terminals, Wait,
};

/// `sshd-preauth`: all it ever sees is bytes of a stranger.
pub const PREAUTH: ProcessPromises = ProcessPromises {
    process: "sshd-preauth",
    when: "before login",
    keeps: &[Compute, ClockAndRandom, OpenDescriptors, Links, Wait],
    pledge: "stdio",
    unveil: &[],
};

/// Two rows of `sshd-session`: what every one of them keeps, and what this one keeps besides; and the same for a login
/// for which somebody may listen. (To pledge(2) accept(2) belongs to `inet` and `unix`, which bring more.)
macro_rules! session {
    ($name:ident, $accepting:ident, $when:literal, [$($more:ident),*], $pledge:literal, $unveil:expr) => {
        #[doc = concat!("`sshd-session`: ", $when, ".")]
        pub const $name: ProcessPromises = ProcessPromises {
            process: "sshd-session",
            when: $when,
            keeps: &[
                Compute, ClockAndRandom, OpenDescriptors, Links, Wait, EventLoop, Terminals, SocketOptions, $($more),*
            ],
            pledge: $pledge,
            unveil: $unveil,
        };

        #[doc = concat!("`sshd-session`: ", $when, "; and somebody may listen for the login.")]
        pub const $accepting: ProcessPromises = ProcessPromises {
            process: "sshd-session",
            when: concat!($when, ", listeners"),
            keeps: &[
                Compute, ClockAndRandom, OpenDescriptors, Links, Wait, EventLoop, Terminals, SocketOptions, Accept,
                $($more),*
            ],
            pledge: concat!($pledge, " inet unix"),
            unveil: $unveil,
        };
    };
}

session!(SESSION, SESSION_ACCEPTING, "no files", [], "stdio recvfd tty", &[]);
session!(
    SESSION_READING,
    SESSION_READING_ACCEPTING,
    "files, read only",
    [ReadFiles],
    "stdio recvfd tty rpath",
    &[("/", "r")]
);
session!(
    SESSION_WRITING,
    SESSION_WRITING_ACCEPTING,
    "files",
    [ReadFiles, ChangeFiles],
    "stdio recvfd tty rpath wpath cpath fattr chown",
    &[("/", "rwc")]
);
session!(
    SESSION_READING_JAIL,
    SESSION_READING_JAIL_ACCEPTING,
    "a jail, read only",
    [ReadJail],
    "stdio recvfd tty rpath",
    &[("SftpJail", "r")]
);
session!(
    SESSION_WRITING_JAIL,
    SESSION_WRITING_JAIL_ACCEPTING,
    "a jail",
    [ReadJail, ChangeJail],
    "stdio recvfd tty rpath wpath cpath fattr chown",
    &[("SftpJail", "rwc")]
);

/// `sftp-server -R`.
pub const SFTP_SERVER_READING: ProcessPromises = ProcessPromises {
    process: "sftp-server",
    when: "read only",
    keeps: &[Compute, ClockAndRandom, OpenDescriptors, Wait, ReadFiles, NameLookUps, Syslog],
    pledge: "stdio rpath getpw",
    unveil: &[("/", "r")],
};

/// `sftp-server`.
pub const SFTP_SERVER_WRITING: ProcessPromises = ProcessPromises {
    process: "sftp-server",
    when: "reading and writing",
    keeps: &[Compute, ClockAndRandom, OpenDescriptors, Wait, ReadFiles, ChangeFiles, NameLookUps, Syslog],
    pledge: "stdio rpath wpath cpath fattr chown getpw",
    unveil: &[("/", "rwc")],
};

/// Every row.
pub const PROCESSES: &[&ProcessPromises] = &[
    &PREAUTH,
    &SESSION,
    &SESSION_READING,
    &SESSION_WRITING,
    &SESSION_READING_JAIL,
    &SESSION_WRITING_JAIL,
    &SESSION_ACCEPTING,
    &SESSION_READING_ACCEPTING,
    &SESSION_WRITING_ACCEPTING,
    &SESSION_READING_JAIL_ACCEPTING,
    &SESSION_WRITING_JAIL_ACCEPTING,
    &SFTP_SERVER_READING,
    &SFTP_SERVER_WRITING,
];

/// The row that a policy means.
pub fn promises_of(policy: &Policy) -> &'static ProcessPromises {
    match policy {
        Policy::Preauth => &PREAUTH,
        Policy::Session(granted) => match (granted.files, granted.in_jail, granted.accept) {
            (FileAccess::None, _, false) => &SESSION,
            (FileAccess::ReadOnly, false, false) => &SESSION_READING,
            (FileAccess::ReadWrite, false, false) => &SESSION_WRITING,
            (FileAccess::ReadOnly, true, false) => &SESSION_READING_JAIL,
            (FileAccess::ReadWrite, true, false) => &SESSION_WRITING_JAIL,
            (FileAccess::None, _, true) => &SESSION_ACCEPTING,
            (FileAccess::ReadOnly, false, true) => &SESSION_READING_ACCEPTING,
            (FileAccess::ReadWrite, false, true) => &SESSION_WRITING_ACCEPTING,
            (FileAccess::ReadOnly, true, true) => &SESSION_READING_JAIL_ACCEPTING,
            (FileAccess::ReadWrite, true, true) => &SESSION_WRITING_JAIL_ACCEPTING,
        },
        Policy::SftpServer { read_only: true } => &SFTP_SERVER_READING,
        Policy::SftpServer { read_only: false } => &SFTP_SERVER_WRITING,
    }
}

impl ProcessPromises {
    /// Whether this word is in the row.
    pub fn keeps(&self, promise: Promise) -> bool {
        self.keeps.contains(&promise)
    }

    /// Whether the row keeps files below one directory only.
    pub fn is_in_jail(&self) -> bool {
        self.keeps(ReadJail)
    }

    /// How much of the file system the row keeps.
    pub fn files(&self) -> FileAccess {
        let reads = self.keeps(ReadFiles) || self.keeps(ReadJail);
        match (reads, self.keeps(ChangeFiles) || self.keeps(ChangeJail)) {
            (_, true) => FileAccess::ReadWrite,
            (true, false) => FileAccess::ReadOnly,
            (false, false) => FileAccess::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_login_there_are_no_files_no_terminals_no_event_loop() {
        let words =
            [ReadFiles, ChangeFiles, ReadJail, ChangeJail, NameLookUps, EventLoop, Terminals, SocketOptions, Accept];
        for word in words {
            assert!(!PREAUTH.keeps(word), "{word:?}");
        }
    }

    #[test]
    fn read_only_rows_change_nothing() {
        for row in PROCESSES {
            if row.when.contains("read only") {
                assert_eq!(row.files(), FileAccess::ReadOnly, "{} {}", row.process, row.when);
                assert!(!row.pledge.contains("wpath") && !row.pledge.contains("cpath"));
            }
        }
    }

    #[test]
    fn the_pledge_says_the_same_as_the_words() {
        for row in PROCESSES {
            let pledged = |word: &str| row.pledge.split(' ').any(|pledged| pledged == word);
            assert_eq!(pledged("rpath"), row.files() != FileAccess::None, "{}", row.when);
            assert_eq!(pledged("wpath"), row.files() == FileAccess::ReadWrite, "{}", row.when);
            assert_eq!(pledged("tty"), row.keeps(Terminals), "{}", row.when);
            assert_eq!(pledged("inet") && pledged("unix"), row.keeps(Accept), "{}", row.when);
            assert!(!["exec", "proc", "id", "prot_exec"].into_iter().any(pledged), "{}", row.when);
        }
    }
}
