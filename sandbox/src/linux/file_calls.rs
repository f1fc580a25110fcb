//! The system calls of files, for processes that may use them (SFTP): what `crates/sftp` makes, and no older forms.

use super::calls::Allowed::{Always, OnlyIf};
use super::calls::{Allowed, Check, Row, has_none_of, is, is_null};
use crate::promises::Promise::{self, ChangeFiles, ChangeJail, ReadFiles, ReadJail};

const fn row(word: Promise, name: &'static str, number: i64, allowed: Allowed, reason: &'static str) -> Row {
    Row { word, name, number, allowed, reason }
}

/// Everything in open(2)'s flags that could change the file system. (The bit of O_TMPFILE that is not O_DIRECTORY's.)
const CHANGING: i64 = (libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND | TMPFILE) as i64;
const TMPFILE: i32 = libc::O_TMPFILE & !libc::O_DIRECTORY;

const OPENAT_TO_READ: &[&[Check]] = &[&[has_none_of(2, CHANGING)]];
const NEVER_INHERITED: &[&[Check]] = &[&[is(1, libc::F_SETFD as i64), is(2, libc::FD_CLOEXEC as i64)]];

/// The size of `struct open_how`.
const OPEN_HOW: i64 = size_of::<libc::open_how>() as i64;
/// What is known about a file that is open, or about a name that is no link to be followed.
const KNOWN: &[&[Check]] = &[&[has_all_of(3, libc::AT_EMPTY_PATH)], &[has_all_of(3, libc::AT_SYMLINK_NOFOLLOW)]];
/// futimens(3): the file is open, and has no name here.
const BY_DESCRIPTOR: &[&[Check]] = &[&[is_null(1)]];
const NO_FLAGS: &[&[Check]] = &[&[is(4, 0)]];
const REPLACING_NOTHING: &[&[Check]] = &[&[is(4, libc::RENAME_NOREPLACE as i64)]];

const fn has_all_of(argument: u8, bits: i32) -> Check {
    Check { argument, mask: bits as u64, value: bits as u64, wide: false }
}

/// Every row of `ReadFiles`, `ChangeFiles` and their like in a jail.
///
/// In a jail nothing opens a file but openat2. Its flags lie in memory, where seccomp does not see them: that
/// RESOLVE_IN_ROOT is always among them is true of our code only. What a process that was taken over can open, make, move
/// and remove is up to Landlock, which knows nothing but what lies below the jail. Landlock knows nothing of attributes
/// though, so calls that set them by name are not there at all; and nothing of places (O_PATH), so such a process can find
/// out whether a name outside exists, and what kind, size and owner it has, as far as its user may.
pub(super) const ROWS: &[Row] = &[
    row(ReadFiles, "openat", libc::SYS_openat, OnlyIf(OPENAT_TO_READ), "opened for reading; Landlock says the same"),
    row(ReadFiles, "newfstatat", libc::SYS_newfstatat, Always, "SSH_FXP_STAT, SSH_FXP_LSTAT, directory listings"),
    row(ReadFiles, "fstat", libc::SYS_fstat, Always, "SSH_FXP_FSTAT, where libc's fstat(3) is not newfstatat"),
    row(ReadFiles, "pread64", libc::SYS_pread64, Always, "SSH_FXP_READ"),
    row(ReadFiles, "getdents64", libc::SYS_getdents64, Always, "SSH_FXP_READDIR"),
    row(ReadFiles, "readlinkat", libc::SYS_readlinkat, Always, "SSH_FXP_READLINK, SSH_FXP_REALPATH"),
    row(
        ReadFiles,
        "fcntl",
        libc::SYS_fcntl,
        OnlyIf(NEVER_INHERITED),
        "opendir(3) makes sure that nobody inherits its descriptor",
    ),
    row(ReadFiles, "getcwd", libc::SYS_getcwd, Always, "SSH_FXP_REALPATH of a relative path"),
    row(ReadFiles, "chdir", libc::SYS_chdir, Always, "the start directory"),
    row(ReadFiles, "fstatfs", libc::SYS_fstatfs, Always, "fstatvfs@openssh.com"),
    row(ReadJail, "openat2", libc::SYS_openat2, OnlyIf(&[&[is(3, OPEN_HOW)]]), "every look-up of a name"),
    row(ReadJail, "newfstatat", libc::SYS_newfstatat, OnlyIf(KNOWN), "SSH_FXP_STAT, SSH_FXP_LSTAT, directory listings"),
    row(ReadJail, "fstat", libc::SYS_fstat, Always, "the same, where libc's fstat(3) is not newfstatat"),
    row(ReadJail, "pread64", libc::SYS_pread64, Always, "SSH_FXP_READ"),
    row(ReadJail, "getdents64", libc::SYS_getdents64, Always, "SSH_FXP_READDIR"),
    row(ReadJail, "readlinkat", libc::SYS_readlinkat, Always, "SSH_FXP_READLINK, SSH_FXP_REALPATH"),
    row(
        ReadJail,
        "fcntl",
        libc::SYS_fcntl,
        OnlyIf(NEVER_INHERITED),
        "opendir(3) makes sure that nobody inherits its descriptor",
    ),
    row(ReadJail, "getcwd", libc::SYS_getcwd, Always, "asked for at the start of a session"),
    row(ReadJail, "fstatfs", libc::SYS_fstatfs, Always, "statvfs@openssh.com, fstatvfs@openssh.com"),
    row(ChangeJail, "pwrite64", libc::SYS_pwrite64, Always, "SSH_FXP_WRITE"),
    row(ChangeJail, "ftruncate", libc::SYS_ftruncate, Always, "SSH_FXP_SETSTAT and SSH_FXP_FSETSTAT of the size"),
    row(ChangeJail, "fsync", libc::SYS_fsync, Always, "fsync@openssh.com"),
    row(ChangeJail, "umask", libc::SYS_umask, Always, "internal-sftp -u: the mode of new files"),
    row(ChangeJail, "renameat", SYS_RENAMEAT, Always, "posix-rename@openssh.com"),
    row(ChangeJail, "renameat2", libc::SYS_renameat2, OnlyIf(REPLACING_NOTHING), "SSH_FXP_RENAME"),
    row(
        ChangeJail,
        "linkat",
        libc::SYS_linkat,
        OnlyIf(NO_FLAGS),
        "hardlink@openssh.com, never of what a link leads to",
    ),
    row(ChangeJail, "symlinkat", libc::SYS_symlinkat, Always, "SSH_FXP_SYMLINK"),
    row(ChangeJail, "unlinkat", libc::SYS_unlinkat, Always, "SSH_FXP_REMOVE, SSH_FXP_RMDIR"),
    row(ChangeJail, "mkdirat", libc::SYS_mkdirat, Always, "SSH_FXP_MKDIR"),
    row(ChangeJail, "fchmod", libc::SYS_fchmod, Always, "SSH_FXP_SETSTAT of the mode"),
    row(ChangeJail, "fchown", libc::SYS_fchown, Always, "SSH_FXP_SETSTAT of the owner"),
    row(ChangeJail, "utimensat", libc::SYS_utimensat, OnlyIf(BY_DESCRIPTOR), "SSH_FXP_SETSTAT of the times"),
    row(ChangeFiles, "openat", libc::SYS_openat, Always, "SSH_FXP_OPEN with any flags"),
    row(ChangeFiles, "pwrite64", libc::SYS_pwrite64, Always, "SSH_FXP_WRITE"),
    row(ChangeFiles, "ftruncate", libc::SYS_ftruncate, Always, "SSH_FXP_FSETSTAT of the size"),
    row(ChangeFiles, "fsync", libc::SYS_fsync, Always, "fsync@openssh.com"),
    row(ChangeFiles, "umask", libc::SYS_umask, Always, "sftp-server -u: the mode of new files"),
    row(ChangeFiles, "renameat", SYS_RENAMEAT, Always, "SSH_FXP_RENAME"),
    row(ChangeFiles, "renameat2", libc::SYS_renameat2, Always, "SSH_FXP_RENAME that replaces nothing"),
    row(ChangeFiles, "linkat", libc::SYS_linkat, Always, "hardlink@openssh.com; SSH_FXP_RENAME as theirs does it"),
    row(ChangeFiles, "symlinkat", libc::SYS_symlinkat, Always, "SSH_FXP_SYMLINK"),
    row(ChangeFiles, "unlinkat", libc::SYS_unlinkat, Always, "SSH_FXP_REMOVE, SSH_FXP_RMDIR"),
    row(ChangeFiles, "mkdirat", libc::SYS_mkdirat, Always, "SSH_FXP_MKDIR"),
    row(ChangeFiles, "fchmod", libc::SYS_fchmod, Always, "SSH_FXP_FSETSTAT of the mode"),
    row(ChangeFiles, "fchmodat", libc::SYS_fchmodat, Always, "SSH_FXP_SETSTAT of the mode"),
    row(ChangeFiles, "fchown", libc::SYS_fchown, Always, "SSH_FXP_FSETSTAT of the owner"),
    row(ChangeFiles, "fchownat", libc::SYS_fchownat, Always, "SSH_FXP_SETSTAT and lsetstat@openssh.com of the owner"),
    row(ChangeFiles, "utimensat", libc::SYS_utimensat, Always, "SSH_FXP_SETSTAT of the times, in all its forms"),
];

/// libc names it only where it came before renameat2.
#[cfg(target_arch = "x86_64")]
const SYS_RENAMEAT: i64 = libc::SYS_renameat;
#[cfg(not(target_arch = "x86_64"))]
const SYS_RENAMEAT: i64 = 38;
