//! Putting values into a packet.

/// Appends SSH-encoded values (RFC 4251 section 5) to a byte vector or straight into a packet.
pub trait Write {
    /// Bytes as they are.
    fn put_bytes(&mut self, bytes: &[u8]);

    /// `byte`
    fn put_u8(&mut self, value: u8) {
        self.put_bytes(&[value]);
    }

    /// `boolean`
    fn put_boolean(&mut self, value: bool) {
        self.put_u8(u8::from(value));
    }

    /// `uint32`
    fn put_u32(&mut self, value: u32) {
        self.put_bytes(&value.to_be_bytes());
    }

    /// `uint64`
    fn put_u64(&mut self, value: u64) {
        self.put_bytes(&value.to_be_bytes());
    }

    /// `string`. Bytes beyond 2³²−1 cannot occur: every caller builds bounded messages.
    fn put_string(&mut self, value: impl AsRef<[u8]>) {
        let value = value.as_ref();
        // A longer value would be cut off at its own length: still a well-formed message.
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.put_u32(length);
        self.put_bytes(value.get(..length as usize).unwrap_or(value));
    }

    /// `mpint` of a positive number given as big-endian magnitude, leading zeros allowed.
    fn put_mpint(&mut self, magnitude: &[u8]) {
        let minimal = crate::minimal_positive(magnitude);
        let sign_byte_needed = minimal.first().is_some_and(|first| *first >= 0x80);
        let length = minimal.len().saturating_add(usize::from(sign_byte_needed));
        self.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
        if sign_byte_needed {
            self.put_u8(0);
        }
        self.put_bytes(minimal);
    }

    /// `name-list`
    fn put_name_list<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        let mut list = String::new();
        for name in names {
            if !list.is_empty() {
                list.push(',');
            }
            list.push_str(name);
        }
        self.put_string(list);
    }
}

impl Write for Vec<u8> {
    fn put_bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reader;
    use proptest::prelude::*;

    #[test]
    fn mpints_of_rfc_4251_section_5() {
        let written = |magnitude: &[u8]| {
            let mut bytes = Vec::new();
            bytes.put_mpint(magnitude);
            bytes
        };
        assert_eq!(written(&[]), [0, 0, 0, 0]);
        assert_eq!(written(&[0, 0]), [0, 0, 0, 0]);
        assert_eq!(
            written(&[0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7]),
            [0, 0, 0, 8, 0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7]
        );
        assert_eq!(written(&[0x80]), [0, 0, 0, 2, 0, 0x80]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(number: u32, long: u64, text: Vec<u8>, magnitude: Vec<u8>, names in prop::collection::vec("[a-z@.-]{1,9}", 0..5)) {
            let mut bytes = Vec::new();
            bytes.put_u32(number);
            bytes.put_u64(long);
            bytes.put_string(&text);
            bytes.put_mpint(&magnitude);
            bytes.put_name_list(names.iter().map(String::as_str));
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.u32().unwrap(), number);
            prop_assert_eq!(reader.u64().unwrap(), long);
            prop_assert_eq!(reader.string().unwrap(), &text[..]);
            prop_assert_eq!(reader.positive_mpint().unwrap(), crate::minimal_positive(&magnitude));
            prop_assert_eq!(reader.name_list().unwrap().iter().collect::<Vec<_>>(), names);
            prop_assert!(reader.finish().is_ok());
        }
    }
}
