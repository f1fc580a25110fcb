//! SSH's transport layer, the server's side (RFC 4253): bytes in, events and bytes out.
//!
//! A [`Transport`] never reads, writes, waits or looks at a clock. It exchanges identifications and keys, opens and
//! seals packets in place in its two buffers, and tells its owner what concerns the layers above. Host keys sign
//! elsewhere ([`Event::SignExchangeHash`]). The whole state can move to another process ([`HandOverState`]).
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

mod buffer;
mod ciphers;
mod details;
mod error;
mod event;
mod hand_over;
mod kex;
mod key_exchange;
pub mod limits;
mod macs;
mod moving_bytes;
mod negotiate;
mod packet_writer;
mod packets;
mod receiving;
mod rekey;
mod secret;
mod sending;
mod settings;
#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;
mod transport;
mod versions;

pub use details::Detail;
pub use error::TransportError;
pub use event::Event;
pub use hand_over::HandOverState;
pub use kex::ModpGroup;
pub use negotiate::Negotiated;
pub use packet_writer::PacketWriter;
pub use settings::{Compression, HostKey, ServerSettings};
pub use transport::{Transferred, Transport};

/// Makes the cryptographic library gather its first random bytes and look at the machine: afterwards it needs no more
/// than getrandom(2), memory and futexes. To be called before the process locks itself down.
pub fn prepare_cryptography() {
    let mut byte = [0];
    // If there are no random bytes now, the first key exchange fails and says so.
    let _ = aws_lc_rs::rand::fill(&mut byte);
}
