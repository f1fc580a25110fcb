//! Limits on unauthenticated connections: MaxStartups, PerSourceMaxStartups, PerSourceNetBlockSize.

use serde::{Deserialize, Serialize};

use super::numbers::{LARGEST, number};
use crate::{Arguments, Complaint, Kind};

/// From `begin` unauthenticated connections on, `rate` percent of new ones are dropped; from `full` on, all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaxStartups {
    /// Connections that are never dropped.
    pub begin: u32,
    /// Percent dropped at `begin`, growing linearly to 100 at `full`.
    pub rate: u32,
    /// Connections at which every new one is dropped.
    pub full: u32,
}

/// `N` or `BEGIN:RATE:FULL`.
pub struct Startups;

impl Kind for Startups {
    type Value = MaxStartups;
    const WRITTEN: &'static str = "number|begin:rate:full";

    fn parse(arguments: &mut Arguments<'_>) -> Result<MaxStartups, Complaint> {
        let word = arguments.required()?;
        let limits = match *scan_numbers(word, 3) {
            [full] => MaxStartups { begin: full, rate: 30, full },
            [begin, rate, full] => MaxStartups { begin, rate, full },
            _ => return Err(Complaint::fatal(format!("bad value \"{word}\" (expected N or BEGIN:RATE:FULL)"))),
        };
        if limits.begin == 0 || limits.full < limits.begin || !(1..=100).contains(&limits.rate) {
            return Err(Complaint::fatal(format!("bad value \"{word}\" (0 < BEGIN <= FULL, RATE 1 to 100)")));
        }
        Ok(limits)
    }

    fn show(value: &MaxStartups, _from_match: bool) -> Vec<String> {
        vec![format!("{}:{}:{}", value.begin, value.rate, value.full)]
    }
}

/// How many unauthenticated connections one source may have; nothing means no limit.
pub struct MaxPerSource;

impl Kind for MaxPerSource {
    type Value = Option<u32>;
    const WRITTEN: &'static str = "number|none";

    fn parse(arguments: &mut Arguments<'_>) -> Result<Option<u32>, Complaint> {
        match arguments.required()? {
            "none" => Ok(None),
            word => number(word)
                .map(|limit| (limit != LARGEST).then_some(limit))
                .ok_or_else(|| Complaint::fatal(format!("bad number \"{word}\""))),
        }
    }

    fn show(value: &Option<u32>, _from_match: bool) -> Vec<String> {
        vec![value.map_or_else(|| "none".to_owned(), |limit| limit.to_string())]
    }
}

/// How many leading bits of an address make one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetBlockSize {
    /// Of an IPv4 address, 0 to 32.
    pub ipv4: u8,
    /// Of an IPv6 address, 0 to 128.
    pub ipv6: u8,
}

/// `V4[:V6]`.
pub struct NetBlocks;

impl Kind for NetBlocks {
    type Value = NetBlockSize;
    const WRITTEN: &'static str = "bits4[:bits6]";

    fn parse(arguments: &mut Arguments<'_>) -> Result<NetBlockSize, Complaint> {
        let word = arguments.required()?;
        let bad = || Complaint::fatal(format!("bad value \"{word}\" (expected up to 32, and up to 128 bits)"));
        // A `-` behind the colon is not "nothing there": theirs refuses a negative size.
        if word.contains(":-") {
            return Err(bad());
        }
        let bits = scan_numbers(word, 2);
        let within = |bits: Option<&u32>, most: u8, default: u8| match bits {
            None => Some(default),
            Some(&bits) => u8::try_from(bits).ok().filter(|&bits| bits <= most),
        };
        if bits.is_empty() {
            return Err(bad());
        }
        let ipv4 = within(bits.first(), 32, 32).ok_or_else(bad)?;
        let ipv6 = within(bits.get(1), 128, 128).ok_or_else(bad)?;
        Ok(NetBlockSize { ipv4, ipv6 })
    }

    fn show(value: &NetBlockSize, _from_match: bool) -> Vec<String> {
        vec![format!("{}:{}", value.ipv4, value.ipv6)]
    }
}

/// Up to `most` numbers separated by colons, read until something else comes: what follows the numbers is not looked
/// at, as theirs ("10:30:100x", "10:"). A number that does not fit ends the reading too.
fn scan_numbers(text: &str, most: usize) -> Vec<u32> {
    let mut numbers = Vec::new();
    let mut rest = text;
    while numbers.len() < most {
        let trimmed = rest.trim_start_matches([' ', '\t']);
        let unsigned = trimmed.strip_prefix('+').unwrap_or(trimmed);
        let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
        let Some(value) = number(&unsigned[..digits]) else { break };
        numbers.push(value);
        match unsigned[digits..].strip_prefix(':') {
            Some(behind) => rest = behind,
            None => break,
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::parse_plain;

    fn startups(text: &str) -> Option<String> {
        parse_plain(text, Startups::parse).ok().and_then(|value| Startups::show(&value, false).pop())
    }

    #[test]
    fn startups_as_theirs() {
        for (text, shown) in [
            ("10", "10:30:10"),
            ("10:30:100", "10:30:100"),
            ("1:1:1", "1:1:1"),
            ("10:", "10:30:10"),
            ("10x", "10:30:10"),
            ("10:30:100x", "10:30:100"),
            ("10:30:100:5", "10:30:100"),
        ] {
            assert_eq!(startups(text).as_deref(), Some(shown), "{text}");
        }
        for text in
            ["0", "10:30", "10:0:100", "10:101:100", "100:30:10", "-1", "x", "10:30:x", "2147483648", "0:30:100"]
        {
            assert_eq!(startups(text), None, "{text}");
        }
    }

    #[test]
    fn net_blocks_as_theirs() {
        let blocks = |text| parse_plain(text, NetBlocks::parse).ok().map(|value| (value.ipv4, value.ipv6));
        for (text, bits) in
            [("32", (32, 128)), ("0", (0, 128)), ("24:64", (24, 64)), ("24x", (24, 128)), ("+16:+56", (16, 56))]
        {
            assert_eq!(blocks(text), Some(bits), "{text}");
        }
        for text in ["33", "-1", "24:129", "32:-1", "x"] {
            assert_eq!(blocks(text), None, "{text}");
        }
    }
}
