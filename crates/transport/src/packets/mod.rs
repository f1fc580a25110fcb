//! The binary packet protocol (RFC 4253 section 6), one file for each direction and one for what they share.

mod compression;
mod direction;
mod incoming;
mod outgoing;

use compression::{Deflater, Inflater};
pub(crate) use direction::{Direction, HandedOver};
pub(crate) use incoming::{Incoming, Opened};
pub(crate) use outgoing::{Outgoing, PACKET_HEADER};
