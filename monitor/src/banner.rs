//! Banner: a file whose text is sent before login.

use std::fs::File;
use std::io::Read;

use crate::candidate::Candidate;

/// Most of it that is sent, in bytes.
const LONGEST: u64 = 64 * 1024;

/// The text for this candidate. A file that cannot be read is no reason to keep anybody out.
pub(crate) fn banner(candidate: &Candidate) -> Option<String> {
    let path = candidate.effective.banner.as_ref()?;
    let mut text = Vec::new();
    File::open(path).ok()?.take(LONGEST).read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}
