//! The file system, as far as a client may name it. Every system call that takes a path is made here, relative to
//! one directory, so that the set of calls stays small and there is one place to confine them.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, RenameFlags, openat, readlinkat, renameat, renameat2};
use nix::sys::stat::{FileStat, Mode, UtimensatFlags, fchmod, fstatat, mkdirat, umask, utimensat};
use nix::sys::statvfs::{Statvfs, fstatvfs};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchownat, ftruncate, linkat, symlinkat, unlinkat};

/// A directory that relative paths start at, and how things are created below it.
#[derive(Debug)]
pub(crate) struct Tree {
    /// `None`: the process's own working directory.
    base: Option<OwnedFd>,
    umask: Option<u32>,
    file_mode: Option<u32>,
}

/// Whether a symbolic link at the end of a path is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtTheEnd {
    Follow,
    StayOnLink,
}

/// Never a terminal of ours, never inherited, and no waiting for the other end of a FIFO: the session serves other
/// channels, too.
const ALWAYS: OFlag = OFlag::O_CLOEXEC.union(OFlag::O_NOCTTY).union(OFlag::O_NONBLOCK);

impl Tree {
    /// `umask` and `file_mode` as in [`crate::Options`].
    pub(crate) fn new(umask: Option<u32>, file_mode: Option<u32>) -> Self {
        Self { base: None, umask, file_mode }
    }

    /// Makes `directory` the one that relative paths start at.
    pub(crate) fn start_at(&mut self, directory: &[u8]) -> Result<(), Errno> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        self.base = Some(openat(self.base(), directory, flags, Mode::empty())?);
        Ok(())
    }

    fn base(&self) -> BorrowedFd<'_> {
        self.base.as_ref().map_or(AT_FDCWD, AsFd::as_fd)
    }

    /// open(2). `-m` decides the mode of a new file.
    pub(crate) fn open(&self, path: &[u8], flags: OFlag, mode: u32) -> Result<OwnedFd, Errno> {
        if !flags.contains(OFlag::O_CREAT) {
            return self.open_now(path, flags, 0);
        }
        match self.file_mode {
            Some(forced) => with_umask(Some(0), || self.open_now(path, flags, forced)),
            None => with_umask(self.umask, || self.open_now(path, flags, mode)),
        }
    }

    fn open_now(&self, path: &[u8], flags: OFlag, mode: u32) -> Result<OwnedFd, Errno> {
        let mode = Mode::from_bits_truncate(mode);
        match openat(self.base(), path, flags | ALWAYS, mode) {
            // A lease on the file (Samba's oplocks): waiting for its holder to give way is what theirs does.
            Err(Errno::EAGAIN) => openat(self.base(), path, (flags | ALWAYS).difference(OFlag::O_NONBLOCK), mode),
            other => other,
        }
    }

    /// opendir(3)
    pub(crate) fn open_directory(&self, path: &[u8]) -> Result<Dir, Errno> {
        Dir::from_fd(self.open_now(path, OFlag::O_RDONLY | OFlag::O_DIRECTORY, 0)?)
    }

    pub(crate) fn stat(&self, path: &[u8], end: AtTheEnd) -> Result<FileStat, Errno> {
        fstatat(self.base(), path, end.flags())
    }

    pub(crate) fn statvfs(&self, path: &[u8]) -> Result<Statvfs, Errno> {
        fstatvfs(openat(self.base(), path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?)
    }

    /// What a symbolic link says; EINVAL if there is none.
    pub(crate) fn read_link(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        use std::os::unix::ffi::OsStringExt;
        readlinkat(self.base(), path).map(OsStringExt::into_vec)
    }

    pub(crate) fn truncate(&self, path: &[u8], bytes: i64) -> Result<(), Errno> {
        ftruncate(self.open_now(path, OFlag::O_WRONLY, 0)?, bytes)
    }

    pub(crate) fn set_mode(&self, path: &[u8], mode: u32, end: AtTheEnd) -> Result<(), Errno> {
        use nix::sys::stat::{FchmodatFlags, fchmodat};
        let mode = Mode::from_bits_truncate(mode);
        match end {
            AtTheEnd::Follow => fchmodat(self.base(), path, mode, FchmodatFlags::FollowSymlink),
            AtTheEnd::StayOnLink => self.set_mode_of_no_link(path, mode),
        }
    }

    /// Linux has no mode for symbolic links, and the C library's way around goes through /proc, which a chroot does
    /// not have. Opening without following links is as safe against a link that is put there meanwhile.
    fn set_mode_of_no_link(&self, path: &[u8], mode: Mode) -> Result<(), Errno> {
        let file = self.open_now(path, OFlag::O_RDONLY | OFlag::O_NOFOLLOW, 0).or_else(|error| match error {
            Errno::EACCES => self.open_now(path, OFlag::O_WRONLY | OFlag::O_NOFOLLOW, 0),
            Errno::ELOOP => Err(Errno::EOPNOTSUPP),
            other => Err(other),
        });
        fchmod(file?, mode)
    }

    pub(crate) fn set_times(&self, path: &[u8], times: (u32, u32), end: AtTheEnd) -> Result<(), Errno> {
        let flag = match end {
            AtTheEnd::Follow => UtimensatFlags::FollowSymlink,
            AtTheEnd::StayOnLink => UtimensatFlags::NoFollowSymlink,
        };
        utimensat(self.base(), path, &whole_seconds(times.0), &whole_seconds(times.1), flag)
    }

    pub(crate) fn set_owner(&self, path: &[u8], owner: (u32, u32), end: AtTheEnd) -> Result<(), Errno> {
        let (uid, gid) = (Uid::from_raw(owner.0), Gid::from_raw(owner.1));
        fchownat(self.base(), path, Some(uid), Some(gid), end.flags())
    }

    pub(crate) fn make_directory(&self, path: &[u8], mode: u32) -> Result<(), Errno> {
        with_umask(self.umask, || mkdirat(self.base(), path, Mode::from_bits_truncate(mode)))
    }

    pub(crate) fn remove_directory(&self, path: &[u8]) -> Result<(), Errno> {
        unlinkat(self.base(), path, UnlinkatFlags::RemoveDir)
    }

    pub(crate) fn remove(&self, path: &[u8]) -> Result<(), Errno> {
        unlinkat(self.base(), path, UnlinkatFlags::NoRemoveDir)
    }

    pub(crate) fn make_symlink(&self, target: &[u8], link: &[u8]) -> Result<(), Errno> {
        symlinkat(target, self.base(), link)
    }

    pub(crate) fn make_hard_link(&self, old: &[u8], new: &[u8]) -> Result<(), Errno> {
        linkat(self.base(), old, self.base(), new, AtFlags::empty())
    }

    pub(crate) fn rename(&self, old: &[u8], new: &[u8]) -> Result<(), Errno> {
        renameat(self.base(), old, self.base(), new)
    }

    /// Renames, but never over something: in one step where the file system can.
    pub(crate) fn rename_if_free(&self, old: &[u8], new: &[u8]) -> Result<(), Errno> {
        match renameat2(self.base(), old, self.base(), new, RenameFlags::RENAME_NOREPLACE) {
            Err(Errno::EINVAL | Errno::ENOSYS) => self.rename_by_link(old, new),
            other => other,
        }
    }

    /// As theirs does it: a link never replaces anything, and then the old name goes.
    fn rename_by_link(&self, old: &[u8], new: &[u8]) -> Result<(), Errno> {
        match self.make_hard_link(old, new) {
            Ok(()) => self.remove(old).inspect_err(|_| {
                let _ = self.remove(new); // the name that should not be there
            }),
            // No hard links here, or not for this kind of file: looking first is all that is left.
            Err(Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EXDEV | Errno::EPERM) => {
                match self.stat(new, AtTheEnd::StayOnLink) {
                    Err(Errno::ENOENT) => self.rename(old, new),
                    Err(error) => Err(error),
                    Ok(_) => Err(Errno::EEXIST),
                }
            }
            Err(error) => Err(error),
        }
    }
}

impl AtTheEnd {
    fn flags(self) -> AtFlags {
        match self {
            Self::Follow => AtFlags::empty(),
            Self::StayOnLink => AtFlags::AT_SYMLINK_NOFOLLOW,
        }
    }
}

/// The protocol's times have no fraction.
pub(crate) fn whole_seconds(seconds: u32) -> TimeSpec {
    TimeSpec::new(i64::from(seconds), 0)
}

/// The mask belongs to the whole process, which also makes things that are no business of SFTP: it is changed for
/// the one call alone.
fn with_umask<T>(mask: Option<u32>, create: impl FnOnce() -> T) -> T {
    let Some(mask) = mask else { return create() };
    let before = umask(Mode::from_bits_truncate(mask));
    let created = create();
    umask(before);
    created
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the file system cannot refuse by itself: the same answers by way of a hard link.
    #[test]
    fn renaming_by_link_replaces_nothing() {
        let scratch = std::env::temp_dir().join(format!("bulkhead-sftp-tree-{}", std::process::id()));
        std::fs::create_dir(&scratch).unwrap();
        std::fs::write(scratch.join("a"), "a").unwrap();
        std::fs::write(scratch.join("b"), "b").unwrap();
        std::fs::create_dir(scratch.join("dir")).unwrap();
        let mut tree = Tree::new(None, None);
        tree.start_at(scratch.as_os_str().as_encoded_bytes()).unwrap();
        assert_eq!(tree.rename_by_link(b"a", b"b"), Err(Errno::EEXIST));
        assert_eq!(tree.rename_by_link(b"dir", b"b"), Err(Errno::EEXIST));
        assert_eq!(tree.rename_by_link(b"missing", b"c"), Err(Errno::ENOENT));
        assert_eq!(tree.rename_by_link(b"a", b"dir/c"), Ok(()));
        assert_eq!(tree.rename_by_link(b"dir", b"folder"), Ok(()));
        assert_eq!(std::fs::read(scratch.join("folder/c")).unwrap(), b"a");
        assert!(!scratch.join("a").exists() && std::fs::read(scratch.join("b")).unwrap() == b"b");
        std::fs::remove_dir_all(&scratch).unwrap();
    }
}
