//! Numbers as magnitudes.

/// The magnitude without leading zero bytes: what RFC 4251 calls the shortest form, before the sign byte.
#[must_use]
pub fn minimal_positive(magnitude: &[u8]) -> &[u8] {
    let mut rest = magnitude;
    while let [0, shorter @ ..] = rest {
        rest = shorter;
    }
    rest
}
