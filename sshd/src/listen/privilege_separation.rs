//! Whom `sshd-preauth` becomes and where it lives.

use std::fs::{DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use ipc::start::Confinement;
use sys::identity::{self, Identity};
use thiserror::Error;

/// The account that network bytes are handled under before login.
const USER: &str = "sshd";

/// Empty directories that belong to root, as distributions have them; the first that exists is taken, and when there
/// is none the first is created.
const EMPTY_DIRECTORIES: [&str; 3] = ["/run/sshd", "/var/empty/sshd", "/var/empty"];

/// Why root may not serve connections.
#[derive(Debug, Error)]
pub(crate) enum NoConfinement {
    #[error("Privilege separation user {USER} does not exist")]
    NoUser,
    #[error("cannot look up the privilege separation user {USER}: {0}")]
    Unknown(io::Error),
    #[error("Missing privilege separation directory: {0} ({1})")]
    NoDirectory(&'static str, io::Error),
    #[error("{0} must be owned by root and not group or world-writable.")]
    UnsafeDirectory(&'static str),
}

/// The confinement before login; none when an ordinary user runs the server, who can neither become somebody else nor
/// change the root.
pub(crate) fn confinement() -> Result<Option<Confinement>, NoConfinement> {
    if !identity::is_root() {
        return Ok(None);
    }
    let account = identity::look_up(USER).map_err(NoConfinement::Unknown)?.ok_or(NoConfinement::NoUser)?;
    let identity = Identity { uid: account.uid, gid: account.gid, groups: vec![account.gid] };
    Ok(Some(Confinement { identity, empty_root: empty_directory()?.to_owned() }))
}

/// Whether there will be a confinement when the server starts: for the test modes, which change nothing. An empty
/// directory that is not there yet is no obstacle.
pub(crate) fn check() -> Result<(), NoConfinement> {
    if !identity::is_root() {
        return Ok(());
    }
    identity::look_up(USER).map_err(NoConfinement::Unknown)?.ok_or(NoConfinement::NoUser)?;
    match EMPTY_DIRECTORIES.into_iter().find(|directory| Path::new(directory).exists()) {
        Some(directory) => empty_directory_at(directory).map(drop),
        None => Ok(()),
    }
}

fn empty_directory() -> Result<&'static str, NoConfinement> {
    let [preferred, ..] = EMPTY_DIRECTORIES;
    let existing = EMPTY_DIRECTORIES.into_iter().find(|directory| Path::new(directory).exists());
    let directory = match existing {
        Some(directory) => directory,
        None => {
            DirBuilder::new()
                .mode(0o755)
                .create(preferred)
                .map_err(|why| NoConfinement::NoDirectory(preferred, why))?;
            preferred
        }
    };
    empty_directory_at(directory)
}

fn empty_directory_at(directory: &'static str) -> Result<&'static str, NoConfinement> {
    match std::fs::symlink_metadata(directory) {
        Ok(found) if belongs_to_root_alone(&found) => Ok(directory),
        Ok(_) => Err(NoConfinement::UnsafeDirectory(directory)),
        Err(why) => Err(NoConfinement::NoDirectory(directory, why)),
    }
}

fn belongs_to_root_alone(found: &Metadata) -> bool {
    found.is_dir() && found.uid() == 0 && found.mode() & 0o022 == 0
}
