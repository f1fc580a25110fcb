//! ATTRS of draft-ietf-secsh-filexfer-02 section 5.

use nix::sys::stat::FileStat;
use wire::{Reader, WireError};

use crate::queue::ByteQueue;

const SIZE: u32 = 0x1;
const OWNER: u32 = 0x2;
const PERMISSIONS: u32 = 0x4;
const TIMES: u32 = 0x8;
const EXTENDED: u32 = 0x8000_0000;

/// What a client wants a file to have; only what it named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Attributes {
    /// Bytes
    pub(crate) size: Option<u64>,
    /// User and group id
    pub(crate) owner: Option<(u32, u32)>,
    pub(crate) mode: Option<u32>,
    /// Last access and last modification, seconds since 1970
    pub(crate) times: Option<(u32, u32)>,
}

impl Attributes {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let flags = reader.u32()?;
        let has = |flag| flags & flag != 0;
        let attributes = Self {
            size: if has(SIZE) { Some(reader.u64()?) } else { None },
            owner: if has(OWNER) { Some((reader.u32()?, reader.u32()?)) } else { None },
            mode: if has(PERMISSIONS) { Some(reader.u32()?) } else { None },
            times: if has(TIMES) { Some((reader.u32()?, reader.u32()?)) } else { None },
        };
        if has(EXTENDED) {
            skip_extended(reader)?;
        }
        Ok(attributes)
    }
}

/// Pairs that nobody defined. Each takes 8 bytes at least, so the packet's length bounds the work.
fn skip_extended(reader: &mut Reader<'_>) -> Result<(), WireError> {
    for _ in 0..reader.u32()? {
        reader.string()?;
        reader.string()?;
    }
    Ok(())
}

/// Everything that version 3 can say about a file.
pub(crate) fn write_stat(output: &mut ByteQueue, stat: &FileStat) {
    output.put_u32(SIZE | OWNER | PERMISSIONS | TIMES);
    output.put_u64(stat.st_size.unsigned_abs());
    output.put_u32(stat.st_uid);
    output.put_u32(stat.st_gid);
    output.put_u32(stat.st_mode);
    output.put_u32(seconds(stat.st_atime));
    output.put_u32(seconds(stat.st_mtime));
}

/// For names that come without attributes.
pub(crate) fn write_none(output: &mut ByteQueue) {
    output.put_u32(0);
}

/// The protocol's 32 bits: later times wrap as theirs do.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // wrapping is what clients expect
fn seconds(time: i64) -> u32 {
    time as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Write;

    #[test]
    fn extended_attributes_are_passed_over() {
        let mut packet = Vec::new();
        packet.put_u32(PERMISSIONS | EXTENDED);
        packet.put_u32(0o640);
        packet.put_u32(1);
        packet.put_string("vendor@example.org");
        packet.put_string("x");
        packet.put_u32(7);
        let mut reader = Reader::new(&packet);
        let attributes = Attributes::read(&mut reader).unwrap();
        assert_eq!(attributes, Attributes { mode: Some(0o640), ..Attributes::default() });
        assert_eq!(reader.u32(), Ok(7));
    }

    #[test]
    fn a_count_of_pairs_that_are_not_there_is_refused() {
        let mut packet = Vec::new();
        packet.put_u32(EXTENDED);
        packet.put_u32(u32::MAX);
        assert_eq!(Attributes::read(&mut Reader::new(&packet)), Err(WireError::Truncated));
    }
}
