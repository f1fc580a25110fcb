//! Kerberos tickets that a client has forwarded, in a file of the user's for the time of the session.

use std::io;

use gssapi::Delegated;
use sys::identity::Identity;

use crate::auth_info_file::new_file;

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
