//! ExposeAuthInfo: a file in which commands find out how their user has logged in.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

use events::ConnectionId;
use ipc::start::auth_info_path;
use sys::identity::Identity;

/// The file while its session lasts. It belongs to the user, and nobody else can read it.
pub(crate) struct AuthInfoFile {
    path: String,
    identity: Identity,
}

impl AuthInfoFile {
    /// Writes one line for each method that has succeeded, with the user's own rights: `/tmp` is everybody's. A file that is
    /// there already, a symbolic link for one, is never opened.
    pub(crate) fn write(identity: &Identity, id: ConnectionId, lines: &str) -> io::Result<Self> {
        sys::identity::as_user(identity, || {
            let path = auth_info_path(id);
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            let written = Self { path, identity: identity.clone() };
            if let Err(error) = file.write_all(lines.as_bytes()) {
                written.remove();
                return Err(error);
            }
            Ok(written)
        })?
    }

    /// SSH_USER_AUTH
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The session is over. The name may belong to something else by now, so the user's own rights must do.
    pub(crate) fn remove(self) {
        let _ = sys::identity::as_user(&self.identity, || std::fs::remove_file(&self.path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn the_file_is_its_user_s_alone_and_goes_with_the_session() {
        let (own, id) = (sys::identity::current().unwrap(), ConnectionId::draw().unwrap());
        let identity = Identity { uid: own.uid, gid: own.gid, groups: vec![own.gid] };
        let file = AuthInfoFile::write(&identity, id, "password\n").unwrap();
        let facts = std::fs::symlink_metadata(file.path()).unwrap();
        assert_eq!((facts.mode() & 0o7777, facts.uid()), (0o600, own.uid));
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "password\n");
        assert!(AuthInfoFile::write(&identity, id, "").is_err(), "something has the name");
        let path = file.path().to_owned();
        file.remove();
        assert!(!std::path::Path::new(&path).exists());
    }
}
