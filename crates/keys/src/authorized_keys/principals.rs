//! Lists of principals (AuthorizedPrincipalsFile): lines of options, as in front of keys, and one name.

use super::lines::{Lines, Unusable, lines, parse_options};
use super::options::{end_of_options, skip_blanks};
use super::{OptionError, Options};

/// One usable line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalLine {
    /// Its number in the file, from 1.
    pub number: u32,
    /// What stands in front of the name.
    pub options: Options,
    /// The name, to be compared as a whole with those in a certificate.
    pub principal: String,
}

/// The lines of a list in order; comments and empty lines are passed over.
#[derive(Debug, Clone)]
pub struct PrincipalLines<'a>(Lines<'a>);

/// Reads the lines of a list. Each comes with its number, from 1.
#[must_use]
pub fn principal_lines(text: &[u8]) -> PrincipalLines<'_> {
    PrincipalLines(lines(text))
}

impl Iterator for PrincipalLines<'_> {
    type Item = (u32, Result<PrincipalLine, Unusable>);

    fn next(&mut self) -> Option<Self::Item> {
        let (number, line) = self.0.next_with_content()?;
        Some((number, line.and_then(|line| parse(number, line))))
    }
}

/// A `#` starts a comment wherever it stands, so no name holds one (as theirs). One with a quote is what is left of an
/// option that was cut off.
fn parse(number: u32, line: &[u8]) -> Result<PrincipalLine, Unusable> {
    let line = line.split(|byte| *byte == b'#').next().unwrap_or_default().trim_ascii_end();
    let start_of_name = line.iter().rposition(|byte| matches!(byte, b' ' | b'\t')).map_or(0, |at| at.saturating_add(1));
    let (field, name) = line.split_at_checked(start_of_name).ok_or(Unusable::NotOnePrincipal)?;
    let field = field.trim_ascii_end();
    let end = end_of_options(field).ok_or(Unusable::BadOptions(OptionError::Malformed("missing end quote")))?;
    let (options, behind) = field.split_at_checked(end).ok_or(Unusable::NotOnePrincipal)?;
    if !skip_blanks(behind).is_empty() {
        return Err(Unusable::NotOnePrincipal);
    }
    let name = std::str::from_utf8(name).ok().filter(|name| !name.contains('"')).ok_or(Unusable::NotOnePrincipal)?;
    Ok(PrincipalLine { number, options: parse_options(options)?, principal: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_behind_their_options() {
        let text = b"# all\n\nalice\n \tpl,ain # comment\r\nno-pty,command=\"echo \\\"a b\\\"\"  bob \n\
            two names\ncommand=\"open bob\nfrobnicate bob\ncommand=\"a # b\" bob\n";
        let read: Vec<_> = principal_lines(text).collect();
        let usable = |place: usize| read[place].1.as_ref().unwrap();
        assert_eq!(read.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [3, 4, 5, 6, 7, 8, 9]);
        assert_eq!((usable(0).principal.as_str(), &usable(0).options), ("alice", &Options::default()));
        assert_eq!(usable(1).principal, "pl,ain");
        assert_eq!((usable(2).principal.as_str(), usable(2).options.pty), ("bob", false));
        assert_eq!(usable(2).options.command.as_deref(), Some("echo \"a b\""));
        assert!(read[3..].iter().all(|(_, line)| line.is_err()), "{read:?}");
    }

    #[test]
    fn an_overlong_line_is_skipped_whole() {
        let text = format!("{}\nalice\n", "x".repeat(9000));
        let read: Vec<_> = principal_lines(text.as_bytes()).collect();
        assert_eq!(read[0].1, Err(Unusable::TooLong));
        assert_eq!(read[1].1.as_ref().unwrap().principal, "alice");
    }
}
