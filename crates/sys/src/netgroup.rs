//! Netgroups (netgroup(5)), as nsswitch.conf(5) names their source.

use std::ffi::{CString, c_char, c_int};
use std::ptr::null;

unsafe extern "C" {
    /// netdb.h; the libc crate does not have it.
    fn innetgr(netgroup: *const c_char, host: *const c_char, user: *const c_char, domain: *const c_char) -> c_int;
}

/// Whether `host` belongs to `netgroup`, whatever the user.
#[must_use]
pub fn has_host(netgroup: &str, host: &str) -> bool {
    has(netgroup, Some(host), None)
}

/// Whether `user` belongs to `netgroup`, whatever the host.
#[must_use]
pub fn has_user(netgroup: &str, user: &str) -> bool {
    has(netgroup, None, Some(user))
}

/// Names with a NUL are in no group.
fn has(netgroup: &str, host: Option<&str>, user: Option<&str>) -> bool {
    let text = |name: &str| CString::new(name);
    let (Ok(netgroup), Ok(host), Ok(user)) = (text(netgroup), host.map(text).transpose(), user.map(text).transpose())
    else {
        return false;
    };
    let pointer = |name: &Option<CString>| name.as_ref().map_or(null(), |name| name.as_ptr());
    // SAFETY: each pointer is null, which stands for anything, or leads to a string with a NUL at its end that outlives the
    // call; innetgr(3) keeps none of them.
    unsafe { innetgr(netgroup.as_ptr(), pointer(&host), pointer(&user), null()) == 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_in_a_group_that_does_not_exist() {
        assert!(!has_host("bulkhead-no-such-netgroup", "localhost"));
        assert!(!has_user("bulkhead-no-such-netgroup", "root"));
        assert!(!has_user("bulkhead\0", "root"));
    }
}
