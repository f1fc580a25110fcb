//! SftpJail: where it may lie.

use crate::{Arguments, Complaint, Kind};

/// An absolute path with the tokens of ChrootDirectory, or `none`. A word that could not be used at a login is an error
/// here already: nobody is locked out later.
pub struct JailPath;

impl Kind for JailPath {
    type Value = Option<String>;
    const WRITTEN: &'static str = "path|none";

    fn parse(arguments: &mut Arguments<'_>) -> Result<Option<String>, Complaint> {
        let word = arguments.required()?;
        if word.eq_ignore_ascii_case("none") {
            return Ok(None);
        }
        if !word.starts_with('/') && !word.starts_with("%h") {
            return Err(Complaint::fatal(format!("\"{word}\" begins neither with / nor with %h")));
        }
        let mut characters = word.chars();
        while let Some(character) = characters.next() {
            if character == '%' && !matches!(characters.next(), Some('h' | 'u' | 'U' | '%')) {
                return Err(Complaint::fatal(format!("\"{word}\" holds a token other than %h, %u, %U and %%")));
            }
        }
        Ok(Some(word.to_owned()))
    }

    fn show(value: &Option<String>, _from_match: bool) -> Vec<String> {
        vec![value.clone().unwrap_or_else(|| "none".to_owned())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::parse_plain;

    #[test]
    fn only_what_can_be_used_is_taken() {
        let parsed = |line: &str| parse_plain(line, JailPath::parse).map_err(|complaint| complaint.to_string());
        assert_eq!(parsed("none"), Ok(None));
        assert_eq!(parsed("%h/files"), Ok(Some("%h/files".to_owned())));
        assert_eq!(parsed("/srv/100%%/%u"), Ok(Some("/srv/100%%/%u".to_owned())));
        assert!(parsed("files").is_err_and(|text| text.contains("begins neither")));
        assert!(parsed("%u/files").is_err() && parsed("/srv/%d").is_err() && parsed("/srv/%").is_err());
    }
}
