//! What the cases share: the policies, where children are locked up, and how their end is judged.

use std::fs;
use std::path::PathBuf;

use sandbox::{FileAccess, Policy, SessionPromises, Surroundings, lock_down};
use sys::identity::{Identity, is_root};
use sys::probe::{Answer, Door, call, in_a_child};
use sys::process::Ended;

use crate::jail::jailed;

pub(crate) const SIGSYS: i32 = libc::SIGSYS;
const NOBODY: u32 = 65534;

pub(crate) const fn session(files: FileAccess) -> Policy {
    Policy::Session(SessionPromises { files, in_jail: false, accept: false })
}

pub(crate) const fn accepting_session(files: FileAccess) -> Policy {
    Policy::Session(SessionPromises { files, in_jail: false, accept: true })
}

/// Every form in which a process is locked down.
pub(crate) const POLICIES: &[Policy] = &[
    Policy::Preauth,
    session(FileAccess::None),
    session(FileAccess::ReadOnly),
    session(FileAccess::ReadWrite),
    jailed(FileAccess::ReadOnly),
    jailed(FileAccess::ReadWrite),
    accepting_session(FileAccess::None),
    accepting_session(FileAccess::ReadWrite),
    Policy::SftpServer { read_only: true },
    Policy::SftpServer { read_only: false },
];

/// A directory that goes with its owner.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("bulkhead-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// As in a real server: for root another user; an ordinary user stays.
pub(crate) fn another_user() -> Surroundings {
    let identity = is_root().then(|| Identity { uid: NOBODY, gid: NOBODY, groups: vec![] });
    Surroundings { identity, ..Surroundings::default() }
}

/// Locks this child down for real.
pub(crate) fn locked(policy: &Policy, around: &Surroundings) -> bool {
    match lock_down(policy, around) {
        Ok(_) => true,
        Err(error) => {
            eprintln!("{policy:?}: {error}");
            false
        }
    }
}

/// One system call in a child that is locked down.
pub(crate) fn call_locked(policy: &Policy, number: i64, arguments: [u64; 6]) -> Answer {
    call(|| locked(policy, &another_user()), Door::Native, number, arguments).unwrap()
}

/// Whether `what` holds in a child that is locked down.
pub(crate) fn holds_locked(policy: &Policy, around: &Surroundings, what: impl FnOnce() -> bool) -> Result<(), Ended> {
    let ended = in_a_child(|| if locked(policy, around) { i32::from(!what()) } else { 2 }).unwrap();
    if ended == Ended::Exited(0) { Ok(()) } else { Err(ended) }
}
