//! ExposeAuthInfo: a file in which commands find out how their user has logged in.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

use sys::identity::Identity;

/// How names begin; as many letters follow as there are in theirs.
const BEGINNING: &str = "/tmp/sshauth.";
const LETTERS: usize = 15;

/// How often another name is tried.
const MOST_TRIES: usize = 16;

/// The file while its session lasts. It belongs to the user, and nobody else can read it.
pub(crate) struct AuthInfoFile {
    path: String,
    identity: Identity,
}

impl AuthInfoFile {
    /// Writes one line for each method that has succeeded, with the user's own rights: `/tmp` is everybody's.
    pub(crate) fn write(identity: &Identity, lines: &str) -> io::Result<Self> {
        sys::identity::as_user(identity, || {
            let (path, mut file) = new_file(BEGINNING)?;
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

/// A file of a new name in a directory that is everybody's, for its owner alone. To be called with the owner's rights.
pub(crate) fn new_file(beginning: &str) -> io::Result<(String, File)> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn the_file_is_its_user_s_alone_and_goes_with_the_session() {
        let own = sys::identity::current().unwrap();
        let identity = Identity { uid: own.uid, gid: own.gid, groups: vec![own.gid] };
        let file = AuthInfoFile::write(&identity, "password\n").unwrap();
        let facts = std::fs::symlink_metadata(file.path()).unwrap();
        assert_eq!((facts.mode() & 0o7777, facts.uid()), (0o600, own.uid));
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "password\n");
        let path = file.path().to_owned();
        file.remove();
        assert!(!std::path::Path::new(&path).exists());
    }
}
