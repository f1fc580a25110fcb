//! Every request that a client can make: one row each.

use serde::{Deserialize, Serialize};

/// A request of draft-ietf-secsh-filexfer-02, or one of the extensions that clients of OpenSSH use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)] // the names are those of the protocol
pub enum Kind {
    Open,
    Close,
    Read,
    Write,
    Lstat,
    Fstat,
    Setstat,
    Fsetstat,
    Opendir,
    Readdir,
    Remove,
    Mkdir,
    Rmdir,
    Realpath,
    Stat,
    Rename,
    Readlink,
    Symlink,
    PosixRename,
    Statvfs,
    Fstatvfs,
    Hardlink,
    Fsync,
    Lsetstat,
    Limits,
    ExpandPath,
    CopyData,
    HomeDirectory,
    UsersGroupsById,
}

/// How a request is recognised on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnTheWire {
    /// By its packet type.
    Type(u8),
    /// By its name behind SSH_FXP_EXTENDED.
    Extension {
        /// With the domain of who defined it.
        name: &'static str,
        /// As it is advertised.
        version: &'static str,
    },
}

struct Row {
    kind: Kind,
    /// What `-p`, `-P` and the log call it.
    name: &'static str,
    on_the_wire: OnTheWire,
    /// Refused as a whole under `-R`. OPEN is not: it depends on its flags.
    writes: bool,
}

const fn plain(kind: Kind, name: &'static str, number: u8, writes: bool) -> Row {
    Row { kind, name, on_the_wire: OnTheWire::Type(number), writes }
}

const fn extension(kind: Kind, name: &'static str, on_the_wire: (&'static str, &'static str), writes: bool) -> Row {
    Row { kind, name, on_the_wire: OnTheWire::Extension { name: on_the_wire.0, version: on_the_wire.1 }, writes }
}

/// In the order of `Kind`, which is also the order of the advertisement and of `-Q requests`.
const ROWS: [Row; 29] = [
    plain(Kind::Open, "open", 3, false),
    plain(Kind::Close, "close", 4, false),
    plain(Kind::Read, "read", 5, false),
    plain(Kind::Write, "write", 6, true),
    plain(Kind::Lstat, "lstat", 7, false),
    plain(Kind::Fstat, "fstat", 8, false),
    plain(Kind::Setstat, "setstat", 9, true),
    plain(Kind::Fsetstat, "fsetstat", 10, true),
    plain(Kind::Opendir, "opendir", 11, false),
    plain(Kind::Readdir, "readdir", 12, false),
    plain(Kind::Remove, "remove", 13, true),
    plain(Kind::Mkdir, "mkdir", 14, true),
    plain(Kind::Rmdir, "rmdir", 15, true),
    plain(Kind::Realpath, "realpath", 16, false),
    plain(Kind::Stat, "stat", 17, false),
    plain(Kind::Rename, "rename", 18, true),
    plain(Kind::Readlink, "readlink", 19, false),
    plain(Kind::Symlink, "symlink", 20, true),
    extension(Kind::PosixRename, "posix-rename", ("posix-rename@openssh.com", "1"), true),
    extension(Kind::Statvfs, "statvfs", ("statvfs@openssh.com", "2"), false),
    extension(Kind::Fstatvfs, "fstatvfs", ("fstatvfs@openssh.com", "2"), false),
    extension(Kind::Hardlink, "hardlink", ("hardlink@openssh.com", "1"), true),
    extension(Kind::Fsync, "fsync", ("fsync@openssh.com", "1"), true),
    extension(Kind::Lsetstat, "lsetstat", ("lsetstat@openssh.com", "1"), true),
    extension(Kind::Limits, "limits", ("limits@openssh.com", "1"), false),
    extension(Kind::ExpandPath, "expand-path", ("expand-path@openssh.com", "1"), false),
    extension(Kind::CopyData, "copy-data", ("copy-data", "1"), true),
    extension(Kind::HomeDirectory, "home-directory", ("home-directory", "1"), false),
    extension(Kind::UsersGroupsById, "users-groups-by-id", ("users-groups-by-id@openssh.com", "1"), false),
];

impl Kind {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(|row| row.kind)
    }

    /// The name that `-p` and `-P` know.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().map_or("", |row| row.name)
    }

    /// The request with this name in `-p` or `-P`.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Self> {
        ROWS.iter().find(|row| row.name.as_bytes() == name).map(|row| row.kind)
    }

    /// Whether it changes files by its nature.
    #[must_use]
    pub fn writes(self) -> bool {
        self.row().is_some_and(|row| row.writes)
    }

    /// How clients ask for it.
    #[must_use]
    pub fn on_the_wire(self) -> Option<OnTheWire> {
        self.row().map(|row| row.on_the_wire)
    }

    /// The request with this packet type.
    #[must_use]
    pub fn with_type(number: u8) -> Option<Self> {
        ROWS.iter().find(|row| row.on_the_wire == OnTheWire::Type(number)).map(|row| row.kind)
    }

    /// The request with this name behind SSH_FXP_EXTENDED.
    #[must_use]
    pub fn with_extension_name(wanted: &[u8]) -> Option<Self> {
        let matches =
            |row: &&Row| matches!(row.on_the_wire, OnTheWire::Extension { name, .. } if name.as_bytes() == wanted);
        ROWS.iter().find(matches).map(|row| row.kind)
    }

    fn row(self) -> Option<&'static Row> {
        ROWS.get(self as usize)
    }
}

/// A set of requests, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KindSet(u32);

impl KindSet {
    /// Adds one.
    pub fn insert(&mut self, kind: Kind) {
        self.0 |= Self::bit(kind);
    }

    /// Whether it is in the set.
    #[must_use]
    pub fn contains(self, kind: Kind) -> bool {
        self.0 & Self::bit(kind) != 0
    }

    fn bit(kind: Kind) -> u32 {
        1u32.checked_shl(kind as u32).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_the_order_of_the_enum_and_fit_a_set() {
        let mut set = KindSet::default();
        for (position, row) in ROWS.iter().enumerate() {
            assert_eq!(row.kind as usize, position, "{}", row.name);
            assert!(!set.contains(row.kind));
            set.insert(row.kind);
            assert!(set.contains(row.kind));
            assert_eq!(Kind::named(row.name.as_bytes()), Some(row.kind));
        }
    }

    #[test]
    fn requests_are_recognised_on_the_wire() {
        assert_eq!(Kind::with_type(5), Some(Kind::Read));
        assert_eq!(Kind::with_type(200), None);
        assert_eq!(Kind::with_extension_name(b"copy-data"), Some(Kind::CopyData));
        assert_eq!(Kind::with_extension_name(b"copy-data@openssh.com"), None);
    }
}
