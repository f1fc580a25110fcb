//! Landlock: the second lock on the file system, on TCP, and on what reaches other processes.
//!
//! Rights that are handled and given to no path are denied everywhere. Denying files is what a kernel must be able to do
//! (5.13). Truncation (6.2), TCP (6.7), devices' ioctls (6.10), signals and abstract sockets (6.12) are denied where the
//! kernel knows how: no process that is locked down has the system calls for them anyway, but for truncation by those who
//! may write.

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd,
    RestrictionStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use std::os::fd::OwnedFd;

use crate::FileAccess;
use crate::promises::ProcessPromises;

/// The newest rights that we know how to deny.
const NEWEST: ABI = ABI::V7;

/// The first version that denies truncation. Before it, a file that was opened for neither reading nor writing (an access
/// mode that Linux has for ioctls) could be emptied wherever it lies; openat2's flags are not seen by seccomp.
pub const FIRST_FOR_JAILS: i32 = 3;

/// Where a process may use files.
#[derive(Debug)]
pub enum Reach<'fd> {
    /// All that is visible to it.
    Everything,
    /// Below this directory.
    Below(&'fd OwnedFd),
    /// Nowhere: it is promised a jail and has none.
    Nowhere,
}

impl<'fd> Reach<'fd> {
    /// What a row means, given the jail's directory.
    #[must_use]
    pub fn of(process: &ProcessPromises, jail: Option<&'fd OwnedFd>) -> Self {
        match jail {
            _ if !process.is_in_jail() => Self::Everything,
            Some(directory) => Self::Below(directory),
            None => Self::Nowhere,
        }
    }
}

/// Whether this kernel's Landlock can keep a process in a jail. Nothing is restricted by asking.
#[must_use]
pub fn can_hold_a_jail() -> bool {
    let needed = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    needed.handle_access(AccessFs::from_all(ABI::V3)).and_then(Ruleset::create).is_ok()
}

/// What the kernel was able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// At least files are denied, by this version of the kernel's interface.
    Version(i32),
    /// The kernel has no Landlock, or it is switched off.
    Nothing,
}

/// Denies everything but `files` within `reach`.
///
/// # Errors
/// When the kernel has Landlock and refuses the rules.
pub fn put_on(files: FileAccess, reach: &Reach<'_>) -> Result<Held, RulesetError> {
    let everything = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    let rights = rights_of(files);
    let ruleset = if rights.is_empty() {
        everything
    } else {
        match reach {
            Reach::Below(directory) => everything.add_rule(PathBeneath::new(directory, rights))?,
            Reach::Nowhere => everything,
            Reach::Everything => match PathFd::new("/") {
                Ok(root) => everything.add_rule(PathBeneath::new(root, rights))?,
                // Nothing can be opened then, which is stricter.
                Err(_) => everything,
            },
        }
    };
    Ok(held(&ruleset.restrict_self()?))
}

pub(super) fn held(status: &RestrictionStatus) -> Held {
    match (&status.ruleset, &status.landlock) {
        (RulesetStatus::NotEnforced, _) => Held::Nothing,
        (_, LandlockStatus::Available { effective_abi, .. }) => Held::Version(*effective_abi as i32),
        _ => Held::Nothing,
    }
}

/// What may be done beneath the root. Never executing, never making devices, sockets or fifos.
fn rights_of(files: FileAccess) -> BitFlags<AccessFs> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    match files {
        FileAccess::None => BitFlags::EMPTY,
        FileAccess::ReadOnly => read,
        FileAccess::ReadWrite => {
            read | AccessFs::WriteFile
                | AccessFs::Truncate
                | AccessFs::MakeReg
                | AccessFs::MakeDir
                | AccessFs::MakeSym
                | AccessFs::RemoveFile
                | AccessFs::RemoveDir
                // Renaming and linking from one directory to another. Before Linux 5.19 these are always denied.
                | AccessFs::Refer
        }
    }
}
