//! Capabilities, the dumpable flag, `no_new_privs`; each read back.

use caps::{CapSet, Capability, CapsHashSet, errors::CapsError};
use nix::sys::prctl;

use crate::FileAccess;

/// Empties the bounding set. Before the change of identity: it takes CAP_SETPCAP, which root's effective set still has.
///
/// An unprivileged process has no say in its bounding set, and no use for it: it never executes anything.
///
/// # Errors
/// When a capability stays.
pub fn empty_bounding_set() -> Result<(), CapsError> {
    if !caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP)? {
        return Ok(());
    }
    caps::all().into_iter().try_for_each(|capability| {
        let dropped = caps::drop(None, CapSet::Bounding, capability);
        // Reading each back would double the calls of every login, and the kernel says when it does not drop one.
        dropped.or_else(|error| if is_unknown_to_the_kernel(capability) { Ok(()) } else { Err(error) })
    })
}

/// Older kernels have fewer capabilities than we know of.
fn is_unknown_to_the_kernel(capability: Capability) -> bool {
    caps::has_cap(None, CapSet::Bounding, capability).is_err()
}

/// Gives up all capabilities but those of `files`, if the user is root; and every way to gain any.
///
/// # Errors
/// When something did not take.
pub fn give_up(files: FileAccess, is_root: bool) -> Result<(), CapsError> {
    give_up_all_but(&if is_root { of_root(files) } else { CapsHashSet::new() })
}

/// The same for a process that opens sockets: root's may have any port, and reach sockets that others have made.
///
/// # Errors
/// When something did not take.
pub fn give_up_but_sockets(is_root: bool) -> Result<(), CapsError> {
    let of_root = CapsHashSet::from([
        Capability::CAP_DAC_OVERRIDE,
        Capability::CAP_DAC_READ_SEARCH,
        Capability::CAP_FOWNER,
        Capability::CAP_NET_BIND_SERVICE,
    ]);
    give_up_all_but(&if is_root { of_root } else { CapsHashSet::new() })
}

fn give_up_all_but(kept: &CapsHashSet) -> Result<(), CapsError> {
    caps::clear(None, CapSet::Ambient)?;
    caps::set(None, CapSet::Effective, kept)?;
    caps::set(None, CapSet::Permitted, kept)?;
    caps::clear(None, CapSet::Inheritable)?;
    // The ambient set is always part of the inheritable one (capabilities(7)), and dear to read.
    for (set, expected) in
        [(CapSet::Inheritable, &CapsHashSet::new()), (CapSet::Permitted, kept), (CapSet::Effective, kept)]
    {
        expect(set, expected)?;
    }
    let flags = prctl::set_dumpable(false).and_then(|()| prctl::set_no_new_privs());
    flags.map_err(|errno| CapsError::from(format!("prctl: {errno}")))?;
    match (prctl::get_dumpable(), prctl::get_no_new_privs()) {
        (Ok(false), Ok(true)) => Ok(()),
        _ => Err(CapsError::from("dumpable or able to gain privileges".to_owned())),
    }
}

/// What makes root's SFTP root's: without these root is an ordinary user who happens to own /etc.
fn of_root(files: FileAccess) -> CapsHashSet {
    match files {
        FileAccess::None => CapsHashSet::new(),
        FileAccess::ReadOnly => CapsHashSet::from([Capability::CAP_DAC_READ_SEARCH]),
        FileAccess::ReadWrite => CapsHashSet::from([
            Capability::CAP_CHOWN,
            Capability::CAP_DAC_OVERRIDE,
            Capability::CAP_DAC_READ_SEARCH,
            Capability::CAP_FOWNER,
            Capability::CAP_FSETID,
        ]),
    }
}

fn expect(set: CapSet, expected: &CapsHashSet) -> Result<(), CapsError> {
    let found = caps::read(None, set)?;
    if found == *expected { Ok(()) } else { Err(CapsError::from(format!("{set:?} still holds {found:?}"))) }
}
