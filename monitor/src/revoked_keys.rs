//! RevokedKeys: the administrator's files, read with root's rights each time a key is offered, so that a key that was
//! lost a moment ago is out.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};

use keys::Credential;
use nix::fcntl::OFlag;
use policy::Verdict;
use settings::text::to_path;

use crate::candidate::Candidate;

/// Largest file that is read, in bytes, as theirs.
const LARGEST_FILE: u64 = 128 * 1024 * 1024;

/// Whether none of the files revokes the credential.
pub(crate) fn not_revoked(candidate: &Candidate, credential: &Credential) -> Verdict {
    let files = candidate.effective.revoked_keys.iter();
    let files = files.map(|file| (file.clone(), read(file).map_err(|error| error.to_string())));
    policy::not_revoked(&candidate.effective, credential, files)
}

/// An administrator's file of keys, whole.
///
/// # Errors
/// Besides those of the system: what is no regular file, or too large.
pub(crate) fn read(file: &str) -> io::Result<Vec<u8>> {
    // `/dev/null` is an empty list. A pipe without a writer would look like one.
    let opened = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(to_path(file))?;
    let facts = opened.metadata()?;
    if !facts.is_file() && !facts.file_type().is_char_device() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut content = Vec::new();
    opened.take(LARGEST_FILE.saturating_add(1)).read_to_end(&mut content)?;
    if content.len() as u64 > LARGEST_FILE {
        return Err(io::Error::other(format!("larger than {LARGEST_FILE} bytes")));
    }
    Ok(content)
}
