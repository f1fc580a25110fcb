//! Changes of identity. The order is always groups, group, user; and what was set is read back before it is believed.

use std::io;
use std::path::Path;

use nix::unistd::{
    Gid, Uid, chdir, chroot, getegid, geteuid, getgroups, getresgid, getresuid, setegid, seteuid, setgroups, setresgid,
    setresuid,
};
use serde::{Deserialize, Serialize};

/// Ids that a process takes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Real, effective and saved user id.
    pub uid: u32,
    /// Real, effective and saved group id.
    pub gid: u32,
    /// Supplementary groups, all of them.
    pub groups: Vec<u32>,
}

impl Identity {
    fn supplementary(&self) -> Vec<Gid> {
        self.groups.iter().copied().map(Gid::from_raw).collect()
    }
}

/// Gives up the present identity for `identity`, and proves that there is no way back.
///
/// An unprivileged process can only confirm what it already is: anything else is an error. `PR_SET_PDEATHSIG` and the
/// dumpable flag are reset by the kernel here, so ask for them afterwards.
///
/// # Errors
/// Whatever step failed. The process may then be half changed: it must end.
///
/// # Aborts
/// When an identity that was given up could be taken back.
pub fn become_for_ever(identity: &Identity) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
    if geteuid().is_root() {
        setgroups(&identity.supplementary())?;
        setresgid(gid, gid, gid)?;
        setresuid(uid, uid, uid)?;
        confirm_groups(identity)?;
    }
    confirm_ids(uid, gid)?;
    if !uid.is_root() {
        abort_if_there_is_a_way_back(gid);
    }
    Ok(())
}

fn confirm_ids(uid: Uid, gid: Gid) -> io::Result<()> {
    let (user, group) = (getresuid()?, getresgid()?);
    let users = [user.real, user.effective, user.saved];
    let groups = [group.real, group.effective, group.saved];
    if users != [uid; 3] || groups != [gid; 3] {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "this process has not become the user it should"));
    }
    Ok(())
}

fn confirm_groups(identity: &Identity) -> io::Result<()> {
    let sorted = |mut groups: Vec<u32>| {
        groups.sort_unstable();
        groups.dedup();
        groups
    };
    let present = sorted(getgroups()?.into_iter().map(Gid::as_raw).collect());
    if present != sorted(identity.groups.clone()) {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the supplementary groups are not those of the user",
        ));
    }
    Ok(())
}

/// Tries every door. One that opens leaves a process that is partly root again, and no error path can be trusted with that.
fn abort_if_there_is_a_way_back(gid: Gid) {
    let root = Uid::from_raw(0);
    let came_back = setresuid(root, root, root).is_ok()
        || seteuid(root).is_ok()
        || nix::unistd::setuid(root).is_ok()
        || setgroups(&[Gid::from_raw(0)]).is_ok()
        || (gid.as_raw() != 0 && (setegid(Gid::from_raw(0)).is_ok() || nix::unistd::setgid(Gid::from_raw(0)).is_ok()));
    if came_back {
        std::process::abort();
    }
}

/// Runs `read_as_user` with the effective ids and groups of `identity`, and comes back.
///
/// For files that belong to the user (`~/.ssh`): what the user may not read is not read for them, and no path of theirs is
/// followed with root's rights. It is no prison: the code inside is ours. A no-op for an unprivileged process.
///
/// # Errors
/// When the identity could not be taken on; the function has then not run.
///
/// # Aborts
/// When the way back is barred.
pub fn as_user<T>(identity: &Identity, read_as_user: impl FnOnce() -> T) -> io::Result<T> {
    if !geteuid().is_root() {
        return Ok(read_as_user());
    }
    // Made before the first change, so that every way out of here (an error, a panic) goes back.
    let _way_back = WayBack { groups: getgroups()?, gid: getegid(), uid: geteuid() };
    setgroups(&identity.supplementary())?;
    setegid(Gid::from_raw(identity.gid))?;
    seteuid(Uid::from_raw(identity.uid))?;
    if geteuid().as_raw() != identity.uid || getegid().as_raw() != identity.gid {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(read_as_user())
}

struct WayBack {
    groups: Vec<Gid>,
    gid: Gid,
    uid: Uid,
}

impl WayBack {
    fn go(&self) -> nix::Result<()> {
        seteuid(self.uid)?;
        setegid(self.gid)?;
        setgroups(&self.groups)
    }
}

impl Drop for WayBack {
    fn drop(&mut self) {
        if self.go().is_err() || geteuid() != self.uid || getegid() != self.gid {
            // Going on as somebody half changed would be worse than any lost connection.
            std::process::abort();
        }
    }
}

/// Runs `work` with these supplementary groups and nothing else changed, and says which groups it left behind. Then the
/// own groups come back. An unprivileged process keeps its groups.
///
/// # Errors
/// As setgroups(2), getgroups(2); `work` has then not run, or its groups could not be read.
///
/// # Aborts
/// When the own groups cannot be had back.
pub fn with_groups<T>(groups: &[u32], work: impl FnOnce() -> T) -> io::Result<(T, Vec<u32>)> {
    if !geteuid().is_root() {
        return Ok((work(), groups.to_vec()));
    }
    let _way_back = WayBack { groups: getgroups()?, gid: getegid(), uid: geteuid() };
    setgroups(&groups.iter().copied().map(Gid::from_raw).collect::<Vec<_>>())?;
    let done = work();
    Ok((done, getgroups()?.into_iter().map(Gid::as_raw).collect()))
}

/// Makes `directory` the root of this process and steps into it.
///
/// # Errors
/// As chroot(2) and chdir(2); `EPERM` when not root.
pub fn enter_root(directory: &Path) -> io::Result<()> {
    // chdir first: a directory that cannot be entered must not become a root either.
    chdir(directory)?;
    chroot(".")?;
    chdir("/")?;
    Ok(())
}

#[cfg(test)]
mod tests;
