//! Command lines of the configuration, split as theirs.

/// Words of a command line: separated by blanks, quoted by `"` or `'`; `\` takes a quote or a `\` as it is, and a blank
/// outside quotes. `None` when a quote is not closed. All words count (CVE-2026-59997).
#[must_use]
pub fn split(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('\\', quote) if characters.peek().is_some_and(|next| is_escapable(*next, quote)) => {
                word.get_or_insert_default().extend(characters.next());
            }
            ('"' | '\'', None) => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (_, Some(open)) if open == character => quote = None,
            (' ' | '\t', None) => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

fn is_escapable(character: char, quote: Option<char>) -> bool {
    matches!(character, '"' | '\'' | '\\') || (character == ' ' && quote.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_are_split_like_a_shell_would() {
        let words = |line| split(line).unwrap();
        assert_eq!(words("-R -d \"/a b\" -l 'INFO'"), ["-R", "-d", "/a b", "-l", "INFO"]);
        assert_eq!(words(r"-d /a\ b\'c '' '\ '"), ["-d", "/a b'c", "", r"\ "]);
        assert_eq!(words("  "), [""; 0]);
        assert_eq!(split("-d \"open"), None);
        assert_eq!(words("1 2 3 4 5 6 7 8 9 10 -R").len(), 11);
    }
}
