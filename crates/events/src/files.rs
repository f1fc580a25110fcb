//! What became of files that `internal-sftp` serves: for scripts that wait for uploads, and for those who must be able
//! to tell later. The log has theirs' lines about the same besides.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use crate::accounting::in_seconds;
use crate::{ConnectionFacts, Level, Loggable};

/// Longest path in bytes that is taken from a session process: the system knows no longer ones.
pub const LONGEST_PATH: usize = 4096;

/// Something that has happened to a file. Paths are absolute, as the client sees them: seen from inside of its root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A file that was opened for writing has been closed, by the client or by the end of its connection.
    Uploaded {
        /// Its path.
        path: ClientPath,
        /// Bytes that it has now; nothing if it cannot be told, or if the file is gone.
        size: Option<u64>,
        /// Bytes that were written to it while it was open.
        written: u64,
        /// From opening to closing.
        milliseconds: u64,
        /// SHA-256 of the content, hexadecimal, with `SftpUploadSha256`: only of files that were written from beginning
        /// to end in order. Nothing else is read again for it.
        sha256: Option<String>,
        /// Whether the client closed it, everything was written that it wanted to write, and the file has its name. If
        /// not, the content is not whole: the connection ended before, a disk was full.
        complete: bool,
        /// Whether nothing of it was kept (`SftpAtomicUploads`).
        discarded: bool,
    },
    /// A file or directory has another name now.
    Renamed {
        /// The one before.
        old: ClientPath,
        /// The one now.
        new: ClientPath,
    },
    /// A file has been removed.
    Removed {
        /// Its path.
        path: ClientPath,
    },
}

/// An event with what the monitor knows of the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The directory that is the root to the client (ChrootDirectory, `SftpJail`): the event's paths start there.
    pub root: String,
    /// What has happened.
    pub event: Event,
}

/// For JSON: the event with `root` among its fields.
impl Serialize for Recorded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut event = serde_json::to_value(&self.event).map_err(serde::ser::Error::custom)?;
        for fields in event.as_object_mut().into_iter().flat_map(|variant| variant.values_mut()) {
            if let Some(fields) = fields.as_object_mut() {
                fields.insert("root".to_owned(), self.root.clone().into());
            }
        }
        event.serialize(serializer)
    }
}

/// A path that a client chose. In JSON it is a string; one that is no UTF-8 is an object whose `hex` has its bytes.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct ClientPath(pub Vec<u8>);

impl Serialize for ClientPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return self.0.serialize(serializer);
        }
        match std::str::from_utf8(&self.0) {
            Ok(path) => serializer.serialize_str(path),
            Err(_) => serializer.collect_map([("hex", hex(&self.0))]),
        }
    }
}

impl fmt::Display for ClientPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}\"", String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for ClientPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Event {
    /// Whether it is one that an honest session process could have sent.
    #[must_use]
    pub fn is_plausible(&self) -> bool {
        let short = |path: &ClientPath| path.0.len() <= LONGEST_PATH;
        match self {
            Self::Uploaded { path, sha256, .. } => {
                let is_sum = |sum: &String| sum.len() == 64 && sum.bytes().all(|digit| digit.is_ascii_hexdigit());
                short(path) && sha256.as_ref().is_none_or(is_sum)
            }
            Self::Renamed { old, new } => short(old) && short(new),
            Self::Removed { path } => short(path),
        }
    }
}

impl Loggable for Recorded {
    const SOURCE: &'static str = "files";

    fn level(&self) -> Level {
        Level::Verbose
    }

    fn text(&self, facts: &ConnectionFacts) -> String {
        let of = facts.peer_with_user();
        match &self.event {
            Event::Uploaded { path, written, milliseconds, complete, discarded, .. } => {
                let end = match (complete, discarded) {
                    (_, true) => ", discarded",
                    (false, _) => ", incomplete",
                    (true, false) => "",
                };
                format!("Upload ended: {path} by {of}: {written} bytes in {} s{end}", in_seconds(*milliseconds))
            }
            Event::Renamed { old, new } => format!("File renamed: {old} to {new} by {of}"),
            Event::Removed { path } => format!("File removed: {path} by {of}"),
        }
    }
}

/// Two digits a byte.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_text_where_they_can_be() {
        let json = |path: &[u8]| serde_json::to_string(&ClientPath(path.to_vec())).unwrap();
        assert_eq!(json("/in/ä \"x\"\n".as_bytes()), r#""/in/ä \"x\"\n""#);
        assert_eq!(json(b"/in/\xff"), r#"{"hex":"2f696e2fff"}"#);
    }

    #[test]
    fn what_is_too_long_or_no_sum_is_no_event() {
        let removed = |length| Event::Removed { path: ClientPath(vec![b'x'; length]) };
        assert!(removed(LONGEST_PATH).is_plausible());
        assert!(!removed(LONGEST_PATH + 1).is_plausible());
        let summed = |sum: &str| Event::Uploaded {
            path: ClientPath(b"/x".to_vec()),
            size: None,
            written: 0,
            milliseconds: 0,
            sha256: Some(sum.to_owned()),
            complete: true,
            discarded: false,
        };
        assert!(summed(&"0f".repeat(32)).is_plausible());
        assert!(!summed(&"x".repeat(64)).is_plausible() && !summed("0f").is_plausible());
    }
}
