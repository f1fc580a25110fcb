//! What sending and receiving have in common: keys, where they stand, and a compression stream once it has begun.

use serde::{Deserialize, Serialize};

use crate::{
    TransportError,
    ciphers::{DirectionKeys, PacketCipher, Position},
};

/// One direction's protection; `Stream` is what compresses or decompresses it.
#[derive(Debug)]
pub(crate) struct Direction<Stream> {
    pub(crate) cipher: PacketCipher,
    pub(crate) position: Position,
    pub(crate) stream: Option<Stream>,
    /// The present keys, for a hand-over; `None` before the first key exchange.
    pub(crate) keys: Option<DirectionKeys>,
    /// Compression was agreed on.
    pub(crate) will_compress: bool,
}

/// A direction as a value.
#[derive(Serialize, Deserialize)]
pub(crate) struct HandedOver {
    position: Position,
    pub(crate) keys: Option<DirectionKeys>,
    will_compress: bool,
    /// A stream that has begun cannot be continued elsewhere.
    compresses: bool,
}

impl<Stream: Default> Direction<Stream> {
    /// As it is before the first key exchange.
    pub(crate) fn unprotected() -> Self {
        let position = Position::default();
        Self { cipher: PacketCipher::None, position, stream: None, keys: None, will_compress: false }
    }

    /// Takes new keys into use. Compression starts anew with them.
    pub(crate) fn switch_to(
        &mut self,
        keys: DirectionKeys,
        reset_sequence: bool,
        will_compress: bool,
    ) -> Result<(), TransportError> {
        let sequence = if reset_sequence { 0 } else { self.position.sequence };
        let position = Position { sequence, ..Position::default() };
        *self = Self { cipher: PacketCipher::new(&keys)?, position, stream: None, keys: Some(keys), will_compress };
        Ok(())
    }

    /// Somebody has logged in.
    pub(crate) fn begin_compression_if_agreed(&mut self) {
        if self.will_compress && self.stream.is_none() {
            self.stream = Some(Stream::default());
        }
    }

    pub(crate) fn into_hand_over(self) -> HandedOver {
        HandedOver {
            position: self.position,
            keys: self.keys.map(|keys| self.cipher.keys_to_go_on(keys)),
            will_compress: self.will_compress,
            compresses: self.stream.is_some(),
        }
    }

    pub(crate) fn resume(state: HandedOver) -> Result<Self, TransportError> {
        if state.compresses {
            return Err(TransportError::BadHandOver { what: "compression has begun" });
        }
        let cipher = state.keys.as_ref().map_or(Ok(PacketCipher::None), PacketCipher::new)?;
        let HandedOver { position, keys, will_compress, .. } = state;
        Ok(Self { cipher, position, stream: None, keys, will_compress })
    }
}
