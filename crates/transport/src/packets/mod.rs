//! The binary packet protocol (RFC 4253 section 6), one file for each direction.

mod compression;
mod incoming;
mod outgoing;

pub(crate) use compression::{Deflater, Inflater};
pub(crate) use incoming::{Incoming, Opened};
pub(crate) use outgoing::{Outgoing, PACKET_HEADER};
