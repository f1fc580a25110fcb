//! SftpJail: opening the directory, as the user, before anybody is told to serve below it.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2, readlinkat};
use nix::sys::stat::{Mode, SFlag, fstat};
use sys::identity::Identity;
use thiserror::Error;

/// Why there is no jail. The text is for the log.
#[derive(Debug, Error)]
pub(crate) enum NoJail {
    #[error("SftpJail needs openat2(2), which this kernel does not have or does not allow (Linux 5.6): {0}")]
    NoOpenat2(Errno),
    #[error("SftpJail needs a kernel with Landlock that can deny truncation (Linux 6.2)")]
    NoLandlock,
    #[error("cannot open a directory as user {0}: {1}")]
    Identity(u32, std::io::Error),
    #[error("SftpJail {path}: {error}")]
    Unreachable { path: String, error: Errno },
    #[error(
        "SftpJail {path}: the symbolic link {link} belongs to uid {uid}, who could choose another directory: \
        chown -h root {link}, or name the directory itself"
    )]
    UntrustedLink { path: String, link: String, uid: u32 },
}

/// Symbolic links that may be on the way.
const MOST_LINKS: u32 = 40;

/// Opens `directory`, seen from `root` (ChrootDirectory, or `/`), with the rights of `identity`.
pub(crate) fn open_directory(root: &Path, directory: &Path, identity: &Identity) -> Result<OwnedFd, NoJail> {
    let unreachable = |error| NoJail::Unreachable { path: directory.display().to_string(), error };
    if !sandbox::linux::landlock::can_hold_a_jail() {
        return Err(NoJail::NoLandlock);
    }
    let root = open(root, PLACE, Mode::empty()).map_err(unreachable)?;
    entry(&root, OsStr::new(".")).map_err(NoJail::NoOpenat2)?;
    sys::identity::as_user(identity, || walk(root, directory)).map_err(|error| NoJail::Identity(identity.uid, error))?
}

const PLACE: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

/// One entry of a directory, a link as itself.
fn entry(directory: &OwnedFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat2(directory, name, OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_IN_ROOT))
}

/// Component by component, so that each link can be judged by its owner before it is followed.
fn walk(root: OwnedFd, directory: &Path) -> Result<OwnedFd, NoJail> {
    let path = || directory.display().to_string();
    let unreachable = |error| NoJail::Unreachable { path: path(), error };
    // The directories that were entered; the root is never left.
    let mut entered = vec![root];
    let mut left: VecDeque<OsString> = components(directory.as_os_str());
    let mut links = 0_u32;
    while let Some(name) = left.pop_front() {
        if name == ".." {
            entered.truncate(entered.len().saturating_sub(1).max(1));
            continue;
        }
        let here = entered.last().ok_or(unreachable(Errno::ENOENT))?;
        let found = entry(here, &name).map_err(unreachable)?;
        let facts = fstat(&found).map_err(unreachable)?;
        match SFlag::from_bits_truncate(facts.st_mode) & SFlag::S_IFMT {
            SFlag::S_IFDIR => entered.push(found),
            SFlag::S_IFLNK => {
                let link = name.to_string_lossy().into_owned();
                if !policy::follows_link_to_jail(facts.st_uid, nix::unistd::getuid().as_raw()) {
                    return Err(NoJail::UntrustedLink { path: path(), link, uid: facts.st_uid });
                }
                links = links.saturating_add(1);
                if links > MOST_LINKS {
                    return Err(unreachable(Errno::ELOOP));
                }
                let target = readlinkat(found.as_fd(), "").map_err(unreachable)?;
                if target.as_bytes().starts_with(b"/") {
                    entered.truncate(1);
                }
                let rest = std::mem::take(&mut left);
                left = components(&target).into_iter().chain(rest).collect();
            }
            _ => return Err(unreachable(Errno::ENOTDIR)),
        }
    }
    entered.pop().ok_or(unreachable(Errno::ENOENT))
}

fn components(path: &OsStr) -> VecDeque<OsString> {
    let parts = path.as_bytes().split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
    parts.map(|part| OsStr::from_bytes(part).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, lchown, symlink};

    use super::*;

    fn scratch(name: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("bulkhead-monitor-jail-{}-{name}", std::process::id()));
        std::fs::create_dir_all(path.join("real/deep")).unwrap();
        path.canonicalize().unwrap()
    }

    fn opened(root: &Path, directory: &str) -> Result<u64, String> {
        let own = Identity { uid: nix::unistd::getuid().as_raw(), gid: nix::unistd::getgid().as_raw(), groups: vec![] };
        let found = open_directory(root, Path::new(directory), &own).map_err(|error| error.to_string())?;
        Ok(fstat(&found).unwrap().st_ino)
    }

    #[test]
    fn links_are_followed_inside_the_root_if_they_can_be_trusted() {
        let root = scratch("links");
        let deep = std::fs::metadata(root.join("real/deep")).unwrap().ino();
        symlink("/real", root.join("absolute")).unwrap();
        symlink("real/../absolute", root.join("relative")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        std::fs::write(root.join("file"), "").unwrap();
        for name in ["/real/deep", "/absolute/deep", "relative/./deep/", "/../../real/deep/../deep"] {
            assert_eq!(opened(&root, name), Ok(deep), "{name}");
        }
        assert!(opened(&root, "/loop").is_err_and(|text| text.contains("ELOOP")));
        assert!(opened(&root, "/file").is_err_and(|text| text.contains("ENOTDIR")));
        assert!(opened(&root, "/missing").is_err_and(|text| text.contains("ENOENT")));
        if sys::identity::is_root() {
            lchown(root.join("absolute"), Some(65534), None).unwrap();
            let refused = opened(&root, "/absolute/deep").unwrap_err();
            assert!(refused.contains("the symbolic link absolute belongs to uid 65534"), "{refused}");
        }
        std::fs::remove_dir_all(root).unwrap();
    }
}
