//! Taking values out of a packet.

use thiserror::Error;

/// Why bytes from a peer are not what the encoding says they must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WireError {
    /// A value ends after the end of the message.
    #[error("message is truncated")]
    Truncated,
    /// Bytes are left after the last field.
    #[error("message has trailing bytes")]
    Trailing,
    /// Text that must be UTF-8 (RFC 4251 section 5) is not.
    #[error("text is not UTF-8")]
    NotUtf8,
    /// A name-list holds an empty name, a control character or a byte outside US-ASCII.
    #[error("name-list is malformed")]
    BadNameList,
    /// An mpint that must be positive is negative, or not in its shortest form.
    #[error("mpint is malformed")]
    BadMpint,
}

/// A cursor over one message. Reading past the end is an error, never a panic.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads `message` from its first byte.
    #[must_use]
    pub fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The next `count` bytes as they are.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// `byte`
    pub fn u8(&mut self) -> Result<u8, WireError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// `boolean`: every value but 0 is true.
    pub fn boolean(&mut self) -> Result<bool, WireError> {
        Ok(self.u8()? != 0)
    }

    /// `uint32`
    pub fn u32(&mut self) -> Result<u32, WireError> {
        self.array().map(u32::from_be_bytes)
    }

    /// `uint64`
    pub fn u64(&mut self) -> Result<u64, WireError> {
        self.array().map(u64::from_be_bytes)
    }

    /// `string`: arbitrary bytes behind their length.
    pub fn string(&mut self) -> Result<&'a [u8], WireError> {
        let length = usize::try_from(self.u32()?).map_err(|_| WireError::Truncated)?;
        self.bytes(length)
    }

    /// A `string` that must be UTF-8.
    pub fn utf8(&mut self) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.string()?).map_err(|_| WireError::NotUtf8)
    }

    /// `mpint` that must be positive or zero: its magnitude ([`crate::positive_magnitude`]).
    pub fn positive_mpint(&mut self) -> Result<&'a [u8], WireError> {
        crate::positive_magnitude(self.string()?)
    }

    /// `name-list`: comma separated printable US-ASCII names, none of them empty.
    pub fn name_list(&mut self) -> Result<NameList<'a>, WireError> {
        NameList::parse(self.string()?)
    }

    /// Everything not read yet; the reader is at the end afterwards.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// How many bytes are not read yet.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Succeeds if nothing is left.
    pub fn finish(self) -> Result<(), WireError> {
        if self.rest.is_empty() { Ok(()) } else { Err(WireError::Trailing) }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }
}

/// A `name-list` as the peer sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameList<'a>(&'a str);

impl<'a> NameList<'a> {
    /// Checks the text of a list (RFC 4251 section 5, `name-list`).
    pub fn parse(text: &'a [u8]) -> Result<Self, WireError> {
        let text = std::str::from_utf8(text).map_err(|_| WireError::BadNameList)?;
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if !printable || (!text.is_empty() && text.split(',').any(str::is_empty)) {
            return Err(WireError::BadNameList);
        }
        Ok(Self(text))
    }

    /// The names in the order of the list.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.0.split(',').filter(|name| !name.is_empty())
    }

    /// Whether the list holds exactly this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|listed| listed == name)
    }

    /// The list as it was written.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_beyond_the_message_are_refused() {
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 1]).string(), Err(WireError::Truncated));
        assert_eq!(Reader::new(&[0, 0, 0]).u32(), Err(WireError::Truncated));
    }

    #[test]
    fn mpints_have_one_form() {
        let read = |bytes: &'static [u8]| Reader::new(bytes).positive_mpint();
        assert_eq!(read(&[0, 0, 0, 0]), Ok(&[][..]));
        assert_eq!(read(&[0, 0, 0, 2, 0, 0x80]), Ok(&[0x80][..]));
        assert_eq!(read(&[0, 0, 0, 1, 0x7f]), Ok(&[0x7f][..]));
        assert_eq!(read(&[0, 0, 0, 1, 0x80]), Err(WireError::BadMpint), "negative");
        assert_eq!(read(&[0, 0, 0, 2, 0, 0x7f]), Err(WireError::BadMpint), "padded");
        assert_eq!(read(&[0, 0, 0, 1, 0]), Err(WireError::BadMpint), "padded zero");
    }

    #[test]
    fn name_lists_hold_no_empty_names() {
        for bad in [&b"a,,b"[..], b",a", b"a,", b"a b", b"a\nb", b"\xc3\xa4"] {
            assert_eq!(NameList::parse(bad), Err(WireError::BadNameList), "{bad:?}");
        }
        assert_eq!(NameList::parse(b"").unwrap().iter().count(), 0);
        assert!(NameList::parse(b"a,b@c").unwrap().contains("b@c"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let mut reader = Reader::new(&bytes);
            while reader.remaining() > 0 {
                let before = reader.remaining();
                let _ = reader.clone().positive_mpint();
                let _ = reader.clone().name_list();
                if reader.string().is_err() && reader.u8().is_err() { break; }
                prop_assert!(reader.remaining() < before);
            }
        }
    }
}
