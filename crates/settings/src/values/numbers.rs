//! Whole numbers, decimal and octal.

use crate::{Arguments, Complaint, Kind};

/// The largest number theirs can hold in an `int`.
pub(crate) const LARGEST: u32 = 0x7fff_ffff;

/// A decimal number from 0 to 2147483647.
pub struct Number;

impl Kind for Number {
    type Value = u32;
    const WRITTEN: &'static str = "number";

    fn parse(arguments: &mut Arguments<'_>) -> Result<u32, Complaint> {
        let word = arguments.required()?;
        number(word).ok_or_else(|| Complaint::fatal(format!("bad number \"{word}\"")))
    }

    fn show(value: &u32, _from_match: bool) -> Vec<String> {
        vec![value.to_string()]
    }
}

/// Reads a number as theirs does: blanks and one `+` may come first, zeros may lead, nothing may follow.
pub fn number(text: &str) -> Option<u32> {
    let digits = text.trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|&value| value <= LARGEST)
}

/// An octal file mode mask up to 0777. The leading octal digits count and what follows is not looked at, and the
/// last line wins: both as theirs.
pub struct Octal;

impl Kind for Octal {
    type Value = u32;
    const REPEAT: crate::kind::Repeat = crate::kind::Repeat::LastWins;
    const WRITTEN: &'static str = "octal mask";

    fn parse(arguments: &mut Arguments<'_>) -> Result<u32, Complaint> {
        let word = arguments.required()?;
        octal(word).ok_or_else(|| Complaint::fatal(format!("bad mask \"{word}\" (expected octal digits up to 0777)")))
    }

    fn take_later(earlier: &mut u32, later: &u32) -> bool {
        *earlier = *later;
        true
    }

    fn show(value: &u32, _from_match: bool) -> Vec<String> {
        vec![format!("0{value:o}")]
    }
}

/// strtol(3): blanks and a sign may come first.
fn octal(text: &str) -> Option<u32> {
    let text = text.trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    let text = text.strip_prefix('+').unwrap_or(text);
    let end = text.bytes().position(|byte| !(b'0'..=b'7').contains(&byte)).unwrap_or(text.len());
    u32::from_str_radix(&text[..end], 8).ok().filter(|&mask| mask <= 0o777)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_theirs_reads_them() {
        for (text, value) in [("0", 0), ("007", 7), ("+5", 5), (" 3", 3), ("2147483647", LARGEST)] {
            assert_eq!(number(text), Some(value), "{text:?}");
        }
        for text in ["", "-1", "+-1", "6x", "1.5", "0x10", "1e2", "2147483648", "99999999999999999999", "5 ", "+"] {
            assert_eq!(number(text), None, "{text:?}");
        }
    }

    #[test]
    fn octal_stops_at_the_first_other_character() {
        for (text, value) in
            [("0177", 0o177), ("177", 0o177), ("089", 0), ("0x7", 0), ("0000000000177", 0o177), (" +7", 7)]
        {
            assert_eq!(octal(text), Some(value), "{text:?}");
        }
        for text in ["1000", "8", "x", "-1", ""] {
            assert_eq!(octal(text), None, "{text:?}");
        }
    }

    #[test]
    fn zero_is_shown_with_two_digits() {
        assert_eq!(Octal::show(&0, false), ["00"]);
        assert_eq!(Octal::show(&0o177, false), ["0177"]);
    }
}
