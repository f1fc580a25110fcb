//! `~/.ssh/environment`: a file that its user can put anything in the place of.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::Mode;

use crate::authorized_keys::{WITHOUT_EFFECT, open_regular, regular};
use crate::decide::ProvenUser;
use crate::jail::PLACE;

/// Most of it that is read, in bytes.
const LONGEST: u64 = 1024 * 1024;

/// Reads it with the user's own rights and inside the login's root directory.
///
/// # Errors
/// When it is not there, cannot be read, or is no regular file of a sane size.
pub(crate) fn read(user: &ProvenUser, path: &str) -> io::Result<Vec<u8>> {
    // The administrator's directory, whose components the login's start has looked at. Its users need no right to reach
    // or list it from outside.
    let root = user.chroot().map(|root| open(root, PLACE, Mode::empty())).transpose()?;
    sys::identity::as_user(user.identity(), || {
        let (file, _) = match &root {
            Some(root) => open_in_root(root, path).and_then(regular)?,
            None => open_regular(Path::new(path))?,
        };
        let mut text = Vec::new();
        file.take(LONGEST).read_to_end(&mut text)?;
        Ok(text)
    })?
}

/// A file as the user will find it there: no link leads out.
fn open_in_root(root: &OwnedFd, path: &str) -> io::Result<File> {
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | WITHOUT_EFFECT;
    let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    Ok(openat2(root, path, OpenHow::new().flags(flags).resolve(resolve))?.into())
}
