//! SftpJail: opening the directory, as the user, before anybody is told to serve below it.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2, readlinkat};
use nix::sys::stat::{Mode, SFlag, fstat};
use policy::{Verdict, jail_opened, link_to_jail};
use sys::identity::Identity;

/// Symbolic links that may be on the way.
const MOST_LINKS: u32 = 40;

/// Opens `directory`, seen from `root` (ChrootDirectory, or `/`), with the rights of `identity`. A refusal is one of the
/// steps, which are for the log.
pub(crate) fn open_directory(root: &Path, directory: &Path, identity: &Identity) -> Verdict<OwnedFd> {
    if !sandbox::linux::landlock::can_hold_a_jail() {
        let why = "this needs a kernel with Landlock that can deny truncation (Linux 6.2)";
        return jail_opened(Vec::new(), Err(why.to_owned()));
    }
    let root = match open(root, PLACE, Mode::empty()) {
        Ok(root) => root,
        Err(error) => return jail_opened(Vec::new(), Err(unreachable(root, error))),
    };
    if let Err(error) = entry(&root, OsStr::new(".")) {
        let why =
            format!("this needs openat2(2), which this kernel does not have or does not allow (Linux 5.6): {error}");
        return jail_opened(Vec::new(), Err(why));
    }
    let walked = sys::identity::as_user(identity, || walk(root, directory));
    walked.unwrap_or_else(|error| jail_opened(Vec::new(), Err(format!("cannot act as user {}: {error}", identity.uid))))
}

fn unreachable(path: &Path, error: Errno) -> String {
    format!("{}: {}", path.display(), error.desc())
}

/// A directory as a place to look names up from.
pub(crate) const PLACE: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

/// One entry of a directory, a link as itself.
fn entry(directory: &OwnedFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat2(directory, name, OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_IN_ROOT))
}

/// Component by component, so that each link can be judged by its owner before it is followed.
fn walk(root: OwnedFd, directory: &Path) -> Verdict<OwnedFd> {
    let mut steps = Vec::new();
    // The directories that were entered; the root is never left.
    let mut entered = vec![root];
    let mut left: VecDeque<OsString> = components(directory.as_os_str());
    let mut links = 0_u32;
    while let Some(name) = left.pop_front() {
        if name == ".." {
            entered.truncate(entered.len().saturating_sub(1).max(1));
            continue;
        }
        match look(entered.last(), &name) {
            Ok(Found::Directory(found)) => entered.push(found),
            Ok(Found::Link { uid, target }) if links < MOST_LINKS => {
                let judged = link_to_jail(&name.to_string_lossy(), uid, nix::unistd::getuid().as_raw());
                steps.extend(judged.steps);
                if let Err(refusal) = judged.outcome {
                    return Verdict { outcome: Err(refusal), steps };
                }
                links = links.saturating_add(1);
                if target.as_bytes().starts_with(b"/") {
                    entered.truncate(1);
                }
                let rest = std::mem::take(&mut left);
                left = components(&target).into_iter().chain(rest).collect();
            }
            Ok(Found::Link { .. }) => return jail_opened(steps, Err(unreachable(directory, Errno::ELOOP))),
            Err(error) => return jail_opened(steps, Err(unreachable(directory, error))),
        }
    }
    jail_opened(steps, entered.pop().ok_or_else(|| unreachable(directory, Errno::ENOENT)))
}

/// What stands under a name.
enum Found {
    Directory(OwnedFd),
    Link { uid: u32, target: OsString },
}

fn look(here: Option<&OwnedFd>, name: &OsStr) -> Result<Found, Errno> {
    let found = entry(here.ok_or(Errno::ENOENT)?, name)?;
    let facts = fstat(&found)?;
    match SFlag::from_bits_truncate(facts.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFDIR => Ok(Found::Directory(found)),
        SFlag::S_IFLNK => Ok(Found::Link { uid: facts.st_uid, target: readlinkat(found.as_fd(), "")? }),
        _ => Err(Errno::ENOTDIR),
    }
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
        let found = open_directory(root, Path::new(directory), &own).outcome.map_err(|refusal| refusal.to_string())?;
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
        assert!(opened(&root, "/loop").is_err_and(|text| text.contains("Too many symbolic links")));
        assert!(opened(&root, "/file").is_err_and(|text| text.contains("Not a directory")));
        assert!(opened(&root, "/missing").is_err_and(|text| text.contains("No such file")));
        if sys::identity::is_root() {
            lchown(root.join("absolute"), Some(65534), None).unwrap();
            let refused = opened(&root, "/absolute/deep").unwrap_err();
            assert!(refused.contains("the symbolic link absolute belongs to uid 65534"), "{refused}");
        }
        std::fs::remove_dir_all(root).unwrap();
    }
}
