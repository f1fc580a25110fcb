//! What reading a configuration has to say, and the exit status that goes with it.

use settings::text::to_bytes;

/// How bad a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Something that has no effect any more.
    Notice,
    /// Something that keeps the configuration from being used.
    Error,
}

/// One line for standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// How bad it is.
    pub severity: Severity,
    /// The text, with its place.
    pub text: String,
}

impl Message {
    /// The text for a terminal or a log: control and non-ASCII bytes as octal escapes.
    pub fn escaped(&self) -> String {
        let mut escaped = String::with_capacity(self.text.len());
        for &byte in to_bytes(&self.text).iter() {
            match byte {
                b' '..=b'~' | b'\t' => escaped.push(char::from(byte)),
                _ => escaped.push_str(&format!("\\{byte:03o}")),
            }
        }
        escaped
    }
}

/// A configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.summary())]
pub struct LoadFailure {
    /// Everything there is to say, in reading order.
    pub messages: Vec<Message>,
    /// The exit status of theirs: 255 for errors in files, 1 for files that cannot be opened and for counted errors
    /// in `-o` lines.
    pub status: u8,
}

impl LoadFailure {
    fn summary(&self) -> &str {
        self.messages.iter().find(|message| message.severity == Severity::Error).map_or("?", |first| &first.text)
    }
}
