//! A transport as a value that another process continues from, bit for bit.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Everything that the next process needs to continue the same encrypted connection: keys, sequence numbers, counters,
/// session id, both identifications, negotiated names, bytes read and not opened, bytes sealed and not written.
/// Wiped from memory when dropped.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct HandOverState {
    pub(crate) unread: Vec<u8>,
}

impl std::fmt::Debug for HandOverState {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("HandOverState(secret)")
    }
}
