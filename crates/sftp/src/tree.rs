//! The file system, as far as a client may name it. Every system call that takes a path is made here, relative to
//! one directory, so that the set of calls stays small and there is one place to confine them.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, RenameFlags, openat, readlinkat, renameat, renameat2};
use nix::sys::stat::{FchmodatFlags, FileStat, Mode, UtimensatFlags, fchmod, fchmodat, fstat, fstatat, futimens};
use nix::sys::stat::{mkdirat, umask, utimensat};
use nix::sys::statvfs::{Statvfs, fstatvfs};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, fchownat, ftruncate, linkat, symlinkat, unlinkat};

use crate::jail::Jail;
use crate::resolve::join;

/// How far paths reach, where relative ones start, and how things are created.
#[derive(Debug)]
pub(crate) struct Tree {
    reach: Reach,
    umask: Option<u32>,
    file_mode: Option<u32>,
}

#[derive(Debug)]
enum Reach {
    /// All that the process can see. Paths go to the system as they are; relative ones start at `base`, or in the
    /// process's own working directory.
    Process { base: Option<OwnedFd> },
    /// One directory and what is below it. `start` is absolute, seen from inside.
    Jail { jail: Jail, start: Vec<u8> },
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
    pub(crate) fn new(jail: Option<Jail>, umask: Option<u32>, file_mode: Option<u32>) -> Self {
        let reach = match jail {
            Some(jail) => Reach::Jail { jail, start: b"/".to_vec() },
            None => Reach::Process { base: None },
        };
        Self { reach, umask, file_mode }
    }

    /// Makes `directory` the one that relative paths start at.
    pub(crate) fn start_at(&mut self, directory: &[u8]) -> Result<(), Errno> {
        let opened = self.place(directory, OFlag::O_DIRECTORY)?;
        match &mut self.reach {
            Reach::Process { base } => *base = Some(opened),
            Reach::Jail { start, .. } => *start = join(start, directory),
        }
        Ok(())
    }

    /// What a call that follows no link at the end of `path` is given: a directory and a name from there.
    fn with_name<T>(
        &self,
        path: &[u8],
        call: impl FnOnce(BorrowedFd<'_>, &[u8]) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        match &self.reach {
            Reach::Process { base } => call(base.as_ref().map_or(AT_FDCWD, AsFd::as_fd), path),
            Reach::Jail { jail, start } => {
                let parent = jail.parent(&absolute(start, path)?)?;
                call(parent.directory.as_fd(), &parent.name)
            }
        }
    }

    /// The same for two names.
    fn with_names(
        &self,
        old: &[u8],
        new: &[u8],
        call: impl FnOnce(BorrowedFd<'_>, &[u8], BorrowedFd<'_>, &[u8]) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        self.with_name(old, |from, old| self.with_name(new, |to, new| call(from, old, to, new)))
    }

    fn open_with(&self, path: &[u8], flags: OFlag, mode: Mode) -> Result<OwnedFd, Errno> {
        match &self.reach {
            Reach::Process { base } => openat(base.as_ref().map_or(AT_FDCWD, AsFd::as_fd), path, flags, mode),
            Reach::Jail { jail, start } => jail.open(&absolute(start, path)?, flags, mode),
        }
    }

    /// A place in the tree, without the right to read or write there.
    fn place(&self, path: &[u8], flags: OFlag) -> Result<OwnedFd, Errno> {
        self.open_with(path, flags | OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())
    }

    fn is_jail(&self) -> bool {
        matches!(self.reach, Reach::Jail { .. })
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
        match self.open_with(path, flags | ALWAYS, mode) {
            // A lease on the file (Samba's oplocks): waiting for its holder to give way is what theirs does.
            Err(Errno::EAGAIN) => self.open_with(path, (flags | ALWAYS).difference(OFlag::O_NONBLOCK), mode),
            other => other,
        }
    }

    /// opendir(3)
    pub(crate) fn open_directory(&self, path: &[u8]) -> Result<Dir, Errno> {
        Dir::from_fd(self.open_now(path, OFlag::O_RDONLY | OFlag::O_DIRECTORY, 0)?)
    }

    pub(crate) fn stat(&self, path: &[u8], end: AtTheEnd) -> Result<FileStat, Errno> {
        match &self.reach {
            Reach::Process { .. } => self.with_name(path, |base, path| fstatat(base, path, end.flags())),
            Reach::Jail { .. } => fstat(self.place(path, end.open_flags())?),
        }
    }

    pub(crate) fn statvfs(&self, path: &[u8]) -> Result<Statvfs, Errno> {
        fstatvfs(self.place(path, OFlag::empty())?)
    }

    /// What a symbolic link says; EINVAL if there is none.
    pub(crate) fn read_link(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        use std::os::unix::ffi::OsStringExt;
        let target = match &self.reach {
            Reach::Process { .. } => self.with_name(path, |base, path| readlinkat(base, path)),
            // An empty name means the open file itself.
            Reach::Jail { .. } => readlinkat(self.place(path, OFlag::O_NOFOLLOW)?, "").map_err(|error| match error {
                Errno::ENOENT => Errno::EINVAL,
                other => other,
            }),
        };
        target.map(OsStringExt::into_vec)
    }

    pub(crate) fn truncate(&self, path: &[u8], bytes: i64) -> Result<(), Errno> {
        ftruncate(self.open_now(path, OFlag::O_WRONLY, 0)?, bytes)
    }

    /// Linux has no mode for symbolic links, and the C library's way around goes through /proc, which a chroot does
    /// not have. Opening without following links is as safe against a link that is put there meanwhile.
    pub(crate) fn set_mode(&self, path: &[u8], mode: u32, end: AtTheEnd) -> Result<(), Errno> {
        let mode = Mode::from_bits_truncate(mode);
        if self.is_jail() || end == AtTheEnd::StayOnLink {
            return fchmod(self.open_to_change(path, end)?, mode);
        }
        self.with_name(path, |base, path| fchmodat(base, path, mode, FchmodatFlags::FollowSymlink))
    }

    pub(crate) fn set_times(&self, path: &[u8], times: (u32, u32), end: AtTheEnd) -> Result<(), Errno> {
        let (accessed, modified) = (whole_seconds(times.0), whole_seconds(times.1));
        if self.is_jail() {
            return futimens(self.open_to_change(path, end)?, &accessed, &modified);
        }
        let flag = match end {
            AtTheEnd::Follow => UtimensatFlags::FollowSymlink,
            AtTheEnd::StayOnLink => UtimensatFlags::NoFollowSymlink,
        };
        self.with_name(path, |base, path| utimensat(base, path, &accessed, &modified, flag))
    }

    pub(crate) fn set_owner(&self, path: &[u8], owner: (u32, u32), end: AtTheEnd) -> Result<(), Errno> {
        let (uid, gid) = (Some(Uid::from_raw(owner.0)), Some(Gid::from_raw(owner.1)));
        if self.is_jail() {
            return fchown(self.open_to_change(path, end)?, uid, gid);
        }
        self.with_name(path, |base, path| fchownat(base, path, uid, gid, end.flags()))
    }

    /// A file or directory whose attributes are to be set, opened for reading or else for writing: in a jail the
    /// attributes of a file that its owner may do neither with cannot be set, nor those of a link. The calls that could
    /// take a name instead are not there, so that a session process that was taken over has none to reach outside with.
    fn open_to_change(&self, path: &[u8], end: AtTheEnd) -> Result<OwnedFd, Errno> {
        let flags = end.open_flags();
        self.open_now(path, OFlag::O_RDONLY | flags, 0).or_else(|error| match error {
            Errno::EACCES => self.open_now(path, OFlag::O_WRONLY | flags, 0),
            Errno::ELOOP if end == AtTheEnd::StayOnLink => Err(Errno::EOPNOTSUPP),
            other => Err(other),
        })
    }

    pub(crate) fn make_directory(&self, path: &[u8], mode: u32) -> Result<(), Errno> {
        let mode = Mode::from_bits_truncate(mode);
        with_umask(self.umask, || self.with_name(path, |base, path| mkdirat(base, path, mode)))
    }

    pub(crate) fn remove_directory(&self, path: &[u8]) -> Result<(), Errno> {
        self.with_name(path, |base, path| unlinkat(base, path, UnlinkatFlags::RemoveDir))
    }

    pub(crate) fn remove(&self, path: &[u8]) -> Result<(), Errno> {
        self.with_name(path, |base, path| unlinkat(base, path, UnlinkatFlags::NoRemoveDir))
    }

    pub(crate) fn make_symlink(&self, target: &[u8], link: &[u8]) -> Result<(), Errno> {
        self.with_name(link, |base, link| symlinkat(target, base, link))
    }

    pub(crate) fn make_hard_link(&self, old: &[u8], new: &[u8]) -> Result<(), Errno> {
        if self.is_jail() && old.ends_with(b"/") {
            // The slash would make the system follow a link. Directories have no hard links.
            return Err(Errno::EPERM);
        }
        self.with_names(old, new, |from, old, to, new| linkat(from, old, to, new, AtFlags::empty()))
    }

    pub(crate) fn rename(&self, old: &[u8], new: &[u8]) -> Result<(), Errno> {
        self.with_names(old, new, |from, old, to, new| renameat(from, old, to, new))
    }

    /// Renames, but never over something: in one step where the file system can.
    pub(crate) fn rename_if_free(&self, old: &[u8], new: &[u8]) -> Result<(), Errno> {
        let in_one_step = |from: BorrowedFd<'_>, old: &[u8], to: BorrowedFd<'_>, new: &[u8]| {
            renameat2(from, old, to, new, RenameFlags::RENAME_NOREPLACE)
        };
        match self.with_names(old, new, in_one_step) {
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

/// `path` from the root; an empty one names nothing.
fn absolute(start: &[u8], path: &[u8]) -> Result<Vec<u8>, Errno> {
    if path.is_empty() { Err(Errno::ENOENT) } else { Ok(join(start, path)) }
}

impl AtTheEnd {
    fn open_flags(self) -> OFlag {
        match self {
            Self::Follow => OFlag::empty(),
            Self::StayOnLink => OFlag::O_NOFOLLOW,
        }
    }

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
mod jail_tests;

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
        let mut tree = Tree::new(None, None, None);
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
