//! What SFTP says to the log, in theirs' words: transfer statistics and upload watchers are built on these lines.

use std::fmt::Write as _;

use events::{ConnectionFacts, Level, Loggable};
use serde::{Deserialize, Serialize};
use sftp_options::Kind;

use crate::status::Status;

/// One line. Paths are as the client sent them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // each field is the thing of its name; `text` shows how it is said
pub enum SftpEvent {
    SessionOpened {
        user: String,
        address: String,
    },
    SessionClosed {
        user: String,
        address: String,
    },
    ReceivedVersion {
        version: u32,
    },
    /// `flags` as in SSH_FXP_OPEN.
    Open {
        path: Vec<u8>,
        flags: u32,
        mode: u32,
    },
    /// `forced`: the client went away without closing it.
    Close {
        path: Vec<u8>,
        bytes_read: u64,
        bytes_written: u64,
        forced: bool,
    },
    Opendir {
        path: Vec<u8>,
    },
    Closedir {
        path: Vec<u8>,
        forced: bool,
    },
    Remove {
        path: Vec<u8>,
    },
    Mkdir {
        path: Vec<u8>,
        mode: u32,
    },
    Rmdir {
        path: Vec<u8>,
    },
    Rename {
        old: Vec<u8>,
        new: Vec<u8>,
    },
    PosixRename {
        old: Vec<u8>,
        new: Vec<u8>,
    },
    /// `old` is what the link says, `new` is where it is.
    Symlink {
        old: Vec<u8>,
        new: Vec<u8>,
    },
    Hardlink {
        old: Vec<u8>,
        new: Vec<u8>,
    },
    SetSize {
        path: Vec<u8>,
        bytes: u64,
    },
    SetMode {
        path: Vec<u8>,
        mode: u32,
    },
    /// Local time, `YYYYMMDD-HH:MM:SS`.
    SetModified {
        path: Vec<u8>,
        time: String,
    },
    SetOwner {
        path: Vec<u8>,
        uid: u32,
        gid: u32,
    },
    Statvfs {
        path: Vec<u8>,
    },
    SentStatus {
        status: Status,
    },
    Realpath {
        path: Vec<u8>,
    },
    Stat {
        path: Vec<u8>,
        follows_links: bool,
    },
    Readlink {
        path: Vec<u8>,
    },
    Fsync {
        path: Vec<u8>,
    },
    ExpandPath {
        path: Vec<u8>,
    },
    HomeDirectory {
        path: Vec<u8>,
    },
    UsersGroupsById {
        users: u32,
        groups: u32,
    },
    RefusedReadOnly {
        request: Kind,
    },
    RefusedDenied {
        request: Kind,
    },
    RefusedNotAllowed {
        request: Kind,
    },
    /// Bodies of requests are not said at all levels: this is the one line about every request there is.
    Received {
        id: u32,
        request: Kind,
    },
    UnknownExtension {
        name: Vec<u8>,
    },
    UnknownRequest {
        number: u8,
    },
    MalformedRequest {
        request: Kind,
    },
    /// A packet too long, too short or too early: the session ends.
    BadMessage {
        user: String,
        address: String,
    },
    /// Reading or writing an open file failed; `what` is `read`, `write`, `copy`.
    TransferFailed {
        what: Transfer,
        path: Vec<u8>,
        error: String,
    },
    CopyOntoItself {
        path: Vec<u8>,
    },
    TooManyHandles {
        path: Vec<u8>,
        limit: u32,
    },
    StartDirectory {
        path: Vec<u8>,
        error: String,
    },
    /// A name in `-p` or `-P` that no request has.
    UnknownRequestName {
        name: String,
    },
}

/// What was done to a file when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Transfer {
    Read,
    Write,
}

impl SftpEvent {
    /// How important it is.
    #[must_use]
    pub fn level(&self) -> Level {
        match self {
            Self::ReceivedVersion { .. }
            | Self::Realpath { .. }
            | Self::Stat { .. }
            | Self::Readlink { .. }
            | Self::Fsync { .. }
            | Self::ExpandPath { .. }
            | Self::HomeDirectory { .. }
            | Self::UsersGroupsById { .. }
            | Self::RefusedReadOnly { .. }
            | Self::RefusedDenied { .. }
            | Self::RefusedNotAllowed { .. } => Level::Verbose,
            // Theirs writes successes only for an administrator who debugs; failures always.
            Self::SentStatus { status: Status::Ok | Status::Eof } => Level::Debug1,
            Self::Received { .. } => Level::Debug3,
            Self::UnknownExtension { .. }
            | Self::UnknownRequest { .. }
            | Self::MalformedRequest { .. }
            | Self::BadMessage { .. }
            | Self::TransferFailed { .. }
            | Self::CopyOntoItself { .. }
            | Self::TooManyHandles { .. }
            | Self::StartDirectory { .. }
            | Self::UnknownRequestName { .. } => Level::Error,
            _ => Level::Info,
        }
    }

    /// The line, not escaped yet: whoever writes it does that for the whole of it.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::SessionOpened { user, address } => format!("session opened for local user {user} from [{address}]"),
            Self::SessionClosed { user, address } => format!("session closed for local user {user} from [{address}]"),
            Self::ReceivedVersion { version } => format!("received client version {version}"),
            Self::Open { path, flags, mode } => {
                format!("open {} flags {} mode 0{mode:o}", quoted(path), flag_names(*flags))
            }
            Self::Close { path, bytes_read, bytes_written, forced } => {
                let forced = if *forced { "forced " } else { "" };
                format!("{forced}close {} bytes read {bytes_read} written {bytes_written}", quoted(path))
            }
            Self::Opendir { path } => format!("opendir {}", quoted(path)),
            Self::Closedir { path, forced } => {
                format!("{}closedir {}", if *forced { "forced " } else { "" }, quoted(path))
            }
            Self::Remove { path } => format!("remove name {}", quoted(path)),
            Self::Mkdir { path, mode } => format!("mkdir name {} mode 0{mode:o}", quoted(path)),
            Self::Rmdir { path } => format!("rmdir name {}", quoted(path)),
            Self::Rename { old, new } => two_paths("rename", old, new),
            Self::PosixRename { old, new } => two_paths("posix-rename", old, new),
            Self::Symlink { old, new } => two_paths("symlink", old, new),
            Self::Hardlink { old, new } => two_paths("hardlink", old, new),
            Self::SetSize { path, bytes } => format!("set {} size {bytes}", quoted(path)),
            Self::SetMode { path, mode } => format!("set {} mode {mode:04o}", quoted(path)),
            Self::SetModified { path, time } => format!("set {} modtime {time}", quoted(path)),
            Self::SetOwner { path, uid, gid } => format!("set {} owner {uid} group {gid}", quoted(path)),
            Self::Statvfs { path } => format!("statvfs {}", quoted(path)),
            Self::SentStatus { status } => format!("sent status {}", status.text()),
            Self::Realpath { path } => format!("realpath {}", quoted(path)),
            Self::Stat { path, follows_links: true } => format!("stat name {}", quoted(path)),
            Self::Stat { path, follows_links: false } => format!("lstat name {}", quoted(path)),
            Self::Readlink { path } => format!("readlink {}", quoted(path)),
            Self::Fsync { path } => format!("fsync {}", quoted(path)),
            Self::ExpandPath { path } => format!("expand {}", quoted(path)),
            Self::HomeDirectory { path } => format!("home-directory {}", quoted(path)),
            Self::UsersGroupsById { users, groups } => format!("users-groups-by-id: {users} users, {groups} groups"),
            Self::RefusedReadOnly { request } => format!("Refusing {} request in read-only mode", request.name()),
            Self::RefusedDenied { request } => format!("Refusing denylisted {} request", request.name()),
            Self::RefusedNotAllowed { request } => format!("Refusing non-allowlisted {} request", request.name()),
            Self::Received { id, request } => format!("request {id}: {}", request.name()),
            Self::UnknownExtension { name } => format!("Unknown extended request {}", quoted(name)),
            Self::UnknownRequest { number } => format!("Unknown message {number}"),
            Self::MalformedRequest { request } => format!("malformed {} request", request.name()),
            Self::BadMessage { user, address } => format!("bad message from {address} local user {user}"),
            Self::TransferFailed { what, path, error } => {
                let what = match what {
                    Transfer::Read => "read",
                    Transfer::Write => "write",
                };
                format!("{what} {}: {error}", quoted(path))
            }
            Self::CopyOntoItself { path } => format!("refusing to read/write same file: {}", quoted(path)),
            Self::TooManyHandles { path, limit } => format!("refusing {}: {limit} handles are open", quoted(path)),
            Self::StartDirectory { path, error } => format!("chdir to {} failed: {error}", quoted(path)),
            Self::UnknownRequestName { name } => format!("no request is called \"{name}\": option -p or -P misspelt?"),
        }
    }
}

impl Loggable for SftpEvent {
    const SOURCE: &'static str = "sftp";

    fn level(&self) -> Level {
        self.level()
    }

    fn text(&self, _: &ConnectionFacts) -> String {
        self.text()
    }
}

fn two_paths(what: &str, old: &[u8], new: &[u8]) -> String {
    format!("{what} old {} new {}", quoted(old), quoted(new))
}

/// A name as it is: what is not printable is escaped with the whole line, once (`events::visible`), so that names in UTF-8
/// read as theirs writes them. Bytes that are no UTF-8 have no place in a text; they are escaped here already.
fn quoted(path: &[u8]) -> String {
    let mut shown = String::with_capacity(path.len().saturating_add(2));
    shown.push('"');
    for chunk in path.utf8_chunks() {
        shown.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\{byte:03o}");
        }
    }
    shown.push('"');
    shown
}

fn flag_names(flags: u32) -> String {
    let named = ["READ", "WRITE", "APPEND", "CREATE", "TRUNCATE", "EXCL"];
    let set = (0u32..).zip(named).filter(|(bit, _)| flags.checked_shr(*bit).unwrap_or(0) & 1 == 1);
    set.map(|(_, name)| name).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_tools_match() {
        let path = b"/up/a b".to_vec();
        let said = |event: SftpEvent| event.text();
        assert_eq!(
            said(SftpEvent::Open { path: path.clone(), flags: 0x1a, mode: 0o666 }),
            "open \"/up/a b\" flags WRITE,CREATE,TRUNCATE mode 0666"
        );
        assert_eq!(
            said(SftpEvent::Close { path: path.clone(), bytes_read: 0, bytes_written: 7, forced: true }),
            "forced close \"/up/a b\" bytes read 0 written 7"
        );
        assert_eq!(said(SftpEvent::SetMode { path, mode: 0o644 }), "set \"/up/a b\" mode 0644");
        assert_eq!(
            said(SftpEvent::SessionOpened { user: "ann".into(), address: "192.0.2.1".into() }),
            "session opened for local user ann from [192.0.2.1]"
        );
        assert_eq!(said(SftpEvent::SentStatus { status: Status::NoSuchFile }), "sent status No such file");
        assert_eq!(said(SftpEvent::RefusedReadOnly { request: Kind::Open }), "Refusing open request in read-only mode");
    }

    #[test]
    fn names_cannot_start_a_line_and_are_escaped_once() {
        let written = |name: &[u8]| events::visible(&SftpEvent::Remove { path: name.to_vec() }.text());
        assert_eq!(written(b"x\"\nsession closed"), "remove name \"x\"\\nsession closed\"");
        assert_eq!(written("\u{e9}t\u{e9} \u{1b}[31m".as_bytes()), "remove name \"\\303\\251t\\303\\251 \\033[31m\"");
        assert_eq!(written(b"a\\b"), "remove name \"a\\\\b\"");
        let not_utf8 = written(b"x\xff\n");
        assert!(not_utf8.contains("377") && not_utf8.is_ascii() && !not_utf8.contains('\n'), "{not_utf8}");
    }

    #[test]
    fn failures_are_told_at_info() {
        assert_eq!(SftpEvent::SentStatus { status: Status::Failure }.level(), Level::Info);
        assert!(SftpEvent::SentStatus { status: Status::Ok }.level() > Level::Verbose);
    }
}
