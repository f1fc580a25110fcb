//! The programs that the listener starts or hands on. They are opened once: after an upgrade of the package the
//! running listener goes on starting the ones it belongs to, and no path is looked up for any connection.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use settings::paths::LIBEXECDIR;
use thiserror::Error;

/// Where `make install` puts them, seen from the folder of `sshd`: a tree that was unpacked elsewhere works too.
const IN_THE_SAME_TREE: &str = "../libexec/bulkhead";

/// The executables, opened.
#[derive(Debug)]
pub(crate) struct Helpers {
    /// `sshd-monitor`: one for each connection.
    pub(crate) monitor: OwnedFd,
    /// `sshd-preauth`: started by the monitor, as the next ones.
    pub(crate) preauth: OwnedFd,
    /// `sshd-session`
    pub(crate) session: OwnedFd,
    /// `sshd-launch`
    pub(crate) launch: OwnedFd,
    /// `sshd-forward`
    pub(crate) forward: OwnedFd,
}

/// A helper that is not there.
#[derive(Debug, Error)]
#[error("cannot open {name} in {}: {why}", directory.display())]
pub(crate) struct MissingHelper {
    name: &'static str,
    directory: PathBuf,
    why: io::Error,
}

impl Helpers {
    /// Opens all of them, never some of one folder and some of another.
    pub(crate) fn open() -> Result<Self, MissingHelper> {
        let directory = directory();
        let open = |name| open_in(&directory, name);
        Ok(Self {
            monitor: open("sshd-monitor")?,
            preauth: open("sshd-preauth")?,
            session: open("sshd-session")?,
            launch: open("sshd-launch")?,
            forward: open("sshd-forward")?,
        })
    }
}

/// The monitor alone, for a question instead of a connection.
pub(crate) fn open_monitor() -> Result<OwnedFd, MissingHelper> {
    open_in(&directory(), "sshd-monitor")
}

fn open_in(directory: &Path, name: &'static str) -> Result<OwnedFd, MissingHelper> {
    let missing = |why| MissingHelper { name, directory: directory.to_owned(), why };
    open_executable(&directory.join(name)).map_err(missing)
}

/// Beside the running `sshd`, else in its installed tree, else the compiled-in folder: the first that has a monitor.
fn directory() -> PathBuf {
    let executable = std::env::current_exe().ok();
    let beside = executable.as_deref().and_then(Path::parent);
    let candidates = beside.map(|beside| [beside.to_owned(), beside.join(IN_THE_SAME_TREE)]);
    let has_monitor = |directory: &PathBuf| directory.join("sshd-monitor").is_file();
    candidates.into_iter().flatten().find(has_monitor).unwrap_or_else(|| PathBuf::from(LIBEXECDIR))
}

fn open_executable(path: &Path) -> io::Result<OwnedFd> {
    let executable = File::options().read(true).custom_flags(nix::libc::O_PATH | nix::libc::O_CLOEXEC).open(path)?;
    if !executable.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    Ok(executable.into())
}
