//! Text of a configuration file, which is bytes: whatever is not UTF-8 must come out of `-T` as it went in.
//!
//! Strings hold such bytes in the last 128 code points of plane 16 (private use). A file that really contains one
//! of these code points has it kept byte by byte in the same way, so the mapping is exact in both directions.

use std::borrow::Cow;

/// Byte `0x80` is kept as this code point, `0xff` as the last one of Unicode.
const FIRST: u32 = 0x10_ff80;

/// Bytes as a string, without loss.
pub fn from_bytes(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !holds_escapes(text) => Cow::Borrowed(text),
        _ => Cow::Owned(escape(bytes)),
    }
}

/// The bytes that [`from_bytes`] was given.
pub fn to_bytes(text: &str) -> Cow<'_, [u8]> {
    if !holds_escapes(text) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match u32::from(character).checked_sub(FIRST).and_then(|offset| u8::try_from(offset).ok()) {
            Some(offset) => bytes.push(offset | 0x80),
            None => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(bytes)
}

/// Text as a path, byte by byte.
pub fn to_path(text: &str) -> std::path::PathBuf {
    use std::os::unix::ffi::OsStringExt as _;
    std::ffi::OsString::from_vec(to_bytes(text).into_owned()).into()
}

/// A path as text, the reverse of [`to_path`].
pub fn from_path(path: &std::path::Path) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    from_bytes(path.as_os_str().as_bytes()).into_owned()
}

fn holds_escapes(text: &str) -> bool {
    // U+10FF80 and above all start with these two bytes; looking for them is one pass without decoding.
    text.as_bytes().windows(3).any(|w| w[0] == 0xf4 && w[1] == 0x8f && w[2] >= 0xbe)
}

fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if u32::from(character) >= FIRST {
                character.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| text.push(escaped(byte)));
            } else {
                text.push(character);
            }
        }
        chunk.invalid().iter().for_each(|&byte| text.push(escaped(byte)));
    }
    text
}

fn escaped(byte: u8) -> char {
    char::from_u32(FIRST + u32::from(byte & 0x7f)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_sequence_survives() {
        for bytes in [&b"plain"[..], b"\xff\xfe", b"caf\xc3\xa9 \xe9", b"\xf4\x8f\xbe\x80\xf4\x8f\xbf\xbf", b"\xf4\x8f"]
        {
            assert_eq!(to_bytes(&from_bytes(bytes)), bytes, "{bytes:x?}");
        }
    }

    #[test]
    fn ordinary_text_is_not_copied() {
        assert!(matches!(from_bytes("Ünïcode".as_bytes()), Cow::Borrowed("Ünïcode")));
    }
}
