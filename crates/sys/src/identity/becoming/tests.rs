//! Each test changes the identity of a forked child, never of the test process. As an ordinary user they check what is left
//! to check: that nothing can be become.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork, getuid};

use super::*;

const NOBODY: u32 = 65534;

fn nobody() -> Identity {
    Identity { uid: NOBODY, gid: NOBODY, groups: vec![NOBODY, 1] }
}

fn in_a_child(child: impl FnOnce() -> bool) -> WaitStatus {
    // SAFETY: glibc makes malloc usable in a fork of a threaded process; the child uses no other lock of the harness.
    match unsafe { fork() }.unwrap() {
        ForkResult::Parent { child } => waitpid(child, None).unwrap(),
        // SAFETY: ends the child without running the harness's exit handlers.
        ForkResult::Child => unsafe { libc::_exit(if child() { 0 } else { 1 }) },
    }
}

fn holds(status: WaitStatus) -> bool {
    matches!(status, WaitStatus::Exited(_, 0))
}

#[test]
fn root_becomes_another_for_ever() {
    if !geteuid().is_root() {
        return;
    }
    assert!(holds(in_a_child(|| {
        become_for_ever(&nobody()).is_ok()
            && getresuid().is_ok_and(|ids| [ids.real, ids.effective, ids.saved] == [Uid::from_raw(NOBODY); 3])
            && setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).is_err()
            && fs::read("/etc/shadow").is_err()
            && getgroups().is_ok_and(|groups| groups.len() == 2)
    })));
}

#[test]
fn an_identity_with_a_door_left_open_aborts() {
    if !geteuid().is_root() {
        return;
    }
    // CAP_SETUID kept across the change of ids (PR_SET_KEEPCAPS, then raised again) is such a door.
    let status = in_a_child(|| {
        let kept = nix::sys::prctl::set_keepcaps(true).is_ok()
            && setresuid(Uid::from_raw(NOBODY), Uid::from_raw(NOBODY), Uid::from_raw(NOBODY)).is_ok()
            && raise_permitted_capabilities();
        if kept {
            abort_if_there_is_a_way_back(Gid::from_raw(NOBODY));
        }
        false
    });
    assert!(matches!(status, WaitStatus::Signaled(_, Signal::SIGABRT, _)), "{status:?}");
}

/// capset(2) by number: version 3, CAP_SETGID and CAP_SETUID effective and permitted.
fn raise_permitted_capabilities() -> bool {
    let sets = [1_u32 << 6 | 1 << 7, 1 << 6 | 1 << 7, 0, 0, 0, 0];
    // SAFETY: capset reads a header and two triples of the layout of version 3; both are alive.
    unsafe { libc::syscall(libc::SYS_capset, &raw const HEADER, sets.as_ptr()) == 0 }
}

#[repr(C)]
struct CapabilityHeader(u32, i32);
static HEADER: CapabilityHeader = CapabilityHeader(0x2008_0522, 0);

#[test]
fn an_ordinary_user_becomes_nobody_else_but_may_confirm_itself() {
    assert!(holds(in_a_child(|| {
        if geteuid().is_root() && become_for_ever(&nobody()).is_err() {
            return false;
        }
        let own = Identity { uid: getuid().as_raw(), gid: getegid().as_raw(), groups: vec![] };
        let other = Identity { uid: own.uid + 1, ..own.clone() };
        become_for_ever(&own).is_ok() && become_for_ever(&other).is_err()
    })));
}

#[test]
fn as_user_reads_with_the_users_rights_and_comes_back() {
    if !geteuid().is_root() {
        return;
    }
    assert!(holds(in_a_child(|| {
        let as_them = as_user(&nobody(), || (geteuid().as_raw(), getegid().as_raw(), fs::read("/etc/shadow").is_err()));
        as_them.is_ok_and(|them| them == (NOBODY, NOBODY, true))
            && geteuid().is_root()
            && getegid().as_raw() == 0
            && fs::read("/etc/shadow").is_ok()
    })));
}

#[test]
fn as_user_that_cannot_come_back_aborts() {
    if !geteuid().is_root() {
        return;
    }
    let status = in_a_child(|| {
        let nobody = Uid::from_raw(NOBODY);
        let _ = as_user(&self::nobody(), || setresuid(nobody, nobody, nobody));
        false
    });
    assert!(matches!(status, WaitStatus::Signaled(_, Signal::SIGABRT, _)), "{status:?}");
}

#[test]
fn an_unprivileged_process_stays_who_it_is_in_as_user() {
    assert!(holds(in_a_child(|| {
        if geteuid().is_root() && become_for_ever(&Identity { groups: vec![], ..nobody() }).is_err() {
            return false;
        }
        let own = geteuid();
        as_user(&Identity { uid: 1, gid: 1, groups: vec![] }, || geteuid() == own).is_ok_and(|same| same)
    })));
}

#[test]
fn an_empty_root_holds_nothing() {
    if !geteuid().is_root() {
        return;
    }
    let empty = std::env::temp_dir().join(format!("sys-empty-root-{}", std::process::id()));
    fs::create_dir(&empty).unwrap();
    fs::set_permissions(&empty, fs::Permissions::from_mode(0o555)).unwrap();
    let inode = fs::metadata(&empty).unwrap().ino();
    let status = in_a_child(|| {
        enter_root(&empty).is_ok()
            && fs::read_dir("/").is_ok_and(|mut entries| entries.next().is_none())
            && fs::metadata("../../..").is_ok_and(|root| root.ino() == inode)
    });
    fs::remove_dir(&empty).unwrap();
    assert!(holds(status), "{status:?}");
}
