//! `known_hosts`: which host has which key (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). Administrators and users write
//! these files; a line's names are looked at before its key is parsed, since most lines are about other hosts.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use crate::authorized_keys::{LONGEST_LINE, key_of_line};
use crate::{KeyError, PublicKey};

/// What stands in front of a hashed name.
const HASHED: &str = "|1|";

/// Bytes of an HMAC-SHA1, and of its salt.
const HASH_LENGTH: usize = 20;

/// One line that is neither empty nor a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownHost<'a> {
    /// What the line says about its key.
    pub marker: Marker,
    /// A list of patterns, or one hashed name.
    hosts: &'a str,
    key: &'a [u8],
}

/// The word in front of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// None: the key is the host's own.
    HostKey,
    /// `@cert-authority`: the key signs certificates of such hosts.
    CertAuthority,
    /// `@revoked`: the key must never be accepted.
    Revoked,
}

/// Which hosts a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hosts<'a> {
    /// Patterns with commas between them.
    Patterns(&'a str),
    /// One name, which can only be recognised ([`Self::is_hash_of`]).
    Hashed(&'a str),
}

/// Why a line cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UnusableHost {
    /// Longer than [`LONGEST_LINE`]: skipped whole, the rest of it is never read as a line.
    #[error("line is too long")]
    TooLong,
    /// A word with `@` in front that is not known, or two of them.
    #[error("invalid marker")]
    Marker,
    /// Names without a key.
    #[error("truncated line")]
    Truncated,
    /// Names that are no text.
    #[error("host names are not UTF-8")]
    NotText,
    /// The key is refused.
    #[error("bad key: {0}")]
    BadKey(KeyError),
}

/// The lines of a file with their numbers, from 1; comments and empty lines are passed over.
pub fn known_hosts(text: &[u8]) -> impl Iterator<Item = (u32, Result<KnownHost<'_>, UnusableHost>)> {
    let lines = (1_u32..).zip(text.split(|byte| *byte == b'\n'));
    lines.filter_map(|(number, line)| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > LONGEST_LINE {
            return Some((number, Err(UnusableHost::TooLong)));
        }
        let line = line.trim_ascii_start();
        (!matches!(line, [] | [b'#', ..])).then(|| (number, KnownHost::parse(line)))
    })
}

impl<'a> KnownHost<'a> {
    fn parse(line: &'a [u8]) -> Result<Self, UnusableHost> {
        let (marker, line) = match line {
            [b'@', ..] => {
                let (word, behind) = first_word(line);
                (Marker::from_word(word).ok_or(UnusableHost::Marker)?, behind)
            }
            _ => (Marker::HostKey, line),
        };
        let (hosts, key) = first_word(line);
        if hosts.starts_with(b"@") {
            return Err(UnusableHost::Marker);
        }
        if matches!(key, [] | [b'#', ..]) {
            return Err(UnusableHost::Truncated);
        }
        Ok(Self { marker, hosts: std::str::from_utf8(hosts).map_err(|_| UnusableHost::NotText)?, key })
    }

    /// Which hosts the line is about.
    #[must_use]
    pub fn hosts(&self) -> Hosts<'a> {
        if self.hosts.starts_with('|') { Hosts::Hashed(self.hosts) } else { Hosts::Patterns(self.hosts) }
    }

    /// The key.
    ///
    /// # Errors
    /// When it is none that can be used.
    pub fn key(&self) -> Result<PublicKey, UnusableHost> {
        key_of_line(self.key).map_err(UnusableHost::BadKey)
    }
}

impl Marker {
    fn from_word(word: &[u8]) -> Option<Self> {
        match word {
            b"@cert-authority" => Some(Self::CertAuthority),
            b"@revoked" => Some(Self::Revoked),
            _ => None,
        }
    }
}

impl Hosts<'_> {
    /// Whether this is the hash of `name`: `|1|SALT|HMAC-SHA1(SALT, NAME)`, both in base64. Patterns are no hashes.
    #[must_use]
    pub fn is_hash_of(&self, name: &str) -> bool {
        let Self::Hashed(hosts) = self else { return false };
        let halves = hosts.strip_prefix(HASHED).and_then(|rest| rest.split_once('|'));
        let Some((salt, hash)) = halves.and_then(|(salt, hash)| Some((decoded(salt)?, decoded(hash)?))) else {
            return false;
        };
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
        hmac::verify(&key, name.as_bytes(), &hash).is_ok()
    }
}

fn decoded(base64: &str) -> Option<Vec<u8>> {
    STANDARD.decode(base64).ok().filter(|bytes| bytes.len() == HASH_LENGTH)
}

/// A word up to a blank, and what follows behind blanks.
fn first_word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(text.len());
    let (word, behind) = text.split_at_checked(end).unwrap_or((text, &[]));
    (word, behind.trim_ascii_start())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKGt6nbcOCFFtLBEr+nZ26v+lGyLKhkUVkq2cfsNfdXu";

    fn one(line: &str) -> Result<(Marker, bool), UnusableHost> {
        let (number, parsed) = known_hosts(line.as_bytes()).next().unwrap();
        assert_eq!(number, 1);
        parsed.map(|host| (host.marker, host.key().is_ok()))
    }

    #[test]
    fn lines_have_a_marker_names_and_a_key() {
        assert_eq!(one(&format!("a,b {KEY} comment")), Ok((Marker::HostKey, true)));
        assert_eq!(one(&format!("  @revoked \t * {KEY}\r\n")), Ok((Marker::Revoked, true)));
        assert_eq!(one(&format!("@cert-authority *.example.org\t{KEY}")), Ok((Marker::CertAuthority, true)));
        assert_eq!(one("a ssh-ed25519 AAAA"), Ok((Marker::HostKey, false)));
    }

    #[test]
    fn what_cannot_be_understood_is_no_line() {
        for (line, why) in [
            (format!("@owner a {KEY}"), UnusableHost::Marker),
            (format!("@revoked @cert-authority a {KEY}"), UnusableHost::Marker),
            (format!("@revokeda {KEY}"), UnusableHost::Marker),
            ("a".to_owned(), UnusableHost::Truncated),
            ("a # comment".to_owned(), UnusableHost::Truncated),
            ("@revoked".to_owned(), UnusableHost::Truncated),
            (format!("{} {KEY}", "a".repeat(LONGEST_LINE)), UnusableHost::TooLong),
        ] {
            assert_eq!(one(&line), Err(why), "{line}");
        }
    }

    #[test]
    fn comments_and_empty_lines_are_passed_over() {
        let text = format!("# one\n\n   # three\na {KEY}\n");
        let numbers: Vec<u32> = known_hosts(text.as_bytes()).map(|(number, _)| number).collect();
        assert_eq!(numbers, [4]);
    }

    /// `ssh-keygen -H` made these.
    #[test]
    fn hashed_names_are_recognised() {
        let hashed = Hosts::Hashed("|1|OlRQCP+ilMA2U/e+su0LKOJjysg=|wrWRoyEdDiYqCubcujKRkUcSI6M=");
        for name in ["pc.example.org", "pc.example.orh", ""] {
            assert_eq!(hashed.is_hash_of(name), name == "pc.example.org", "{name}");
        }
        for broken in ["|1|", "|1|AAAA|AAAA", "|2|OlRQCP+ilMA2U/e+su0LKOJjysg=|wrWRoyEdDiYqCubcujKRkUcSI6M=", "|", "*"]
        {
            assert!(!Hosts::Hashed(broken).is_hash_of("pc.example.org"), "{broken}");
        }
        assert!(!Hosts::Patterns("pc.example.org").is_hash_of("pc.example.org"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(text: Vec<u8>) {
            for (_, line) in known_hosts(&text) {
                if let Ok(host) = line {
                    let _ = (host.key(), host.hosts().is_hash_of("name"));
                }
            }
        }
    }
}
