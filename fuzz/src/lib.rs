//! What the fuzz targets share.
#![forbid(unsafe_code)]

pub mod client;
pub mod server;

/// Cuts an input into pieces: a byte for the target to make something of, two bytes of length, that many bytes.
pub fn chunks(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let ([what, high, low], behind) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(behind.len());
        let (chunk, behind) = behind.split_at(length);
        rest = behind;
        Some((*what, chunk))
    })
}
