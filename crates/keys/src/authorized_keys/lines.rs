//! From the bytes of a file to its lines.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use super::options::{end_of_options, skip_blanks};
use super::{OptionError, Options};
use crate::{KeyError, KeyType, PublicKey};

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
    /// What stands behind the key. For people: bytes that are no UTF-8 are replaced.
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
    /// In a list of principals: not one name, with or without options in front.
    #[error("not one principal")]
    NotOnePrincipal,
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

/// Reads the lines of a file. Each comes with its number, from 1.
#[must_use]
pub fn lines(text: &[u8]) -> Lines<'_> {
    Lines { rest: text, number: 0 }
}

impl Iterator for Lines<'_> {
    type Item = (u32, Result<Line, Unusable>);

    fn next(&mut self) -> Option<Self::Item> {
        let (number, line) = self.next_with_content()?;
        Some((number, line.and_then(|line| parse(number, line))))
    }
}

impl<'a> Lines<'a> {
    /// The next line that is no comment and not empty, without blanks in front.
    pub(super) fn next_with_content(&mut self) -> Option<(u32, Result<&'a [u8], Unusable>)> {
        loop {
            let line = self.take_line()?;
            if line.len() > LONGEST_LINE {
                return Some((self.number, Err(Unusable::TooLong)));
            }
            let line = skip_blanks(line);
            if !matches!(line, [] | [b'#', ..]) {
                return Some((self.number, Ok(line)));
            }
        }
    }

    /// The next line without its end, which may be `\r\n`.
    fn take_line(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let mut halves = self.rest.splitn(2, |byte| *byte == b'\n');
        let line = halves.next()?;
        self.rest = halves.next().unwrap_or_default();
        self.number = self.number.saturating_add(1);
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

fn parse(number: u32, line: &[u8]) -> Result<Line, Unusable> {
    let (options, from_key) = match key_type_in_front(line) {
        Some(_) => (&[][..], line),
        None => {
            let end = end_of_options(line).ok_or(OptionError::Malformed("missing end quote"));
            line.split_at_checked(end.map_err(Unusable::BadOptions)?).ok_or(Unusable::NoKey)?
        }
    };
    let (key, comment) = parse_key(skip_blanks(from_key))?;
    let options = parse_options(options)?;
    let comment = String::from_utf8_lossy(comment.trim_ascii()).into_owned();
    Ok(Line { number, options, key, comment })
}

pub(super) fn parse_options(field: &[u8]) -> Result<Options, Unusable> {
    std::str::from_utf8(field)
        .map_err(|_| OptionError::Malformed("options are not UTF-8"))
        .and_then(Options::parse)
        .map_err(Unusable::BadOptions)
}

/// The name that a line's first word must be for it to start with a key rather than with options.
fn key_type_in_front(line: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(first_word(line).0).ok()?;
    (KeyType::from_name(name).is_some() || name.ends_with("-cert-v01@openssh.com")).then_some(name)
}

/// The key of a line that begins with one, as in `known_hosts` behind the names.
pub(crate) fn key_of_line(text: &[u8]) -> Result<PublicKey, KeyError> {
    match parse_key(text) {
        Ok((key, _comment)) => Ok(key),
        Err(Unusable::BadKey(error)) => Err(error),
        Err(_) => Err(KeyError::UnknownType),
    }
}

fn parse_key(text: &[u8]) -> Result<(PublicKey, &[u8]), Unusable> {
    let name = key_type_in_front(text).ok_or(Unusable::NoKey)?;
    let (base64, comment) = first_word(skip_blanks(first_word(text).1));
    let blob = STANDARD.decode(base64).map_err(|_| Unusable::BadKey(KeyError::BadKey("broken base64")))?;
    let key = PublicKey::parse(&blob).map_err(Unusable::BadKey)?;
    if key.key_type().name() != name {
        return Err(Unusable::BadKey(KeyError::BadKey("key is of another type than its line says")));
    }
    Ok((key, comment))
}

/// A word up to a blank, and what follows.
fn first_word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, &[]))
}
