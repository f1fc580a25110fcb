//! A directory that is the whole file system to a client (`SftpJail`), though the process can see more.
//!
//! Every name is looked up by openat2(2) with RESOLVE_IN_ROOT: the kernel keeps `..`, absolute names and absolute
//! symbolic links inside, also while somebody else changes the tree. A call that takes a name then gets the directory
//! that was found and a single component, which is never followed if it is a link; what follows links is done to a file
//! that was opened. Nothing here first looks and then acts on the same name.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::Mode;

/// Times that a look-up is tried again when a directory above was moved meanwhile: the kernel gives up on `..` then.
const MOST_TRIES: u32 = 64;

/// A directory and its name. Copies share the open directory.
#[derive(Debug, Clone)]
pub struct Jail {
    root: Arc<OwnedFd>,
    path: PathBuf,
}

/// The directory that a name lies in, and the name's last component.
#[derive(Debug)]
pub(crate) struct Parent {
    pub(crate) directory: OwnedFd,
    /// Neither empty nor `.` or `..`. Ends in `/` if the name did: then only a directory will do.
    pub(crate) name: Vec<u8>,
}

impl Jail {
    /// Below `root`, which `path` named when it was opened: home directories are understood by that.
    #[must_use]
    pub fn below(root: OwnedFd, path: PathBuf) -> Self {
        Self { root: Arc::new(root), path }
    }

    /// The directory itself, for whoever confines the process to it.
    #[must_use]
    pub fn root(&self) -> &Arc<OwnedFd> {
        &self.root
    }

    /// What `outside`, an absolute name, is called in here; `None` if it is not in here.
    pub(crate) fn name_inside(&self, outside: &Path) -> Option<PathBuf> {
        Some(Path::new("/").join(outside.strip_prefix(&self.path).ok()?))
    }

    /// openat2(2). `path` starts at the root, with a slash or without.
    pub(crate) fn open(&self, path: &[u8], flags: OFlag, mode: Mode) -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        let how = OpenHow::new().flags(flags | OFlag::O_CLOEXEC).resolve(resolve);
        // The call refuses a mode where nothing can be created.
        let how = if flags.intersects(OFlag::O_CREAT) { how.mode(mode) } else { how };
        let mut tries = 0;
        loop {
            match openat2(&self.root, path, how) {
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) if tries < MOST_TRIES => tries = tries.saturating_add(1),
                outcome => return outcome,
            }
        }
    }

    /// For calls that take a directory and a name in it.
    ///
    /// # Errors
    /// EBUSY for names that are no name in a directory (`/`, `a/..`), which nothing can be made or removed as.
    pub(crate) fn parent(&self, path: &[u8]) -> Result<Parent, Errno> {
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        let named = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last.saturating_add(1));
        let begins = path.iter().take(named).rposition(|byte| *byte == b'/').map_or(0, |slash| slash.saturating_add(1));
        let (above, name) = path.split_at_checked(begins).ok_or(Errno::EINVAL)?;
        let (last, slashes) = name.split_at_checked(named.saturating_sub(begins)).ok_or(Errno::EINVAL)?;
        if matches!(last, b"" | b"." | b"..") {
            return Err(Errno::EBUSY);
        }
        let above: &[u8] = if above.is_empty() { b"/" } else { above };
        let directory = self.open(above, OFlag::O_PATH | OFlag::O_DIRECTORY, Mode::empty())?;
        let slash: &[u8] = if slashes.is_empty() { b"" } else { b"/" };
        Ok(Parent { directory, name: [last, slash].concat() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_are_named_from_inside() {
        let root = std::fs::File::open("/").unwrap();
        let jail = Jail::below(root.into(), PathBuf::from("/srv/files/"));
        let inside = |outside: &str| jail.name_inside(Path::new(outside));
        assert_eq!(inside("/srv/files/ann"), Some(PathBuf::from("/ann")));
        assert_eq!(inside("/srv/files"), Some(PathBuf::from("/")));
        assert_eq!(inside("/srv/files2"), None);
        assert_eq!(inside("/home/ann"), None);
    }

    #[test]
    fn a_name_is_taken_apart_into_a_directory_and_one_component() {
        let scratch = std::env::temp_dir().join(format!("bulkhead-sftp-parent-{}", std::process::id()));
        std::fs::create_dir_all(scratch.join("a")).unwrap();
        let jail = Jail::below(std::fs::File::open(&scratch).unwrap().into(), scratch.clone());
        let name = |path: &[u8]| jail.parent(path).map(|parent| parent.name);
        assert_eq!(name(b"x"), Ok(b"x".to_vec()));
        assert_eq!(name(b"/a/../../x//"), Ok(b"x/".to_vec()));
        assert_eq!(name(b"a/x"), Ok(b"x".to_vec()));
        assert_eq!(name(b"missing/x"), Err(Errno::ENOENT));
        assert_eq!(name(b""), Err(Errno::ENOENT));
        for no_name in [&b"/"[..], b"//", b".", b"..", b"a/..", b"a/./", b"../.."] {
            assert_eq!(name(no_name), Err(Errno::EBUSY), "{no_name:?}");
        }
        std::fs::remove_dir_all(&scratch).unwrap();
    }
}
