//! The programs that the listener starts or hands on. They are opened once: after an upgrade of the package the
//! running listener goes on starting the ones it belongs to, and no path is looked up for any connection.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Where `make install` puts them, unless they stand beside `sshd`.
const LIBEXEC_DIRECTORY: &str = match option_env!("BULKHEAD_LIBEXECDIR") {
    Some(directory) => directory,
    None => "/usr/local/libexec/bulkhead",
};

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
    /// Opens all of them: those beside the running `sshd` if its monitor stands there, else those of the compiled-in
    /// directory. Never some of each.
    pub(crate) fn open() -> Result<Self, MissingHelper> {
        let beside = std::env::current_exe().ok().and_then(|sshd| sshd.parent().map(Path::to_owned));
        let directory = beside
            .filter(|directory| directory.join("sshd-monitor").is_file())
            .unwrap_or_else(|| PathBuf::from(LIBEXEC_DIRECTORY));
        let open = |name| {
            open_executable(&directory.join(name)).map_err(|why| MissingHelper {
                name,
                directory: directory.clone(),
                why,
            })
        };
        Ok(Self {
            monitor: open("sshd-monitor")?,
            preauth: open("sshd-preauth")?,
            session: open("sshd-session")?,
            launch: open("sshd-launch")?,
        })
    }
}

fn open_executable(path: &Path) -> io::Result<OwnedFd> {
    let executable = File::options().read(true).custom_flags(nix::libc::O_PATH | nix::libc::O_CLOEXEC).open(path)?;
    if !executable.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    Ok(executable.into())
}
