//! Subsystem: a name and the command it stands for.

use serde::{Deserialize, Serialize};

use crate::kind::Repeat;
use crate::{Arguments, Complaint, Kind};

/// One subsystem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subsystem {
    /// The name a client asks for; case-sensitive.
    pub name: String,
    /// The command and its arguments as one line, quoted again for a shell-like splitter (double quotes around words
    /// with blanks, a backslash before quotes and backslashes).
    pub command_line: String,
}

/// Subsystems; the first of a name counts, and a Match block adds to the global ones or replaces them by name.
pub struct Subsystems;

impl Kind for Subsystems {
    type Value = Vec<Subsystem>;
    const REPEAT: Repeat = Repeat::FirstWinsByPart;
    const WRITTEN: &'static str = "name command [argument...]";

    fn nothing() -> Option<Self::Value> {
        Some(Vec::new())
    }

    fn parse(arguments: &mut Arguments<'_>) -> Result<Vec<Subsystem>, Complaint> {
        let name = arguments.required()?.to_owned();
        let command = arguments.required()?;
        let words = std::iter::once(command).chain(arguments.rest().iter().map(AsRef::as_ref));
        let command_line = words.map(quoted).collect::<Vec<_>>().join(" ");
        Ok(vec![Subsystem { name, command_line }])
    }

    fn take_later(earlier: &mut Vec<Subsystem>, later: &Vec<Subsystem>) -> bool {
        let before = earlier.len();
        for subsystem in later {
            if earlier.iter().all(|known| known.name != subsystem.name) {
                earlier.push(subsystem.clone());
            }
        }
        earlier.len() > before
    }

    /// 10.4 and 10.5 drop every global subsystem as soon as a block names one; the manual and older releases merge by
    /// name, and so do we.
    fn lay_over(global: &Vec<Subsystem>, matched: Vec<Subsystem>) -> Vec<Subsystem> {
        let mut merged = global.clone();
        for subsystem in matched {
            match merged.iter_mut().find(|known| known.name == subsystem.name) {
                Some(known) => *known = subsystem,
                None => merged.push(subsystem),
            }
        }
        merged
    }

    fn show(value: &Vec<Subsystem>, _from_match: bool) -> Vec<String> {
        value.iter().map(|subsystem| format!("{} {}", subsystem.name, subsystem.command_line)).collect()
    }
}

fn quoted(word: &str) -> String {
    let mut text = String::with_capacity(word.len());
    for character in word.chars() {
        if matches!(character, '"' | '\'' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
    if word.contains([' ', '\t']) { format!("\"{text}\"") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, command_line: &str) -> Subsystem {
        Subsystem { name: name.to_owned(), command_line: command_line.to_owned() }
    }

    #[test]
    fn quoting_is_redone() {
        assert_eq!(quoted("/opt/my sftp"), "\"/opt/my sftp\"");
        assert_eq!(quoted("a'b"), "a\\'b");
    }

    #[test]
    fn a_block_replaces_by_name_and_keeps_the_rest() {
        let global = vec![named("sftp", "internal-sftp"), named("x", "/x")];
        let merged = Subsystems::lay_over(&global, vec![named("sftp", "/opt/sftp -R"), named("y", "/y")]);
        assert_eq!(merged, [named("sftp", "/opt/sftp -R"), named("x", "/x"), named("y", "/y")]);
    }

    #[test]
    fn the_first_of_a_name_counts() {
        let mut known = vec![named("sftp", "a")];
        assert!(!Subsystems::take_later(&mut known, &vec![named("sftp", "b")]));
        assert!(Subsystems::take_later(&mut known, &vec![named("SFTP", "c")]));
        assert_eq!(known, [named("sftp", "a"), named("SFTP", "c")]);
    }
}
