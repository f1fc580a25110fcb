//! The system's account, group and shadow databases (through NSS, so LDAP and friends are included).
//!
//! Group look-ups go through getgrouplist(3) by nix; the `users` crate appended group 0 to them (RUSTSEC-2025-0040).

use std::ffi::{CStr, CString, c_char};
use std::io;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::unistd::{Gid, Group, Uid, User, geteuid, getgrouplist, getuid};
use zeroize::Zeroizing;

/// The largest shadow entry that is read, in bytes.
const LARGEST_SHADOW_ENTRY: usize = 64 * 1024;

/// One line of the account database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The login name as the database spells it, which may differ from what was asked for.
    pub name: String,
    /// Numeric user id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Full name and such.
    pub gecos: String,
    /// Home directory.
    pub home: PathBuf,
    /// Login shell; empty means `/bin/sh`.
    pub shell: PathBuf,
    /// The password field of passwd(5): as a rule `x`, `*` or `!`.
    pub password_field: String,
}

/// One line of shadow(5). Days are counted from 1970-01-01; `None` is an empty field.
#[derive(Debug)]
pub struct Shadow {
    /// The hash, or what stands there when the account is locked. Wiped when dropped.
    pub password_field: Zeroizing<String>,
    /// Day of the last password change; 0 asks for a change at the next login.
    pub last_change: Option<i64>,
    /// Days for which a password is valid.
    pub most_days: Option<i64>,
    /// Days of warning before the password ends.
    pub warning_days: Option<i64>,
    /// Days after the password's end for which it may still be changed.
    pub inactive_days: Option<i64>,
    /// The day on which the account ends.
    pub expires: Option<i64>,
}

/// The account called `name`; `None` when there is none (also for a name that no database could hold).
///
/// # Errors
/// When a database could not be asked, which is not the same as "no such account".
pub fn look_up(name: &str) -> io::Result<Option<Account>> {
    if name.is_empty() || name.contains('\0') {
        return Ok(None);
    }
    found(User::from_name(name))
}

/// The account with this user id.
///
/// # Errors
/// As [`look_up`].
pub fn look_up_uid(uid: u32) -> io::Result<Option<Account>> {
    found(User::from_uid(Uid::from_raw(uid)))
}

/// The account that this process runs as (its real user id).
///
/// # Errors
/// `NotFound` when the user id has no account; else as [`look_up`].
pub fn current() -> io::Result<Account> {
    look_up_uid(getuid().as_raw())?
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "this user id has no account"))
}

/// All groups of an account: the primary one and those of the group database.
///
/// # Errors
/// `InvalidInput` when the account's name holds a NUL; else what getgrouplist(3) says.
pub fn groups_of(account: &Account) -> io::Result<Vec<u32>> {
    let name = CString::new(account.name.as_str())?;
    Ok(getgrouplist(&name, Gid::from_raw(account.gid))?.into_iter().map(Gid::as_raw).collect())
}

/// The name of a group.
///
/// # Errors
/// As [`look_up`].
pub fn group_name(gid: u32) -> io::Result<Option<String>> {
    absent_is_none(Group::from_gid(Gid::from_raw(gid))).map(|group| group.map(|group| group.name))
}

/// The number of a group.
///
/// # Errors
/// As [`look_up`].
pub fn group_id(name: &str) -> io::Result<Option<u32>> {
    if name.is_empty() || name.contains('\0') {
        return Ok(None);
    }
    absent_is_none(Group::from_name(name)).map(|group| group.map(|group| group.gid.as_raw()))
}

/// The name of a user.
///
/// # Errors
/// As [`look_up`].
pub fn user_name(uid: u32) -> io::Result<Option<String>> {
    Ok(look_up_uid(uid)?.map(|account| account.name))
}

/// The shadow entry of an account; `None` when it has none, or when this process may not read it.
///
/// # Errors
/// When a database could not be asked.
pub fn shadow_entry(name: &str) -> io::Result<Option<Shadow>> {
    let Ok(name) = CString::new(name) else { return Ok(None) };
    let mut strings = Zeroizing::new(vec![0_u8; 1024]);
    loop {
        // SAFETY: spwd is plain C data (null pointers, zero numbers); all zeroes is a valid value.
        let mut entry: libc::spwd = unsafe { std::mem::zeroed() };
        let mut found: *mut libc::spwd = std::ptr::null_mut();
        // SAFETY: `name` ends in a NUL, `entry` and `found` are ours, and `strings` is as long as we say.
        let code = unsafe {
            libc::getspnam_r(
                name.as_ptr(),
                &mut entry,
                strings.as_mut_ptr().cast::<c_char>(),
                strings.len(),
                &mut found,
            )
        };
        match code {
            0 if found.is_null() => return Ok(None),
            0 => return Ok(Some(owned(&entry))),
            libc::ERANGE if strings.len() < LARGEST_SHADOW_ENTRY => {
                let doubled = strings.len() * 2;
                strings = Zeroizing::new(vec![0; doubled]);
            }
            libc::EACCES | libc::EPERM | libc::ENOENT => return Ok(None),
            code => return Err(io::Error::from_raw_os_error(code)),
        }
    }
}

fn owned(entry: &libc::spwd) -> Shadow {
    let password = if entry.sp_pwdp.is_null() {
        String::new()
    } else {
        // SAFETY: getspnam_r succeeded: sp_pwdp is a NUL-terminated string inside a buffer that is still alive.
        unsafe { CStr::from_ptr(entry.sp_pwdp) }.to_string_lossy().into_owned()
    };
    let days = |field: libc::c_long| (field != -1).then_some(field);
    Shadow {
        password_field: Zeroizing::new(password),
        last_change: days(entry.sp_lstchg),
        most_days: days(entry.sp_max),
        warning_days: days(entry.sp_warn),
        inactive_days: days(entry.sp_inact),
        expires: days(entry.sp_expire),
    }
}

/// Whether the effective user id is 0.
pub fn is_root() -> bool {
    geteuid().is_root()
}

fn found(answer: nix::Result<Option<User>>) -> io::Result<Option<Account>> {
    Ok(absent_is_none(answer)?.map(|user| Account {
        name: user.name,
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
        gecos: user.gecos.to_string_lossy().into_owned(),
        home: user.dir,
        shell: user.shell,
        password_field: user.passwd.to_string_lossy().into_owned(),
    }))
}

/// getpwnam(3): some sources say "not found" with an error of these.
fn absent_is_none<T>(answer: nix::Result<Option<T>>) -> io::Result<Option<T>> {
    match answer {
        Err(Errno::ENOENT | Errno::ESRCH) => Ok(None),
        answer => Ok(answer?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_found_by_name_and_by_number() {
        let root = look_up("root").unwrap().unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert_eq!(look_up_uid(0).unwrap().unwrap(), root);
        assert_eq!(user_name(0).unwrap().as_deref(), Some("root"));
        assert_eq!(group_name(0).unwrap().as_deref(), Some("root"));
        assert_eq!(group_id("root").unwrap(), Some(0));
    }

    #[test]
    fn what_does_not_exist_is_none_and_no_error() {
        for name in ["", "no\0body", "there-is-nobody-of-this-name", &"x".repeat(5000)] {
            assert!(look_up(name).unwrap().is_none(), "{name:?}");
            assert!(group_id(name).unwrap().is_none(), "{name:?}");
            assert!(shadow_entry(name).unwrap().is_none(), "{name:?}");
        }
        assert!(look_up_uid(4_000_000_001).unwrap().is_none());
        assert!(group_name(4_000_000_001).unwrap().is_none());
    }

    #[test]
    fn an_ordinary_account_is_not_in_group_zero() {
        let Some(daemon) = look_up("daemon").unwrap() else { return };
        let groups = groups_of(&daemon).unwrap();
        assert!(groups.contains(&daemon.gid));
        assert!(!groups.contains(&0), "RUSTSEC-2025-0040: {groups:?}");
    }

    #[test]
    fn the_current_account_is_that_of_the_real_user_id() {
        assert_eq!(current().unwrap().uid, getuid().as_raw());
    }

    #[test]
    fn root_reads_shadow_entries() {
        if !is_root() {
            return;
        }
        let entry = shadow_entry("root").unwrap().unwrap();
        assert!(entry.last_change.is_some());
        assert_eq!(entry.expires, None);
    }
}
