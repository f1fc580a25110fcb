//! Times: `1h30m`, `90`, `none`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::numbers::LARGEST;
use crate::{Arguments, Complaint, Kind};

/// Whole seconds, at most 2147483647.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Seconds(pub u32);

impl Seconds {
    /// As a duration.
    pub fn duration(self) -> Duration {
        Duration::from_secs(u64::from(self.0))
    }

    /// No time at all, which for most keywords means "no limit".
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// A time in seconds.
pub struct Time;

impl Kind for Time {
    type Value = Seconds;
    const WRITTEN: &'static str = "time";

    fn parse(arguments: &mut Arguments<'_>) -> Result<Seconds, Complaint> {
        whole_seconds(arguments.required()?)
    }

    fn show(value: &Seconds, _from_match: bool) -> Vec<String> {
        vec![value.0.to_string()]
    }
}

/// A time, or `none`; zero means the same. A later `none` (but not a later 0) replaces an earlier time, as theirs.
pub struct OptionalTime;

impl Kind for OptionalTime {
    type Value = Option<Seconds>;
    const WRITTEN: &'static str = "time|none";

    fn parse(arguments: &mut Arguments<'_>) -> Result<Option<Seconds>, Complaint> {
        match arguments.required()? {
            word if word.eq_ignore_ascii_case("none") => Ok(None),
            word => whole_seconds(word).map(Some),
        }
    }

    fn take_later(earlier: &mut Self::Value, later: &Self::Value) -> bool {
        let replaces = later.is_none();
        if replaces {
            *earlier = None;
        }
        replaces
    }

    fn show(value: &Self::Value, _from_match: bool) -> Vec<String> {
        let limit = value.filter(|time| !time.is_zero());
        vec![limit.map_or_else(|| "none".to_owned(), |time| time.0.to_string())]
    }
}

/// Reads a time and cuts the fraction off.
pub(crate) fn whole_seconds(text: &str) -> Result<Seconds, Complaint> {
    parse_seconds(text)
        .filter(|&seconds| seconds < f64::from(LARGEST) + 1.0)
        // The value is not negative and below 2^31, so the cast only cuts the fraction.
        .map(|seconds| Seconds(seconds as u32))
        .ok_or_else(|| Complaint::fatal(format!("invalid time value \"{text}\"")))
}

/// Reads `[N[unit]]...` as seconds. Units are s, m, h, d, w in either case. Seconds (with or without the `s`) may come
/// once and may have a fraction; the other units may repeat.
pub fn parse_seconds(text: &str) -> Option<f64> {
    let mut rest = text;
    let mut total = 0.0;
    let mut seconds_given = false;
    while !rest.is_empty() {
        let (amount, fraction, behind) = amount(rest)?;
        let mut units = behind.chars();
        let unit = match units.next().map(|unit| unit.to_ascii_lowercase()) {
            None | Some('s') => 1.0,
            Some('m') => 60.0,
            Some('h') => 3600.0,
            Some('d') => 86_400.0,
            Some('w') => 604_800.0,
            Some(_) => return None,
        };
        if unit == 1.0 {
            if seconds_given {
                return None;
            }
            seconds_given = true;
        } else if fraction {
            return None;
        }
        total += amount * unit;
        rest = units.as_str();
    }
    (!text.is_empty()).then_some(total)
}

/// A number at the start of `text`: its value, whether it has a fraction, and what follows.
fn amount(text: &str) -> Option<(f64, bool, &str)> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(text);
    let mut end = whole;
    let fraction = text[end..].starts_with('.');
    if fraction {
        let behind = digits(&text[end + 1..]);
        if behind == 0 {
            return None;
        }
        end += 1 + behind;
    } else if whole == 0 {
        return None;
    }
    Some((text[..end].parse().ok()?, fraction, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_theirs_reads_them() {
        for (text, seconds) in [
            ("0", 0),
            ("2m", 120),
            ("1H30M", 5400),
            ("1w2d3h4m5s", 788_645),
            ("1.5s", 1),
            ("1.9", 1),
            ("1m30", 90),
            ("30s1m", 90),
            ("0w0", 0),
            (".5", 0),
            ("1m1m", 120),
            ("2147483647", 2_147_483_647),
            ("35791394m", 2_147_483_640),
        ] {
            assert_eq!(whole_seconds(text), Ok(Seconds(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time() {
        for text in
            ["", "1.5m", "none", "-1", "1s1s", "1y", "m", "2147483648", "35791395m", "1e3", "1.s", "0x10", ".", "1 s"]
        {
            assert!(whole_seconds(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn none_replaces_a_time_but_a_time_does_not() {
        let mut value = Some(Seconds(5));
        assert!(!OptionalTime::take_later(&mut value, &Some(Seconds(7))));
        assert_eq!(value, Some(Seconds(5)));
        assert!(!OptionalTime::take_later(&mut value, &Some(Seconds(0))));
        assert!(OptionalTime::take_later(&mut value, &None));
        assert_eq!(value, None);
    }
}
