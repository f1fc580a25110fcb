//! Limits that need not be there.

use super::numbers::number;
use super::rekey_limit::scaled_size;
use crate::{Arguments, Complaint, Kind};

/// A whole number from 1, or `none`.
pub struct OptionalCount;

impl Kind for OptionalCount {
    type Value = Option<u32>;
    const WRITTEN: &'static str = "number|none";

    fn parse(arguments: &mut Arguments<'_>) -> Result<Option<u32>, Complaint> {
        let word = arguments.required()?;
        if word.eq_ignore_ascii_case("none") {
            return Ok(None);
        }
        let count = number(word).filter(|count| *count > 0);
        count.map(Some).ok_or_else(|| Complaint::fatal(format!("bad number \"{word}\" (expected 1 or more, or none)")))
    }

    fn show(value: &Option<u32>, _from_match: bool) -> Vec<String> {
        vec![value.map_or_else(|| "none".to_owned(), |count| count.to_string())]
    }
}

/// The least rate that is accepted, in bytes a second: below it a session looks as if it were dead.
const LEAST_RATE: u64 = 1024;

/// Bytes a second with an optional unit as for RekeyLimit, or `none`.
pub struct OptionalRate;

impl Kind for OptionalRate {
    type Value = Option<u64>;
    const WRITTEN: &'static str = "bytes|none";

    fn parse(arguments: &mut Arguments<'_>) -> Result<Option<u64>, Complaint> {
        let word = arguments.required()?;
        if word.eq_ignore_ascii_case("none") {
            return Ok(None);
        }
        let starts_with_digit = word.starts_with(|first: char| first.is_ascii_digit());
        let rate = scaled_size(word).filter(|rate| starts_with_digit && *rate >= LEAST_RATE);
        let expected = "expected bytes a second such as 500K or 10M, 1K at least, or none";
        rate.map(Some).ok_or_else(|| Complaint::fatal(format!("bad rate \"{word}\" ({expected})")))
    }

    fn show(value: &Option<u64>, _from_match: bool) -> Vec<String> {
        vec![value.map_or_else(|| "none".to_owned(), |rate| rate.to_string())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::parse_plain;

    #[test]
    fn no_limit_is_said_by_none_alone() {
        assert_eq!(parse_plain("none", OptionalCount::parse), Ok(None));
        assert_eq!(parse_plain("3", OptionalCount::parse), Ok(Some(3)));
        assert_eq!(parse_plain("None", OptionalRate::parse), Ok(None));
        assert_eq!(parse_plain("1.5M", OptionalRate::parse), Ok(Some(3 << 19)));
        for word in ["0", "-1", "x", "1M"] {
            assert!(parse_plain(word, OptionalCount::parse).is_err(), "{word}");
        }
        for word in ["0", "K", "-", "1023", "-5M", "unlimited"] {
            assert!(parse_plain(word, OptionalRate::parse).is_err(), "{word}");
        }
    }
}
