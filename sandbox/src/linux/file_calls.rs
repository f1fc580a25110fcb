//! The system calls of files, for processes that may use them (SFTP): what `crates/sftp` makes, and no older forms.

use super::calls::Allowed::{Always, OnlyIf};
use super::calls::{Allowed, Check, Row, has_none_of, is};
use crate::promises::Promise::{self, ChangeFiles, ReadFiles};

const fn row(word: Promise, name: &'static str, number: i64, allowed: Allowed, reason: &'static str) -> Row {
    Row { word, name, number, allowed, reason }
}

/// Everything in open(2)'s flags that could change the file system. (The bit of O_TMPFILE that is not O_DIRECTORY's.)
const CHANGING: i64 = (libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND | TMPFILE) as i64;
const TMPFILE: i32 = libc::O_TMPFILE & !libc::O_DIRECTORY;

const OPENAT_TO_READ: &[&[Check]] = &[&[has_none_of(2, CHANGING)]];
const NEVER_INHERITED: &[&[Check]] = &[&[is(1, libc::F_SETFD as i64), is(2, libc::FD_CLOEXEC as i64)]];

/// Every row of `ReadFiles` and `ChangeFiles`.
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
