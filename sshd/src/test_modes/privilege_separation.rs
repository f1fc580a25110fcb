//! Is there an account and an empty directory for the process before login?

use std::io;
use std::os::unix::fs::MetadataExt as _;

use nix::unistd::{User, geteuid};
use settings::paths::{PRIVSEP_DIR, PRIVSEP_USER};

/// Why root could not serve connections.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoConfinement {
    #[error("Privilege separation user {PRIVSEP_USER} does not exist")]
    NoUser,
    #[error("Missing privilege separation directory: {PRIVSEP_DIR} ({0})")]
    NoDirectory(#[from] io::Error),
    #[error("{PRIVSEP_DIR} must be owned by root and not group or world-writable.")]
    UnsafeDirectory,
}

/// Only root can confine anybody: others need nothing of it.
pub(super) fn check() -> Result<(), NoConfinement> {
    if !geteuid().is_root() {
        return Ok(());
    }
    User::from_name(PRIVSEP_USER).ok().flatten().ok_or(NoConfinement::NoUser)?;
    let found = std::fs::symlink_metadata(PRIVSEP_DIR)?;
    if found.is_dir() && found.uid() == 0 && found.mode() & 0o022 == 0 {
        Ok(())
    } else {
        Err(NoConfinement::UnsafeDirectory)
    }
}
