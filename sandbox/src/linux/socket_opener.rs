//! `sshd-forward`, which opens sockets as the user and never sees a byte that goes through them.
//!
//! What it needs is what the system's resolver needs: libraries that the administrator configured (nsswitch.conf(5)),
//! daemons that they ask, name servers, threads. No list of allowed calls holds for all of them, so this process keeps
//! the user's rights but for what is named here.

use std::collections::BTreeMap;

use landlock::{ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetError, Scope};
use nix::sys::resource::{Resource, setrlimit};
use seccompiler::{BackendError, BpfProgram, SeccompAction, SeccompFilter, TargetArch};

/// The newest rights that we know how to deny.
const NEWEST: ABI = ABI::V7;

/// What kills: other programs, other identities, other processes, other name spaces, the kernel's rarer doors.
const NEVER: &[i64] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kill,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_setgroups,
    libc::SYS_capset,
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_io_uring_setup,
    libc::SYS_userfaultfd,
    libc::SYS_perf_event_open,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
];

/// The compiled filter.
///
/// # Errors
/// When it cannot be compiled, which a test would have shown.
pub fn filter() -> Result<BpfProgram, BackendError> {
    let rules: BTreeMap<i64, Vec<_>> = NEVER.iter().map(|number| (*number, Vec::new())).collect();
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::KillProcess, architecture)?;
    BpfProgram::try_from(filter)
}

/// Reading is left, since libraries and hosts(5) are files; of making and removing, sockets, their files, and the folder
/// that the socket of a forwarded agent lies in.
///
/// # Errors
/// When the kernel has Landlock and refuses the rules.
pub fn deny_files() -> Result<super::landlock::Held, RulesetError> {
    let left: BitFlags<AccessFs> =
        AccessFs::ReadFile | AccessFs::ReadDir | AccessFs::MakeSock | AccessFs::MakeDir | AccessFs::RemoveFile;
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST) & !left)?
        .scope(Scope::Signal)?
        .create()?;
    Ok(super::landlock::held(&ruleset.restrict_self()?))
}

/// No memory image on disk, no byte into any regular file.
///
/// # Errors
/// As setrlimit(2).
pub fn limit() -> nix::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    setrlimit(Resource::RLIMIT_FSIZE, 0, 0)
}
