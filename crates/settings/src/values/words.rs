//! Values that are text: single words, raw lines, lists of words.

use crate::pattern::check_address_list;
use crate::{Arguments, Complaint, Kind};

/// One word; `none` is no value where [`OptionalWord`] stands, but a name here.
pub struct Word;

impl Kind for Word {
    type Value = String;
    const WRITTEN: &'static str = "word";

    fn parse(arguments: &mut Arguments<'_>) -> Result<String, Complaint> {
        arguments.required().map(ToOwned::to_owned)
    }

    fn show(value: &String, _from_match: bool) -> Vec<String> {
        vec![value.clone()]
    }
}

/// One word or `none`.
pub struct OptionalWord;

impl Kind for OptionalWord {
    type Value = Option<String>;
    const WRITTEN: &'static str = "word|none";

    fn parse(arguments: &mut Arguments<'_>) -> Result<Option<String>, Complaint> {
        let word = arguments.required()?;
        Ok((!word.eq_ignore_ascii_case("none")).then(|| word.to_owned()))
    }

    fn show(value: &Option<String>, _from_match: bool) -> Vec<String> {
        vec![value.clone().unwrap_or_else(|| "none".to_owned())]
    }
}

/// The rest of the line as typed: quotes, comments and inner blanks included. `none` alone means nothing.
pub struct RawLine;

impl Kind for RawLine {
    type Value = Option<String>;
    const WRITTEN: &'static str = "text|none";

    fn parse(arguments: &mut Arguments<'_>) -> Result<Option<String>, Complaint> {
        let text = arguments.raw();
        Ok((!text.eq_ignore_ascii_case("none")).then(|| text.to_owned()))
    }

    fn show(value: &Option<String>, _from_match: bool) -> Vec<String> {
        vec![value.clone().unwrap_or_else(|| "none".to_owned())]
    }
}

/// As [`RawLine`], for text that goes into the identification line: that must not be broken.
pub struct RawAddendum;

impl Kind for RawAddendum {
    type Value = Option<String>;
    const WRITTEN: &'static str = RawLine::WRITTEN;

    fn parse(arguments: &mut Arguments<'_>) -> Result<Option<String>, Complaint> {
        let text = RawLine::parse(arguments)?;
        if text.as_deref().is_some_and(|text| text.contains(['\r', '\n'])) {
            return Err(Complaint::fatal("a line break inside the text"));
        }
        Ok(text)
    }

    fn show(value: &Option<String>, from_match: bool) -> Vec<String> {
        RawLine::show(value, from_match)
    }
}

/// The software version of an identification line (RFC 4253 section 4.2).
pub struct SoftwareVersion;

impl SoftwareVersion {
    /// Most bytes: a whole line may have 255, and comments follow.
    const LONGEST: usize = 200;
}

impl Kind for SoftwareVersion {
    type Value = String;
    const WRITTEN: &'static str = "version";

    fn parse(arguments: &mut Arguments<'_>) -> Result<String, Complaint> {
        let version = arguments.required()?;
        if let Some(wrong) = version.chars().find(|c| !c.is_ascii_graphic() || *c == '-') {
            return Err(Complaint::counted(format!(
                "{wrong:?} cannot stand in a version: printable US-ASCII without blanks and \"-\" (RFC 4253 section 4.2)"
            )));
        }
        if version.len() > Self::LONGEST {
            return Err(Complaint::counted(format!("more than {} bytes", Self::LONGEST)));
        }
        Ok(version.to_owned())
    }

    fn show(value: &String, _from_match: bool) -> Vec<String> {
        vec![value.clone()]
    }
}

/// A program by absolute path with its arguments, as typed, or `none`.
pub struct RawProgram;

impl Kind for RawProgram {
    type Value = Option<String>;
    const WRITTEN: &'static str = "/path [argument...]|none";

    fn parse(arguments: &mut Arguments<'_>) -> Result<Option<String>, Complaint> {
        match RawLine::parse(arguments)? {
            Some(text) if !text.starts_with('/') => {
                Err(Complaint::fatal(format!("\"{text}\" is no absolute path of a program")))
            }
            value => Ok(value),
        }
    }

    fn show(value: &Option<String>, from_match: bool) -> Vec<String> {
        RawLine::show(value, from_match)
    }
}

/// Words; `none` must stand alone and is kept as a word, as theirs shows it.
pub struct VerboseList;

impl Kind for VerboseList {
    type Value = Vec<String>;
    const WRITTEN: &'static str = "none|pattern...";

    fn nothing() -> Option<Self::Value> {
        Some(Vec::new())
    }

    fn parse(arguments: &mut Arguments<'_>) -> Result<Vec<String>, Complaint> {
        let first = arguments.next_word().ok_or_else(|| Complaint::fatal("missing argument"))?;
        let rest = arguments.rest();
        std::iter::once(first)
            .chain(rest.iter().map(AsRef::as_ref))
            .map(|word| match word {
                "" => Err(Complaint::counted("empty pattern")),
                _ if word.eq_ignore_ascii_case("none") && !rest.is_empty() => {
                    Err(Complaint::counted("\"none\" must be the only argument"))
                }
                _ => Ok(word.to_owned()),
            })
            .collect()
    }

    fn show(value: &Vec<String>, _from_match: bool) -> Vec<String> {
        if value.is_empty() { Vec::new() } else { vec![value.join(" ")] }
    }
}

/// A comma list of addresses, CIDR blocks and wildcards in one word, or `none`.
pub struct AddressList;

impl Kind for AddressList {
    type Value = Option<String>;
    const WRITTEN: &'static str = "address-list|none";

    fn parse(arguments: &mut Arguments<'_>) -> Result<Option<String>, Complaint> {
        let word = arguments.required()?;
        if word.eq_ignore_ascii_case("none") {
            return Ok(None);
        }
        check_address_list(word).map_err(|error| Complaint::fatal(error.to_string()))?;
        Ok(Some(word.to_owned()))
    }

    fn show(value: &Option<String>, _from_match: bool) -> Vec<String> {
        vec![value.clone().unwrap_or_else(|| "none".to_owned())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_text_keeps_quotes_and_comments() {
        let value = RawLine::parse(&mut Arguments::new(&[], "echo \"a b\" # c"));
        assert_eq!(value, Ok(Some("echo \"a b\" # c".to_owned())));
        assert_eq!(RawLine::parse(&mut Arguments::new(&[], "NONE")), Ok(None));
        assert!(RawAddendum::parse(&mut Arguments::new(&[], "a\rb")).is_err());
    }

    #[test]
    fn versions_are_printable_without_blanks_and_minus() {
        let parse = |word: &str| SoftwareVersion::parse(&mut Arguments::new(&[word.into()], word));
        for good in ["OpenSSH_10.5", "x", &"v".repeat(200)] {
            assert_eq!(parse(good), Ok(good.to_owned()));
        }
        for bad in ["", "a-b", "a b", "a\tb", "\u{e9}", "a\u{7f}", &"v".repeat(201)] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn programs_are_named_by_absolute_path() {
        assert!(RawProgram::parse(&mut Arguments::new(&[], "rel %u")).is_err());
        assert!(RawProgram::parse(&mut Arguments::new(&[], "\"/x y\"")).is_err());
        assert!(RawProgram::parse(&mut Arguments::new(&[], "/x %u")).is_ok());
    }
}
