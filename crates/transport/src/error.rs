//! Why a connection cannot go on.

use thiserror::Error;
use wire::{WireError, msg};

/// Why a connection cannot go on. Every error is final: the same one is returned again afterwards.
/// Texts name the culprit and the fact; bytes of the peer inside them are escaped.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TransportError {
    /// The first line is not `SSH-`*protoversion*`-`*softwareversion* (RFC 4253 section 4.2; no lines may come before
    /// it from a client). Holds at most 256 bytes of the line, unescaped.
    #[error("client sent invalid protocol identifier \"{}\"", .line.escape_ascii())]
    BadIdentification {
        /// The line, cut off, without CR LF.
        line: Vec<u8>,
    },
    /// A NUL, or a CR that is not before LF, inside the identification.
    #[error("banner line contains invalid characters")]
    IdentificationHasInvalidCharacters,
    /// No end of line within [`crate::limits::LONGEST_IDENTIFICATION`] bytes.
    #[error("banner line too long")]
    IdentificationTooLong,
    /// The peer does not speak version 2.0 (or 1.99).
    #[error("Protocol major versions differ: 2 vs. {theirs}")]
    ProtocolVersionDiffers {
        /// The peer's major version.
        theirs: u32,
    },
    /// packet_length is out of bounds.
    #[error("Bad packet length {length}.")]
    BadPacketLength {
        /// As received (after decryption).
        length: u32,
    },
    /// packet_length does not fill whole blocks.
    #[error("padding error: need {length} block {block} mod {}", .length.checked_rem(*.block).unwrap_or(0))]
    UnevenPacketLength {
        /// The bytes that had to be a multiple of `block`.
        length: usize,
        /// The cipher's block size, in bytes.
        block: usize,
    },
    /// padding_length is below 4 or leaves no payload.
    #[error("Corrupted padlen {padding} on input.")]
    BadPadding {
        /// As received.
        padding: u8,
    },
    /// The MAC or the AEAD's tag is wrong. All ciphers end here and nowhere else, after the whole packet has arrived.
    #[error("message authentication code incorrect")]
    MacIncorrect,
    /// No algorithm in common.
    #[error("no matching {what} found. Their offer: {theirs}")]
    NoMatch {
        /// `key exchange method`, `host key type`, `cipher`, `MAC` or `compression method`
        what: &'static str,
        /// The peer's list: printable US-ASCII.
        theirs: String,
    },
    /// Strict key exchange (`kex-strict-c-v00@openssh.com`, against CVE-2023-48795): something came before KEXINIT.
    #[error("strict KEX violation: KEXINIT was not the first packet")]
    StrictKexinitNotFirst,
    /// Strict key exchange: something else than the key exchange came during the first one.
    #[error("strict KEX violation: unexpected packet type {number} (seqnr {sequence})")]
    StrictKexViolation {
        /// The message's number.
        number: u8,
        /// Its sequence number.
        sequence: u32,
    },
    /// A message that may not come now.
    #[error("unexpected message {number} {when}")]
    UnexpectedMessage {
        /// The message's number.
        number: u8,
        /// In which state it came.
        when: &'static str,
    },
    /// A message of the transport layer is not what its RFC says.
    #[error("message {number}: {why}")]
    Malformed {
        /// The message's number.
        number: u8,
        /// What is wrong with it.
        why: WireError,
    },
    /// The peer's public value of a key exchange is not acceptable.
    #[error("{method}: invalid public value")]
    BadPublicValue {
        /// The key exchange method.
        method: &'static str,
    },
    /// The sizes of a group exchange contradict each other, or none of them is served (RFC 4419 section 3).
    #[error("DH GEX group out of range")]
    GroupSizesOutOfRange,
    /// KEXINIT is longer than [`crate::limits::LARGEST_KEXINIT`].
    #[error("KEXINIT of {length} bytes is too long")]
    KexinitTooLong {
        /// In bytes.
        length: usize,
    },
    /// As many packets as sequence numbers went in one direction without new keys.
    #[error("sequence number wrapped without new keys")]
    SequenceNumberWrapped,
    /// The peer kept asking while a key exchange kept us from answering ([`crate::limits::MOST_HELD_BACK`]).
    #[error("too many answers held back during a key exchange")]
    TooMuchHeldBack,
    /// A compressed packet is broken or grows beyond the largest packet.
    #[error("compressed packet is invalid: {why}")]
    BadCompression {
        /// What is wrong with it.
        why: &'static str,
    },
    /// A signature was given that nobody asked for: the owner's mistake.
    #[error("no signature is wanted now")]
    SignatureNotWanted,
    /// A group was given that nobody asked for: the owner's mistake.
    #[error("no group is wanted now")]
    GroupNotWanted,
    /// The cryptographic library failed: never seen, and nothing can go on.
    #[error("{what} failed")]
    CryptoFailed {
        /// The operation.
        what: &'static str,
    },
    /// A handed-over state is not one that this build could have made.
    #[error("handed-over state is inconsistent: {what}")]
    BadHandOver {
        /// The part.
        what: &'static str,
    },
}

impl TransportError {
    /// The reason to say in SSH_MSG_DISCONNECT (RFC 4253 section 11.1); `None` where nothing can or should be said.
    #[must_use]
    pub fn disconnect_reason(&self) -> Option<u32> {
        match self {
            Self::BadPacketLength { .. }
            | Self::UnevenPacketLength { .. }
            | Self::BadPadding { .. }
            | Self::StrictKexinitNotFirst
            | Self::StrictKexViolation { .. }
            | Self::UnexpectedMessage { .. }
            | Self::Malformed { .. }
            | Self::TooMuchHeldBack
            | Self::BadCompression { .. } => Some(msg::SSH_DISCONNECT_PROTOCOL_ERROR),
            Self::BadPublicValue { .. }
            | Self::GroupSizesOutOfRange
            | Self::NoMatch { .. }
            | Self::KexinitTooLong { .. } => Some(msg::SSH_DISCONNECT_KEY_EXCHANGE_FAILED),
            Self::MacIncorrect => Some(msg::SSH_DISCONNECT_MAC_ERROR),
            Self::BadIdentification { .. }
            | Self::IdentificationHasInvalidCharacters
            | Self::IdentificationTooLong
            | Self::ProtocolVersionDiffers { .. }
            | Self::SequenceNumberWrapped
            | Self::SignatureNotWanted
            | Self::GroupNotWanted
            | Self::CryptoFailed { .. }
            | Self::BadHandOver { .. } => None,
        }
    }
}
