//! What each process promises to do without, and what holds it to its word.
//!
//! [`promises`] says it in words; [`lock_down`] makes it so and hands out the only proof there is, a [`LockedDown`].
//!
//! The layers go on in a fixed order, each while the one before still lets it: root directory, groups and ids, capabilities
//! and flags, Landlock, limits, seccomp. Each would hold alone.
#![forbid(unsafe_code)]

pub mod linux;
pub mod promises;

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use sys::identity::{Identity, become_for_ever, enter_root, is_root};

use linux::landlock::Held;
use promises::{ProcessPromises, promises_of};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SessionPromises {
    /// The user's files, for `internal-sftp`.
    pub files: FileAccess,
    /// Only those below [`Surroundings::jail`].
    pub in_jail: bool,
    /// Taking in connections on sockets that are handed over already bound: forwardings from here to the client. No
    /// login has a socket(2), connect(2) or bind(2) of its own.
    pub accept: bool,
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
    /// The directory below which files may be used, for those that are promised a jail. It is open already: where it
    /// lies, and through whose hands its path goes, is of no interest any more.
    pub jail: Option<Arc<OwnedFd>>,
    /// Go on when the kernel lacks a layer (see [`layers`] for which hold).
    pub best_effort: bool,
}

/// What keeps a process locked down, in the order in which it is put on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    /// A root directory of its own.
    Root,
    /// User, group and supplementary groups, for ever.
    Identity,
    /// No capabilities, not dumpable, no new privileges.
    Privileges,
    /// Landlock, by this version of the kernel's interface: no files, no network, no signals beyond what was promised.
    Landlock(i32),
    /// Resource limits.
    Limits,
    /// The system calls that are left.
    Seccomp,
}

/// Why a process could not be locked down.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The root directory could not be entered.
    #[error("cannot enter the root directory {directory}: {reason}", directory = directory.display())]
    Root {
        /// The directory.
        directory: PathBuf,
        /// What the kernel said.
        reason: std::io::Error,
    },
    /// The identity could not be taken on for good.
    #[error("cannot become user {uid} for ever: {reason}")]
    Identity {
        /// Whom.
        uid: u32,
        /// What the kernel said.
        reason: std::io::Error,
    },
    /// A capability or flag did not go.
    #[error("cannot give up privileges: {0}")]
    Privileges(#[from] caps::errors::CapsError),
    /// The kernel refused the Landlock rules.
    #[error("Landlock refused: {0}")]
    Landlock(#[from] ::landlock::RulesetError),
    /// The kernel has no Landlock (Linux 5.13, switched on at boot).
    #[error("this kernel has no Landlock, or it is switched off (lsm= at boot)")]
    NoLandlock,
    /// The kernel's Landlock cannot keep a process in a jail: it must be able to deny truncation (Linux 6.2).
    #[error("a jail needs a kernel whose Landlock can deny truncation (Linux 6.2)")]
    NoJail,
    /// A limit could not be set.
    #[error("cannot set a resource limit: {0}")]
    Limits(nix::Error),
    /// The rows do not make a filter: a mistake of ours.
    #[error("the system call rows do not compile: {0}")]
    Rows(#[from] seccompiler::BackendError),
    /// The kernel has no seccomp filters.
    #[error("this kernel has no seccomp filters: {0}")]
    NoSeccomp(seccompiler::Error),
}

static LAYERS: OnceLock<Vec<Layer>> = OnceLock::new();

/// Locks this process down for ever.
///
/// A kernel that lacks Landlock or seccomp is an error unless [`Surroundings::best_effort`]; then [`layers`] says what holds.
///
/// # Errors
/// Names the layer that does not hold. The process must end: it may be half locked down.
pub fn lock_down(policy: &Policy, around: &Surroundings) -> Result<LockedDown, SandboxError> {
    let process = promises_of(policy);
    let held = put_on(process, around, Only::ALL)?;
    // A second lock-down only adds to the first, whose layers are told already.
    let _ = LAYERS.set(held);
    Ok(LockedDown(()))
}

/// Takes from this process what opening sockets as the user does not need (`linux::socket_opener` says what): for
/// `sshd-forward`, whose resolver brings libraries and threads of its own. To be called while there is one thread.
///
/// # Errors
/// As [`lock_down`].
pub fn keep_only_sockets(around: &Surroundings) -> Result<(), SandboxError> {
    let filter = linux::socket_opener::filter()?;
    if let Some(directory) = &around.empty_root {
        enter_root(directory).map_err(|reason| SandboxError::Root { directory: directory.clone(), reason })?;
    }
    linux::privileges::empty_bounding_set()?;
    if let Some(identity) = &around.identity {
        become_for_ever(identity).map_err(|reason| SandboxError::Identity { uid: identity.uid, reason })?;
    }
    linux::privileges::give_up_but_sockets(is_root())?;
    if linux::socket_opener::deny_files()? == Held::Nothing && !around.best_effort {
        return Err(SandboxError::NoLandlock);
    }
    linux::socket_opener::limit().map_err(SandboxError::Limits)?;
    match linux::seccomp::put_on(&[filter]) {
        Err(_) if around.best_effort => Ok(()),
        held => held.map_err(SandboxError::NoSeccomp),
    }
}

/// The layers that hold in this process, in the order in which they were put on.
pub fn layers() -> &'static [Layer] {
    LAYERS.get().map_or(&[], Vec::as_slice)
}

/// Puts on only some of the last three layers: so that tests can show that each holds alone. No proof comes out.
///
/// # Errors
/// As [`lock_down`].
#[cfg(debug_assertions)]
pub fn lock_down_only(policy: &Policy, around: &Surroundings, only: Only) -> Result<Vec<Layer>, SandboxError> {
    put_on(promises_of(policy), around, only)
}

/// Which of the last three layers go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Only {
    /// Landlock.
    pub landlock: bool,
    /// Resource limits.
    pub limits: bool,
    /// System calls.
    pub seccomp: bool,
}

impl Only {
    const ALL: Only = Only { landlock: true, limits: true, seccomp: true };
}

fn put_on(process: &ProcessPromises, around: &Surroundings, layers: Only) -> Result<Vec<Layer>, SandboxError> {
    // Compiled before anything is given up.
    let filters = linux::seccomp::filters(process)?;
    let mut held = Vec::new();
    if let Some(directory) = &around.empty_root {
        enter_root(directory).map_err(|reason| SandboxError::Root { directory: directory.clone(), reason })?;
        held.push(Layer::Root);
    }
    linux::privileges::empty_bounding_set()?;
    if let Some(identity) = &around.identity {
        become_for_ever(identity).map_err(|reason| SandboxError::Identity { uid: identity.uid, reason })?;
        held.push(Layer::Identity);
    }
    linux::privileges::give_up(process.files(), is_root())?;
    held.push(Layer::Privileges);
    if layers.landlock {
        let reach = linux::landlock::Reach::of(process, around.jail.as_deref());
        match linux::landlock::put_on(process.files(), &reach)? {
            // Not even best effort: seccomp does not see what openat2 is asked for, so this layer is the jail.
            Held::Nothing if process.is_in_jail() => return Err(SandboxError::NoJail),
            Held::Version(version) if process.is_in_jail() && version < linux::landlock::FIRST_FOR_JAILS => {
                return Err(SandboxError::NoJail);
            }
            Held::Version(version) => held.push(Layer::Landlock(version)),
            Held::Nothing if around.best_effort => {}
            Held::Nothing => return Err(SandboxError::NoLandlock),
        }
    }
    if layers.limits {
        linux::limits::put_on(process).map_err(SandboxError::Limits)?;
        held.push(Layer::Limits);
    }
    if layers.seccomp {
        match linux::seccomp::put_on(&filters) {
            Ok(()) => held.push(Layer::Seccomp),
            Err(_) if around.best_effort => {}
            Err(reason) => return Err(SandboxError::NoSeccomp(reason)),
        }
    }
    Ok(held)
}
