//! PidFile of sshd_config(5): there while connections are accepted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A pid file that this process has written.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// Writes it. A file that cannot be written does not keep a server from serving: the caller only says so.
    pub(crate) fn write(path: &Path) -> io::Result<Self> {
        fs::write(path, format!("{}\n", std::process::id()))?;
        Ok(Self { path: path.to_owned() })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Somebody else's file by now (a second server was started with the same configuration) stays.
        let ours = format!("{}\n", std::process::id());
        if fs::read_to_string(&self.path).is_ok_and(|found| found == ours) {
            let _ = fs::remove_file(&self.path);
        }
    }
}
