//! Packets from the peer, opened where they were read to.

use super::{Inflater, direction::Direction};
use crate::{
    TransportError,
    buffer::Buffer,
    ciphers::{LENGTH_FIELD, LONGEST_TAG},
    limits::{PACKETS_UNDER_ONE_KEY, SMALLEST_PACKET, SMALLEST_PADDING},
};

/// The receiving direction.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) direction: Direction<Inflater>,
    /// Bytes of the next packet from length field to tag, once that is known.
    next_packet: Option<usize>,
    /// A packet was refused; so many bytes are still read, for nothing, before anybody is told.
    discarding: Option<usize>,
}

/// A packet that has been opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opened {
    /// The message's number: the payload's first byte.
    pub(crate) number: u8,
    pub(crate) sequence: u32,
    pub(crate) payload: PayloadPlace,
}

/// Where a payload lies.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PayloadPlace {
    Input { from: usize, length: usize },
    Inflated,
}

impl Incoming {
    /// `direction` before its next packet.
    pub(crate) fn new(direction: Direction<Inflater>) -> Self {
        Self { direction, next_packet: None, discarding: None }
    }

    /// How many bytes are missing from the next packet, as far as that is known; 0 if it can be opened or refused.
    pub(crate) fn missing(&self, input: &Buffer, largest: usize) -> usize {
        if self.discarding.is_some() {
            return usize::from(input.len() == 0);
        }
        let wanted = match self.total_length(input, largest) {
            Ok(total) => total.unwrap_or_else(|| self.direction.cipher.bytes_to_tell_length()),
            Err(_) => 0,
        };
        wanted.saturating_sub(input.len())
    }

    /// The payload of the packet opened last.
    pub(crate) fn payload<'a>(&'a self, input: &'a Buffer, opened: &Opened) -> &'a [u8] {
        match (opened.payload, &self.direction.stream) {
            (PayloadPlace::Input { from, length }, _) => input.taken(from, length),
            (PayloadPlace::Inflated, Some(inflater)) => inflater.payload(),
            (PayloadPlace::Inflated, None) => &[],
        }
    }

    /// Opens the next packet if all of it is there. `largest` bounds packet_length, and what a packet inflates to.
    pub(crate) fn open(&mut self, input: &mut Buffer, largest: usize) -> Result<Option<Opened>, TransportError> {
        if self.discarding.is_some() {
            return self.discard(input);
        }
        let before = input.len();
        match self.open_next(input, largest) {
            Err(error) if is_before_authentication(&error) && self.direction.cipher.tells_by_refusing() => {
                let taken = before.saturating_sub(input.len());
                self.begin_to_discard(taken, largest);
                self.discard(input)
            }
            outcome => outcome,
        }
    }

    /// Whatever is wrong with a packet, the connection ends after the same number of bytes from its beginning, after a
    /// MAC over as many, with the same error.
    fn begin_to_discard(&mut self, taken: usize, largest: usize) {
        let length_of_any_packet = largest.saturating_add(LENGTH_FIELD).saturating_add(LONGEST_TAG);
        let left = length_of_any_packet.saturating_sub(taken);
        self.direction.cipher.waste_mac(left);
        self.discarding = Some(left);
    }

    fn discard(&mut self, input: &mut Buffer) -> Result<Option<Opened>, TransportError> {
        let left = self.discarding.unwrap_or(0);
        let now = left.min(input.len());
        input.consume(now);
        self.discarding = Some(left.saturating_sub(now));
        if now == left { Err(TransportError::MacIncorrect) } else { Ok(None) }
    }

    fn open_next(&mut self, input: &mut Buffer, largest: usize) -> Result<Option<Opened>, TransportError> {
        // Remembered, so that a packet that comes in pieces costs this once.
        self.next_packet = self.total_length(input, largest)?;
        let Some(total) = self.next_packet.filter(|total| *total <= input.len()) else {
            return Ok(None);
        };
        if self.direction.position.packets >= PACKETS_UNDER_ONE_KEY {
            return Err(TransportError::SequenceNumberWrapped);
        }
        self.next_packet = None;
        let (from, packet) = input.take(total);
        self.direction.cipher.open(&self.direction.position, packet)?;
        let inside = total.saturating_sub(self.direction.cipher.tag_length());
        let payload_length = payload_length(packet, inside)?;
        let first_byte = LENGTH_FIELD.saturating_add(1);
        let number = packet.get(first_byte).copied().unwrap_or(0);
        let place = PayloadPlace::Input { from: from.saturating_add(first_byte), length: payload_length };
        let opened = Opened { number, sequence: self.direction.position.sequence, payload: place };
        self.advance(inside);
        self.inflate(input, opened, largest).map(Some)
    }

    /// Bytes of the next packet from length field to tag; `None` while its length cannot be told.
    fn total_length(&self, input: &Buffer, largest: usize) -> Result<Option<usize>, TransportError> {
        if self.next_packet.is_some() {
            return Ok(self.next_packet);
        }
        let Some(first) = input.waiting().get(..self.direction.cipher.bytes_to_tell_length()) else {
            return Ok(None);
        };
        let length = self.direction.cipher.packet_length(&self.direction.position, first).unwrap_or(0);
        let inside = self.check_length(length, largest)?;
        Ok(Some(inside.saturating_add(self.direction.cipher.tag_length())))
    }

    /// The bytes from the length field to the padding's end, if packet_length is possible.
    fn check_length(&self, length: u32, largest: usize) -> Result<usize, TransportError> {
        let packet = usize::try_from(length).unwrap_or(usize::MAX);
        if !(SMALLEST_PACKET..=largest).contains(&packet) {
            return Err(TransportError::BadPacketLength { length });
        }
        let inside = packet.saturating_add(LENGTH_FIELD);
        let padded = if self.direction.cipher.pads_length_field() { inside } else { packet };
        let block = self.direction.cipher.block_size();
        if !padded.is_multiple_of(block) {
            return Err(TransportError::UnevenPacketLength { length: padded, block });
        }
        Ok(inside)
    }

    fn advance(&mut self, inside: usize) {
        let enciphered =
            if self.direction.cipher.pads_length_field() { inside } else { inside.saturating_sub(LENGTH_FIELD) };
        self.direction.position.advance(enciphered);
    }

    fn inflate(&mut self, input: &Buffer, opened: Opened, largest: usize) -> Result<Opened, TransportError> {
        let (Some(inflater), PayloadPlace::Input { from, length }) = (&mut self.direction.stream, opened.payload)
        else {
            return Ok(opened);
        };
        let number = inflater.inflate(input.taken(from, length), largest)?;
        Ok(Opened { number, payload: PayloadPlace::Inflated, ..opened })
    }
}

/// Whether the MAC has not been found right when this is noticed.
fn is_before_authentication(error: &TransportError) -> bool {
    matches!(
        error,
        TransportError::MacIncorrect
            | TransportError::BadPacketLength { .. }
            | TransportError::UnevenPacketLength { .. }
    )
}

/// Bytes of payload in an opened packet, of which `inside` bytes are not tag.
fn payload_length(packet: &[u8], inside: usize) -> Result<usize, TransportError> {
    let padding = packet.get(LENGTH_FIELD).copied().unwrap_or(0);
    inside
        .checked_sub(LENGTH_FIELD.saturating_add(1))
        .and_then(|rest| rest.checked_sub(usize::from(padding)))
        .filter(|payload| *payload > 0 && usize::from(padding) >= SMALLEST_PADDING)
        .ok_or(TransportError::BadPadding { padding })
}
