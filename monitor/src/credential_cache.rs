//! Kerberos tickets that a client has forwarded, in a file of the user's for the time of the session.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use gssapi::Delegated;
use sys::identity::Identity;

/// How many letters a name ends with.
const LETTERS: usize = 15;

/// How often another name is tried.
const MOST_TRIES: usize = 16;

/// The file while its session lasts.
pub(crate) struct CredentialCache {
    path: String,
    identity: Identity,
    /// GSSAPICleanupCredentials
    cleans_up: bool,
}

impl CredentialCache {
    /// Writes the tickets with the user's own rights: `/tmp` is everybody's.
    pub(crate) fn write(identity: &Identity, delegated: &Delegated, cleans_up: bool) -> io::Result<Self> {
        let beginning = format!("/tmp/krb5cc_{}_", identity.uid);
        sys::identity::as_user(identity, || {
            let (path, _) = new_file(&beginning)?;
            let cache = Self { path, identity: identity.clone(), cleans_up };
            delegated.store_into(&cache.variable()).map_err(|error| {
                let _ = std::fs::remove_file(&cache.path);
                io::Error::other(error)
            })?;
            Ok(cache)
        })?
    }

    /// KRB5CCNAME
    pub(crate) fn variable(&self) -> String {
        format!("FILE:{}", self.path)
    }

    /// The session is over. The name may belong to something else by now, so the user's own rights must do.
    pub(crate) fn remove(self) {
        if self.cleans_up {
            let _ = sys::identity::as_user(&self.identity, || std::fs::remove_file(&self.path));
        }
    }
}

/// A file of a new name in a directory that is everybody's, for its owner alone. To be called with the owner's rights.
fn new_file(beginning: &str) -> io::Result<(String, File)> {
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for _ in 0..MOST_TRIES {
        let path = format!("{beginning}{}", letters()?);
        // An existing name, a symbolic link for one, is never opened.
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

fn letters() -> io::Result<String> {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyzABCDEF";
    let mut random = [0; LETTERS];
    sys::random::random_bytes(&mut random)?;
    let letter = |byte: &u8| ALPHABET.get(usize::from(byte % 32)).copied().map(char::from);
    Ok(random.iter().filter_map(letter).collect())
}
