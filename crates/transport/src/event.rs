//! What a transport tells its owner.

/// Something that the owner has to know or do. Everything else the transport does by itself.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The peer's identification has arrived (RFC 4253 section 4.2), without CR LF; bytes that are not UTF-8 are
    /// replaced.
    PeerIdentified {
        /// e.g. `SSH-2.0-OpenSSH_9.2p1`
        version: &'a str,
    },
    /// A client of a group exchange (RFC 4419) wants a group; nothing goes on before [`crate::Transport::group`]. All
    /// sizes are those of the prime in bits, with minimum ≤ wanted ≤ maximum.
    ChooseGroup {
        /// No prime may be smaller.
        minimum: u32,
        /// What the client would like best.
        wanted: u32,
        /// No prime may be larger.
        maximum: u32,
    },
    /// The host key must sign; nothing goes on before [`crate::Transport::signature`].
    SignExchangeHash {
        /// [`crate::HostKey::index`]
        host_key: u32,
        /// The signature algorithm that was negotiated.
        algorithm: &'a str,
        /// H of RFC 4253 section 8: the message to be signed.
        exchange_hash: &'a [u8],
    },
    /// Both directions use the keys of a finished key exchange.
    NewKeys {
        /// Whether it was the connection's first.
        first: bool,
    },
    /// A message for the layers above: its payload, never empty, the first byte is the message's number.
    /// Valid until the next call; a message that nobody knows is answered with [`crate::Transport::unimplemented`].
    Packet(&'a [u8]),
    /// SSH_MSG_DISCONNECT (RFC 4253 section 11.1). Nothing follows.
    Disconnected {
        /// The reason code.
        reason: u32,
        /// The peer's words, unescaped; bytes that are not UTF-8 are replaced.
        text: &'a str,
    },
    /// SSH_MSG_DEBUG (RFC 4253 section 11.3).
    Debug {
        /// The peer's words, unescaped; bytes that are not UTF-8 are replaced.
        text: &'a str,
    },
}
