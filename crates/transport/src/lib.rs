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
mod error;
mod event;
mod hand_over;
pub mod limits;
mod packet_writer;
mod settings;
mod transport;

pub use error::TransportError;
pub use event::Event;
pub use hand_over::HandOverState;
pub use packet_writer::PacketWriter;
pub use settings::{Compression, HostKey, ServerSettings};
pub use transport::{Negotiated, Transport};
