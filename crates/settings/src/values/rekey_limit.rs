//! RekeyLimit: how many bytes and how much time one set of keys may serve.

use serde::{Deserialize, Serialize};

use super::time::{Seconds, whole_seconds};
use crate::kind::Repeat;
use crate::{Arguments, Complaint, Kind};

/// When new keys are due. The parts are kept as said, because they are merged separately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RekeyLimit {
    size: Option<u64>,
    time: Option<Seconds>,
}

impl RekeyLimit {
    /// Bytes; 0 leaves it to the cipher.
    pub fn bytes(&self) -> u64 {
        self.size.unwrap_or_default()
    }

    /// Seconds; 0 means no limit.
    pub fn seconds(&self) -> u64 {
        self.time.map_or(0, |time| u64::from(time.0))
    }
}

/// `SIZE [TIME]`.
pub struct RekeyLimits;

impl Kind for RekeyLimits {
    type Value = RekeyLimit;
    const REPEAT: Repeat = Repeat::FirstWinsByPart;
    const WRITTEN: &'static str = "size|default [time|none]";

    fn parse(arguments: &mut Arguments<'_>) -> Result<RekeyLimit, Complaint> {
        let word = arguments.required()?;
        let size = match word {
            "default" => 0,
            _ => scaled_size(word).ok_or_else(|| Complaint::fatal(format!("bad size \"{word}\"")))?,
        };
        if size != 0 && size < 16 {
            return Err(Complaint::fatal(format!("size \"{word}\" is too small (16 bytes at least)")));
        }
        let time = match arguments.next_word() {
            None | Some("none") => None,
            Some(word) => Some(whole_seconds(word)?),
        };
        Ok(RekeyLimit { size: Some(size), time })
    }

    fn take_later(earlier: &mut RekeyLimit, later: &RekeyLimit) -> bool {
        let before = *earlier;
        earlier.size = earlier.size.or(later.size);
        earlier.time = earlier.time.or(later.time);
        *earlier != before
    }

    /// A block that says `none` for the time leaves the global one: in theirs `none` is not a value.
    fn lay_over(global: &RekeyLimit, mut matched: RekeyLimit) -> RekeyLimit {
        Self::take_later(&mut matched, global);
        matched
    }

    fn show(value: &RekeyLimit, _from_match: bool) -> Vec<String> {
        vec![format!("{} {}", value.bytes(), value.seconds())]
    }
}

/// Digits with an optional fraction and one of B K M G T P E, cut to whole bytes; signed 64 bits must hold it. Blanks and
/// a sign may come first, and no digits are 0, as theirs (scan_scaled).
pub(super) fn scaled_size(text: &str) -> Option<u64> {
    let text = text.trim_start_matches([' ', '\t', '\r', '\n', '\u{b}', '\u{c}']);
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let shift: u32 = match &text.as_bytes()[end..] {
        [] => 0,
        [unit] => 10 * u32::try_from(b"BKMGTPE".iter().position(|known| known.eq_ignore_ascii_case(unit))?).ok()?,
        _ => return None,
    };
    let (whole, fraction) = text[..end].split_once('.').unwrap_or((&text[..end], ""));
    if fraction.contains('.') {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // More digits than these cannot change the number of bytes.
    let fraction = &fraction[..fraction.len().min(18)];
    let part = match fraction.parse::<u128>() {
        Ok(digits) => (digits << shift) / 10_u128.pow(u32::try_from(fraction.len()).ok()?),
        Err(_) => 0,
    };
    let bytes = (u128::from(whole) << shift) + part;
    u64::try_from(bytes).ok().filter(|&bytes| i64::try_from(bytes).is_ok() && !(negative && bytes != 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::parse_plain;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("16", 16),
            ("1G", 1 << 30),
            ("1t", 1 << 40),
            ("0.5K", 512),
            ("16B", 16),
            ("20.5", 20),
            ("7E", 7 << 60),
            (".5k", 512),
            ("+16", 16),
            (" 16", 16),
            ("K", 0),
            ("-", 0),
        ] {
            assert_eq!(scaled_size(text), Some(bytes), "{text}");
        }
        for text in ["8E", "1x", "-1", "none", "8388608T", "1.2.3K", "1KK", "99999999999999999999"] {
            assert_eq!(scaled_size(text), None, "{text}");
        }
    }

    #[test]
    fn time_and_size_are_merged_apart() {
        let mut limit = parse_plain("default none", RekeyLimits::parse).unwrap();
        assert!(RekeyLimits::take_later(&mut limit, &parse_plain("4G 2h", RekeyLimits::parse).unwrap()));
        assert!(!RekeyLimits::take_later(&mut limit, &parse_plain("5G 3h", RekeyLimits::parse).unwrap()));
        assert_eq!((limit.bytes(), limit.seconds()), (0, 7200));
    }
}
