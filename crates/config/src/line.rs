//! One line: its keyword, and its words.

use std::borrow::Cow;

/// What separates the keyword from its value.
const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// A line with a keyword and something behind it (which may be nothing but a comment).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) keyword: Cow<'a, str>,
    /// What follows, as typed.
    pub(crate) raw: &'a str,
}

/// A line that is not a keyword with something behind it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoLine<'a> {
    /// Empty, or a comment.
    Blank,
    /// A keyword and nothing behind it.
    NoArgument(Cow<'a, str>),
    /// Theirs skips the line without a word: an unclosed quote in the keyword, or two `=` before it. Holds what the
    /// keyword would have been.
    Skipped(String),
}

/// Cuts the blanks that do not count: form feeds only at the end.
pub(crate) fn trimmed(line: &str) -> &str {
    let line = line.trim_start_matches([' ', '\t', '\r']);
    let end = line.trim_end_matches([' ', '\t', '\r', '\n', '\u{c}']).len();
    // As theirs, the first character stays whatever it is.
    let first = line.chars().next().map_or(0, char::len_utf8);
    &line[..end.max(first)]
}

/// Splits a trimmed line into its keyword and the rest.
pub(crate) fn split(line: &str) -> Result<Line<'_>, NoLine<'_>> {
    let (mut keyword, mut rest) = first_token(line)?;
    if keyword.is_empty() {
        let equals = line.starts_with('=');
        (keyword, rest) = first_token(rest)?;
        if keyword.is_empty() && equals && rest.starts_with(|c: char| !BLANKS.contains(&c)) {
            return Err(NoLine::Skipped(word_of(rest).to_owned()));
        }
    }
    if keyword.is_empty() || keyword.starts_with('#') {
        Err(NoLine::Blank)
    } else if rest.is_empty() {
        Err(NoLine::NoArgument(keyword))
    } else {
        Ok(Line { keyword, raw: rest })
    }
}

/// Text up to a blank, an `=` or a quote; a quote runs to its partner, which ends the token. Then blanks and one `=`
/// are skipped.
fn first_token(text: &str) -> Result<(Cow<'_, str>, &str), NoLine<'_>> {
    let Some(end) = text.find(|c: char| BLANKS.contains(&c) || c == '"' || c == '=') else {
        return Ok((Cow::Borrowed(text), ""));
    };
    let (before, delimiter, behind) = (&text[..end], text.as_bytes()[end], &text[end + 1..]);
    if delimiter == b'"' {
        let Some(partner) = behind.find('"') else {
            return Err(NoLine::Skipped(word_of(&format!("{before}{behind}")).to_owned()));
        };
        let token = if before.is_empty() {
            Cow::Borrowed(&behind[..partner])
        } else {
            Cow::Owned(format!("{before}{}", &behind[..partner]))
        };
        return Ok((token, behind[partner + 1..].trim_start_matches(BLANKS)));
    }
    let mut rest = behind.trim_start_matches(BLANKS);
    if delimiter != b'='
        && let Some(value) = rest.strip_prefix('=')
    {
        rest = value.trim_start_matches(BLANKS);
    }
    Ok((Cow::Borrowed(before), rest))
}

/// What `text` would have as its keyword.
fn word_of(text: &str) -> &str {
    let text = text.trim_start_matches(|c: char| BLANKS.contains(&c) || c == '=');
    &text[..text.find(|c: char| BLANKS.contains(&c) || c == '=').unwrap_or(text.len())]
}

/// A quote without its partner.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unclosed;

/// Splits the value into words at blanks and tabs; quotes group and are removed, a backslash protects quotes and
/// backslashes (and, outside quotes, a blank), `#` at the start of a word begins a comment.
pub(crate) fn words(raw: &str) -> Result<Vec<Cow<'_, str>>, Unclosed> {
    let mut words = Vec::new();
    let mut rest = raw;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if rest.is_empty() || rest.starts_with('#') {
            return Ok(words);
        }
        let plain = rest.find([' ', '\t']).unwrap_or(rest.len());
        if rest[..plain].contains(['"', '\'', '\\']) {
            let (word, behind) = quoted_word(rest)?;
            words.push(Cow::Owned(word));
            rest = behind;
        } else {
            words.push(Cow::Borrowed(&rest[..plain]));
            rest = &rest[plain..];
        }
    }
}

fn quoted_word(text: &str) -> Result<(String, &str), Unclosed> {
    let mut word = String::new();
    let mut quote = None;
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match (character, quote) {
            ('\\', _) => {
                let escapes = |next: char| matches!(next, '"' | '\'' | '\\') || quote.is_none() && next == ' ';
                match characters.next_if(|&(_, next)| escapes(next)) {
                    Some((_, protected)) => word.push(protected),
                    None => word.push('\\'),
                }
            }
            (' ' | '\t', None) => return Ok((word, &text[at..])),
            ('"' | '\'', None) => quote = Some(character),
            (_, Some(open)) if open == character => quote = None,
            _ => word.push(character),
        }
    }
    if quote.is_some() { Err(Unclosed) } else { Ok((word, "")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyword_and_raw(line: &str) -> (String, &str) {
        let line = split(trimmed(line)).unwrap();
        (line.keyword.into_owned(), line.raw)
    }

    #[test]
    fn separators() {
        for line in [
            "Port 5",
            "Port=5",
            "Port = 5",
            "Port =5",
            "=Port 5",
            " \t Port \t 5 ",
            "Port\r=\r5",
            "\"Port\"5",
            "Po\"rt\" 5",
        ] {
            assert_eq!(keyword_and_raw(line), ("Port".to_owned(), "5"), "{line:?}");
        }
        assert_eq!(keyword_and_raw("Banner==/x").1, "=/x");
        assert_eq!(keyword_and_raw("Port == 5").1, "= 5");
        assert_eq!(keyword_and_raw("\"Port\"=5").1, "=5");
    }

    #[test]
    fn blank_lines_and_comments() {
        for line in ["", "  ", "#x", "  # x", "\"#Port\" 5", "\"\""] {
            assert_eq!(split(trimmed(line)), Err(NoLine::Blank), "{line:?}");
        }
        assert_eq!(split(trimmed("Port ")), Err(NoLine::NoArgument("Port".into())));
        assert_eq!(split(trimmed("\u{c}")), Err(NoLine::NoArgument("\u{c}".into())));
    }

    #[test]
    fn what_theirs_skips_without_a_word() {
        for line in ["\"Port 5", "Po\"rt 5", "==Port 5", "= =Port 5"] {
            assert_eq!(split(line), Err(NoLine::Skipped("Port".to_owned())), "{line:?}");
        }
        assert_eq!(split("Bogus\" 1"), Err(NoLine::Skipped("Bogus".to_owned())));
    }

    #[test]
    fn quotes_and_escapes() {
        for (raw, wanted) in [
            ("\"/a b\"", vec!["/a b"]),
            ("/a\\ b", vec!["/a b"]),
            ("\"/a\\ b\"", vec!["/a\\ b"]),
            ("\"/a\"b'c d'", vec!["/abc d"]),
            ("/a\\nb", vec!["/a\\nb"]),
            ("'/a\"b' \"\" x", vec!["/a\"b", "", "x"]),
            ("a#b # \"unclosed", vec!["a#b"]),
            ("\"#a\"", vec!["#a"]),
            ("# x", vec![]),
            ("\\\" y", vec!["\"", "y"]),
        ] {
            assert_eq!(words(raw).unwrap(), wanted, "{raw:?}");
        }
        for raw in ["\"x", "/a\"", "'/a", "x \"y z"] {
            assert_eq!(words(raw), Err(Unclosed), "{raw:?}");
        }
    }
}
