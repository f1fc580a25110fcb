//! What was used: bytes and time, for those who keep accounts.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a session or a forwarded channel has used by its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Bytes of data to the client, protocol and encryption not counted.
    pub sent: u64,
    /// Bytes of data from the client.
    pub received: u64,
    /// From opening to closing.
    pub milliseconds: u64,
}

impl fmt::Display for Usage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, received, milliseconds } = self;
        write!(formatter, "sent {sent}, received {received} bytes in {} s", in_seconds(*milliseconds))
    }
}

/// `12.345`
pub(crate) fn in_seconds(milliseconds: u64) -> String {
    format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}

/// A kind of forwarded channel, by the name that its channel has in SSH.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ForwardingKind {
    /// `ssh -L`, `-D`, `-W`, `-J`
    #[serde(rename = "direct-tcpip")]
    DirectTcpip,
    /// `ssh -R`
    #[serde(rename = "forwarded-tcpip")]
    ForwardedTcpip,
    /// `ssh -L` to a socket in the file system
    #[serde(rename = "direct-streamlocal@openssh.com")]
    DirectStreamlocal,
    /// `ssh -R` from a socket in the file system
    #[serde(rename = "forwarded-streamlocal@openssh.com")]
    ForwardedStreamlocal,
    /// `ssh -A`
    #[serde(rename = "auth-agent@openssh.com")]
    Agent,
    /// `ssh -X`
    #[serde(rename = "x11")]
    X11,
    /// `ssh -w`
    #[serde(rename = "tun@openssh.com")]
    Tunnel,
}

impl ForwardingKind {
    /// The channel type.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DirectTcpip => "direct-tcpip",
            Self::ForwardedTcpip => "forwarded-tcpip",
            Self::DirectStreamlocal => "direct-streamlocal@openssh.com",
            Self::ForwardedStreamlocal => "forwarded-streamlocal@openssh.com",
            Self::Agent => "auth-agent@openssh.com",
            Self::X11 => "x11",
            Self::Tunnel => "tun@openssh.com",
        }
    }
}

/// The text as one word: clients choose destinations, and filters that look for sentences anywhere in a line must not
/// find one of theirs in it.
pub(crate) fn one_word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:/[]@+,~".contains(&byte);
    let mut word = String::with_capacity(text.len());
    for byte in text.bytes() {
        if plain(byte) {
            word.push(char::from(byte));
        } else {
            word.push_str(&format!("%{byte:02x}"));
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_one_word_whatever_the_client_calls_it() {
        assert_eq!(one_word("db.example:5432"), "db.example:5432");
        assert_eq!(one_word("[::1]:22"), "[::1]:22");
        assert_eq!(one_word("Invalid user x\nfrom"), "Invalid%20user%20x%0afrom");
    }

    #[test]
    fn both_names_of_a_kind_agree() {
        use ForwardingKind::{
            Agent, DirectStreamlocal, DirectTcpip, ForwardedStreamlocal, ForwardedTcpip, Tunnel, X11,
        };
        for kind in [DirectTcpip, ForwardedTcpip, DirectStreamlocal, ForwardedStreamlocal, Agent, X11, Tunnel] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }

    #[test]
    fn usage_is_readable() {
        let usage = Usage { sent: 5, received: 7, milliseconds: 61_020 };
        assert_eq!(usage.to_string(), "sent 5, received 7 bytes in 61.020 s");
    }
}
