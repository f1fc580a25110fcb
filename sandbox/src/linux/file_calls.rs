//! The system calls of files, for processes that may use them (SFTP).
//!
//! libc still makes the older form of many calls where the architecture has it (`rename` rather than `renameat`), so both
//! stand here.

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
#[cfg(target_arch = "x86_64")]
const OPEN_TO_READ: &[&[Check]] = &[&[has_none_of(1, CHANGING)]];

const NEVER_INHERITED: &[&[Check]] =
    &[&[is(1, libc::F_SETFD as i64), is(2, libc::FD_CLOEXEC as i64)], &[is(1, libc::F_DUPFD_CLOEXEC as i64)]];

/// Every row of `ReadFiles` and `ChangeFiles`.
pub(super) const ROWS: &[Row] = &[
    row(ReadFiles, "openat", libc::SYS_openat, OnlyIf(OPENAT_TO_READ), "opened for reading; Landlock says the same"),
    #[cfg(target_arch = "x86_64")]
    row(ReadFiles, "open", libc::SYS_open, OnlyIf(OPEN_TO_READ), "as openat"),
    row(ReadFiles, "fstat", libc::SYS_fstat, Always, "SSH_FXP_FSTAT"),
    row(ReadFiles, "newfstatat", libc::SYS_newfstatat, Always, "SSH_FXP_STAT, SSH_FXP_LSTAT, directory listings"),
    #[cfg(target_arch = "x86_64")]
    row(ReadFiles, "stat", libc::SYS_stat, Always, "as newfstatat"),
    #[cfg(target_arch = "x86_64")]
    row(ReadFiles, "lstat", libc::SYS_lstat, Always, "as newfstatat"),
    row(ReadFiles, "statx", libc::SYS_statx, Always, "std's metadata"),
    row(ReadFiles, "pread64", libc::SYS_pread64, Always, "SSH_FXP_READ"),
    row(ReadFiles, "lseek", libc::SYS_lseek, Always, "directories are read again from their beginning"),
    row(ReadFiles, "getdents64", libc::SYS_getdents64, Always, "SSH_FXP_READDIR"),
    row(ReadFiles, "readlinkat", libc::SYS_readlinkat, Always, "SSH_FXP_READLINK, SSH_FXP_REALPATH"),
    #[cfg(target_arch = "x86_64")]
    row(ReadFiles, "readlink", libc::SYS_readlink, Always, "as readlinkat"),
    row(
        ReadFiles,
        "fcntl",
        libc::SYS_fcntl,
        OnlyIf(NEVER_INHERITED),
        "opendir(3) makes sure that nobody inherits its descriptor",
    ),
    row(ReadFiles, "getcwd", libc::SYS_getcwd, Always, "SSH_FXP_REALPATH of a relative path"),
    row(ReadFiles, "chdir", libc::SYS_chdir, Always, "the start directory"),
    row(ReadFiles, "statfs", libc::SYS_statfs, Always, "statvfs@openssh.com"),
    row(ReadFiles, "fstatfs", libc::SYS_fstatfs, Always, "fstatvfs@openssh.com"),
    row(ReadFiles, "faccessat", libc::SYS_faccessat, Always, "whether a file may be read, before saying so"),
    row(ReadFiles, "fadvise64", libc::SYS_fadvise64, Always, "the kernel reads ahead when a whole file is on its way"),
    row(ChangeFiles, "openat", libc::SYS_openat, Always, "SSH_FXP_OPEN with any flags"),
    row(
        ChangeFiles,
        "openat2",
        libc::SYS_openat2,
        Always,
        "the same within a directory. Its flags are behind a pointer, so not for readers",
    ),
    #[cfg(target_arch = "x86_64")]
    row(ChangeFiles, "open", libc::SYS_open, Always, "as openat"),
    row(ChangeFiles, "pwrite64", libc::SYS_pwrite64, Always, "SSH_FXP_WRITE"),
    row(ChangeFiles, "copy_file_range", libc::SYS_copy_file_range, Always, "copy-data"),
    row(ChangeFiles, "ftruncate", libc::SYS_ftruncate, Always, "SSH_FXP_FSETSTAT of the size"),
    row(ChangeFiles, "truncate", libc::SYS_truncate, Always, "SSH_FXP_SETSTAT of the size"),
    row(ChangeFiles, "fallocate", libc::SYS_fallocate, Always, "room for a file whose size is known"),
    row(ChangeFiles, "fsync", libc::SYS_fsync, Always, "fsync@openssh.com"),
    row(ChangeFiles, "fdatasync", libc::SYS_fdatasync, Always, "std's sync_data"),
    row(ChangeFiles, "umask", libc::SYS_umask, Always, "sftp-server -u: the mode of new files"),
    row(ChangeFiles, "renameat", libc::SYS_renameat, Always, "SSH_FXP_RENAME"),
    row(ChangeFiles, "renameat2", libc::SYS_renameat2, Always, "SSH_FXP_RENAME that replaces nothing"),
    row(ChangeFiles, "linkat", libc::SYS_linkat, Always, "hardlink@openssh.com; SSH_FXP_RENAME as theirs does it"),
    row(ChangeFiles, "symlinkat", libc::SYS_symlinkat, Always, "SSH_FXP_SYMLINK"),
    row(ChangeFiles, "unlinkat", libc::SYS_unlinkat, Always, "SSH_FXP_REMOVE, SSH_FXP_RMDIR"),
    row(ChangeFiles, "mkdirat", libc::SYS_mkdirat, Always, "SSH_FXP_MKDIR"),
    row(ChangeFiles, "fchmod", libc::SYS_fchmod, Always, "SSH_FXP_FSETSTAT of the mode"),
    row(ChangeFiles, "fchmodat", libc::SYS_fchmodat, Always, "SSH_FXP_SETSTAT of the mode"),
    row(ChangeFiles, "fchmodat2", SYS_FCHMODAT2, Always, "lsetstat@openssh.com of the mode"),
    row(ChangeFiles, "fchown", libc::SYS_fchown, Always, "SSH_FXP_FSETSTAT of the owner"),
    row(ChangeFiles, "fchownat", libc::SYS_fchownat, Always, "SSH_FXP_SETSTAT and lsetstat@openssh.com of the owner"),
    row(ChangeFiles, "utimensat", libc::SYS_utimensat, Always, "SSH_FXP_SETSTAT of the times, in all its forms"),
    #[cfg(target_arch = "x86_64")]
    row(ChangeFiles, "rename", libc::SYS_rename, Always, "as renameat"),
    #[cfg(target_arch = "x86_64")]
    row(ChangeFiles, "link", libc::SYS_link, Always, "as linkat"),
    #[cfg(target_arch = "x86_64")]
    row(ChangeFiles, "symlink", libc::SYS_symlink, Always, "as symlinkat"),
    #[cfg(target_arch = "x86_64")]
    row(ChangeFiles, "unlink", libc::SYS_unlink, Always, "as unlinkat"),
    #[cfg(target_arch = "x86_64")]
    row(ChangeFiles, "rmdir", libc::SYS_rmdir, Always, "as unlinkat"),
    #[cfg(target_arch = "x86_64")]
    row(ChangeFiles, "mkdir", libc::SYS_mkdir, Always, "as mkdirat"),
    #[cfg(target_arch = "x86_64")]
    row(ChangeFiles, "chmod", libc::SYS_chmod, Always, "as fchmodat"),
    #[cfg(target_arch = "x86_64")]
    row(ChangeFiles, "chown", libc::SYS_chown, Always, "as fchownat"),
    #[cfg(target_arch = "x86_64")]
    row(ChangeFiles, "lchown", libc::SYS_lchown, Always, "as fchownat"),
];

/// fchmodat2 (Linux 6.6) has the same number everywhere; libc names it on some architectures only.
const SYS_FCHMODAT2: i64 = 452;
