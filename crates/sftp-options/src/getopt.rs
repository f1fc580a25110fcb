//! Arguments as getopt(3) splits them: joined letters, attached values, `--`.
//! Done by hand because `-d=x` means the directory `=x` here, and an argument need not be UTF-8.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::options::OptionsError;

pub(crate) enum Given<'a> {
    Flag(u8),
    Value(u8, &'a [u8]),
}

pub(crate) struct Getopt<'a, I> {
    arguments: I,
    takes_value: &'static [u8],
    /// What is left of a word such as `-eRu027`.
    letters: &'a [u8],
}

impl<'a, I: Iterator<Item = &'a OsStr>> Getopt<'a, I> {
    pub(crate) fn new(arguments: I, takes_value: &'static [u8]) -> Self {
        Self { arguments, takes_value, letters: &[] }
    }

    /// The letters of the next word with options; words without are passed over, as theirs never looks at them.
    fn next_letters(&mut self) -> Option<()> {
        loop {
            match self.arguments.next()?.as_bytes() {
                b"--" => return None,
                [b'-', letters @ ..] if !letters.is_empty() => {
                    self.letters = letters;
                    return Some(());
                }
                _ => {}
            }
        }
    }
}

impl<'a, I: Iterator<Item = &'a OsStr>> Iterator for Getopt<'a, I> {
    type Item = Result<Given<'a>, OptionsError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.letters.is_empty() {
            self.next_letters()?;
        }
        let (letter, attached) = self.letters.split_first()?;
        if !self.takes_value.contains(letter) {
            self.letters = attached;
            return Some(Ok(Given::Flag(*letter)));
        }
        self.letters = &[];
        let value = if attached.is_empty() { self.arguments.next().map(OsStr::as_bytes) } else { Some(attached) };
        Some(value.map(|value| Given::Value(*letter, value)).ok_or(OptionsError::ValueMissing(char::from(*letter))))
    }
}
