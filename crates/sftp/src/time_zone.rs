//! Offsets from UTC: TZif files (RFC 9636) and the rule at their end.

use wire::Reader;

use crate::zone_rule::ZoneRule;

/// Changes of the offset that are written down, and the rule for what comes after them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimeZone {
    /// Before the first change, in seconds east of UTC.
    first_offset: i64,
    /// When, and the offset from then on; in order of time.
    changes: Vec<(i64, i64)>,
    rule: Option<ZoneRule>,
}

/// A header's counts, in the order of the file.
struct Counts {
    ut_flags: usize,
    standard_flags: usize,
    leap_seconds: usize,
    changes: usize,
    types: usize,
    letters: usize,
}

/// More than any zone has; bounds what is allocated.
const MOST_CHANGES: usize = 10_000;

impl TimeZone {
    /// A zone that only has a rule, such as `CET-1CEST,M3.5.0,M10.5.0/3`.
    pub(crate) fn from_rule(text: &[u8]) -> Option<Self> {
        Some(Self { first_offset: 0, changes: Vec::new(), rule: Some(ZoneRule::read(text)?) })
    }

    /// The content of a TZif file of version 2 or later: the first block is for readers of 32 bits and is skipped.
    pub(crate) fn from_file(content: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(content);
        let first = Counts::read(&mut reader)?;
        reader.bytes(first.block_length(4)?).ok()?;
        let counts = Counts::read(&mut reader)?;
        let mut zone = Self::read_block(&counts, &mut reader)?;
        let footer = reader.rest();
        zone.rule = footer.strip_prefix(b"\n").and_then(|text| ZoneRule::read(text.strip_suffix(b"\n")?));
        Some(zone)
    }

    fn read_block(counts: &Counts, reader: &mut Reader<'_>) -> Option<Self> {
        if counts.changes > MOST_CHANGES || counts.types == 0 {
            return None;
        }
        let times: Vec<i64> =
            (0..counts.changes).map(|_| reader.u64().ok().map(u64::cast_signed)).collect::<Option<_>>()?;
        let types = reader.bytes(counts.changes).ok()?;
        let offsets = read_offsets(counts.types, reader)?;
        reader.bytes(counts.rest_length(8)?).ok()?;
        let offset_of = |number: &u8| offsets.get(usize::from(*number)).copied();
        let after: Vec<i64> = types.iter().map(offset_of).collect::<Option<_>>()?;
        Some(Self { first_offset: offset_of(&0)?, changes: times.into_iter().zip(after).collect(), rule: None })
    }

    /// Seconds east of UTC at so many seconds since 1970.
    pub(crate) fn offset_at(&self, time: i64) -> i64 {
        let passed = self.changes.partition_point(|(when, _)| *when <= time);
        match &self.rule {
            Some(rule) if passed == self.changes.len() => rule.offset_at(time),
            _ => passed
                .checked_sub(1)
                .and_then(|last| self.changes.get(last))
                .map_or(self.first_offset, |(_, offset)| *offset),
        }
    }
}

fn read_offsets(count: usize, reader: &mut Reader<'_>) -> Option<Vec<i64>> {
    let one = |reader: &mut Reader<'_>| {
        let offset = reader.u32().ok()?.cast_signed();
        reader.bytes(2).ok()?; // whether it is summer time, and its name
        Some(i64::from(offset))
    };
    (0..count.min(256)).map(|_| one(reader)).collect()
}

impl Counts {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let head = reader.bytes(20).ok()?;
        let version = head.strip_prefix(b"TZif")?.first()?;
        let mut count = || usize::try_from(reader.u32().ok()?).ok();
        let counts = Self {
            ut_flags: count()?,
            standard_flags: count()?,
            leap_seconds: count()?,
            changes: count()?,
            types: count()?,
            letters: count()?,
        };
        (*version >= b'2').then_some(counts)
    }

    /// Bytes of a block whose times have so many bytes.
    fn block_length(&self, time: usize) -> Option<usize> {
        let changes = self.changes.checked_mul(time.checked_add(1)?)?;
        changes.checked_add(self.types.checked_mul(6)?)?.checked_add(self.rest_length(time)?)
    }

    /// Bytes behind the offsets.
    fn rest_length(&self, time: usize) -> Option<usize> {
        let leap_seconds = self.leap_seconds.checked_mul(time.checked_add(4)?)?;
        self.letters.checked_add(leap_seconds)?.checked_add(self.standard_flags)?.checked_add(self.ut_flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn zone(name: &str) -> Option<TimeZone> {
        let content = std::fs::read(format!("/usr/share/zoneinfo/{name}")).ok()?;
        Some(TimeZone::from_file(&content).unwrap_or_else(|| panic!("{name} cannot be read")))
    }

    #[test]
    fn zones_of_this_host() {
        let expected = [
            ("Europe/Berlin", 1_720_000_000, 7200),
            ("Europe/Berlin", 1_705_000_000, 3600),
            ("Europe/Berlin", 4_086_000_000, 7200), // June 2099: by the rule
            ("America/New_York", 1_705_000_000, -18_000),
            ("Australia/Sydney", 1_705_000_000, 39_600),
            ("Asia/Kolkata", 1_705_000_000, 19_800),
            ("UTC", 1_705_000_000, 0),
        ];
        for (name, time, offset) in expected {
            if let Some(zone) = zone(name) {
                assert_eq!(zone.offset_at(time), offset, "{name} at {time}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_content_is_read_without_panic(mut content: Vec<u8>, counts in prop::collection::vec(0u8..4, 24)) {
            let _ = TimeZone::from_file(&content);
            let mut file = b"TZif2".to_vec();
            file.extend([0; 15]);
            file.extend(&counts);
            file.append(&mut content);
            let _ = TimeZone::from_file(&file);
        }
    }
}
