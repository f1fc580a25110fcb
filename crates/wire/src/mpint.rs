//! Numbers as magnitudes.

use crate::WireError;

/// The magnitude, without leading zero bytes, of an `mpint` that must be positive or zero, given without its length.
/// Negative numbers and superfluous leading zeros (RFC 4251: "MUST NOT") are refused.
pub fn positive_magnitude(content: &[u8]) -> Result<&[u8], WireError> {
    match content {
        [] => Ok(&[]),
        [0, rest @ ..] if rest.first().is_some_and(|first| *first >= 0x80) => Ok(rest),
        [first, ..] if *first == 0 || *first >= 0x80 => Err(WireError::BadMpint),
        magnitude => Ok(magnitude),
    }
}

/// The magnitude without leading zero bytes: what RFC 4251 calls the shortest form, before the sign byte.
#[must_use]
pub fn minimal_positive(magnitude: &[u8]) -> &[u8] {
    let mut rest = magnitude;
    while let [0, shorter @ ..] = rest {
        rest = shorter;
    }
    rest
}
