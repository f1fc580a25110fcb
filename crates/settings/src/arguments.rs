//! The words of one configuration line, as a value type sees them.

use std::borrow::Cow;

use crate::Complaint;

/// What follows the keyword on a line: the words with quotes removed, and the text as it was typed.
#[derive(Clone, Debug)]
pub struct Arguments<'a> {
    words: &'a [Cow<'a, str>],
    next: usize,
    raw: &'a str,
}

impl<'a> Arguments<'a> {
    /// Arguments from words that are already split, and the raw text they came from.
    pub fn new(words: &'a [Cow<'a, str>], raw: &'a str) -> Self {
        Self { words, next: 0, raw }
    }

    /// The next word, which may be empty (`""`).
    pub fn next_word(&mut self) -> Option<&'a str> {
        let word = self.words.get(self.next)?;
        self.next += 1;
        Some(word)
    }

    /// The next word without taking it.
    pub fn peek(&self) -> Option<&'a str> {
        self.words.get(self.next).map(AsRef::as_ref)
    }

    /// The next word; that it is missing or empty ends the reading, as for most keywords of theirs.
    pub fn required(&mut self) -> Result<&'a str, Complaint> {
        match self.next_word() {
            Some("") | None => Err(Complaint::fatal("missing argument")),
            Some(word) => Ok(word),
        }
    }

    /// All words that are left.
    pub fn rest(&mut self) -> &'a [Cow<'a, str>] {
        let rest = self.words.get(self.next..).unwrap_or_default();
        self.next = self.words.len();
        rest
    }

    /// The text after the keyword as typed: quotes, comments and inner blanks included. Takes all words.
    pub fn raw(&mut self) -> &'a str {
        self.next = self.words.len();
        self.raw
    }

    /// A word that nobody took.
    pub fn left_over(&self) -> Option<&'a str> {
        self.peek()
    }
}

/// Parses `text` (words separated by single blanks, no quotes) with `parse`: for compiled-in defaults and tests.
pub fn parse_plain<T>(
    text: &str,
    parse: impl FnOnce(&mut Arguments<'_>) -> Result<T, Complaint>,
) -> Result<T, Complaint> {
    let words: Vec<Cow<'_, str>> = text.split(' ').filter(|word| !word.is_empty()).map(Cow::Borrowed).collect();
    let mut arguments = Arguments::new(&words, text);
    let value = parse(&mut arguments)?;
    match arguments.left_over() {
        Some(word) => Err(Complaint::counted(format!("extra argument \"{word}\""))),
        None => Ok(value),
    }
}
