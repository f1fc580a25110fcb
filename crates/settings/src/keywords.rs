//! The table: one row per keyword of `sshd_config`, in the order in which `-T` prints them.
//!
//! A row holds the field of [`Effective`], the keyword as `-T` spells it, its other names, the kind of its value, the
//! default as lines of a configuration file, where it may stand, which processes learn its value, and whether it
//! can have its effect here. Everything else follows from the row: parsing, merging, dumping, the manual, the commented
//! `etc/sshd_config`. What needs thought is in the kind ([`crate::values`]), not here.

mod table;
mod withdrawn;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

pub use table::{Effective, Id, KEYWORDS, Layer, Setting};
pub use withdrawn::{WITHDRAWN, Withdrawal, Withdrawn};

use crate::kind::Repeat;

/// One row of the table.
#[derive(Debug)]
pub struct Keyword {
    /// Which one.
    pub id: Id,
    /// As `-T` spells it; upper and lower case are the same when read.
    pub name: &'static str,
    /// Other names that mean the same.
    pub aliases: &'static [&'static str],
    /// Where it may stand.
    pub place: Scope,
    /// Which processes learn the value.
    pub known_to: &'static [Process],
    /// Whether it has its effect.
    pub status: Status,
    /// How several lines combine.
    pub repeat: Repeat,
    /// How the value is written.
    pub written: &'static str,
    /// What each word means, for keywords that take one of a few.
    pub words: &'static [(&'static str, &'static str)],
    /// What it does.
    pub doc: &'static str,
    /// Which file it stands in.
    pub file: ItsFile,
    /// What holds when nothing is said: the values of as many lines.
    pub default: fn() -> Vec<Cow<'static, str>>,
}

/// Which file a keyword belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItsFile {
    /// `sshd_config`, whose language is OpenSSH's: that file stays acceptable to both servers.
    SshdConfig,
    /// `bulkhead_config` beside it, for what only we know.
    Companion,
}

/// Where a keyword may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In the global part only.
    Global,
    /// Also in Match blocks.
    Anywhere,
}

/// Whether a keyword has its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It has.
    Works,
    /// Read and shown for the sake of shared files; it can have no effect here. The text says why.
    Never(&'static str),
}

/// A process that may know a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// `sshd`, which accepts connections.
    Listener,
    /// `sshd-monitor`, which decides.
    Monitor,
    /// `sshd-preauth`, before login.
    Preauth,
    /// `sshd-session`, after login.
    Session,
    /// `sshd-launch`, which starts commands.
    Launch,
}

/// What a word at the start of a line means.
#[derive(Clone, Copy, Debug)]
pub enum Meaning {
    /// A keyword of the table; `global_only` is set when this spelling of it is not allowed in Match blocks.
    Keyword(&'static Keyword, bool),
    /// A keyword that has no effect any more, or none on this platform.
    Withdrawn(&'static Withdrawn),
    /// Include
    Include,
    /// Match
    Match,
}

/// An alias of PubkeyAuthentication that theirs accepts in the global part alone.
const GLOBAL_ONLY_ALIAS: &str = "DSAAuthentication";

type ByName = HashMap<String, Meaning>;

/// What the keyword `word` means in a file; upper and lower case are the same. A name can have an effect in the companion
/// file that it has not in `sshd_config`.
pub fn meaning(word: &str, file: ItsFile) -> Option<Meaning> {
    static SSHD_CONFIG: OnceLock<ByName> = OnceLock::new();
    static COMPANION: OnceLock<ByName> = OnceLock::new();
    let by_name = match file {
        ItsFile::SshdConfig => SSHD_CONFIG.get_or_init(|| by_name(file)),
        ItsFile::Companion => COMPANION.get_or_init(|| by_name(file)),
    };
    by_name.get(&word.to_ascii_lowercase()).copied()
}

fn by_name(file: ItsFile) -> ByName {
    let keywords = KEYWORDS.iter().filter(|keyword| keyword.file == file).flat_map(|keyword| {
        std::iter::once(&keyword.name).chain(keyword.aliases).map(move |name| {
            let global_only = keyword.place == Scope::Global || *name == GLOBAL_ONLY_ALIAS;
            (name.to_ascii_lowercase(), Meaning::Keyword(keyword, global_only))
        })
    });
    let withdrawn = WITHDRAWN.iter().filter(|_| file == ItsFile::SshdConfig);
    let withdrawn = withdrawn.map(|row| (row.name.to_ascii_lowercase(), Meaning::Withdrawn(row)));
    let structure = [("include".to_owned(), Meaning::Include), ("match".to_owned(), Meaning::Match)];
    keywords.chain(withdrawn).chain(structure).collect()
}

impl Keyword {
    /// The row of a keyword.
    pub fn of(id: Id) -> &'static Self {
        &KEYWORDS[id as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_id_and_by_every_name() {
        for (place, keyword) in KEYWORDS.iter().enumerate() {
            assert_eq!(keyword.id as usize, place);
            for name in std::iter::once(&keyword.name).chain(keyword.aliases) {
                let found = meaning(name, keyword.file);
                assert!(matches!(found, Some(Meaning::Keyword(found, _)) if found.id == keyword.id), "{name}");
            }
        }
        assert!(matches!(meaning("PORT", ItsFile::SshdConfig), Some(Meaning::Keyword(..))));
        assert!(matches!(meaning("protocol", ItsFile::SshdConfig), Some(Meaning::Withdrawn(_))));
        assert!(meaning("DebianBanner", ItsFile::SshdConfig).is_none());
        assert!(meaning("Port", ItsFile::Companion).is_none());
    }

    #[test]
    fn what_theirs_does_not_support_can_have_an_effect_in_the_companion_file() {
        let in_file = |file| meaning("gssapiauthentication", file);
        assert!(matches!(in_file(ItsFile::SshdConfig), Some(Meaning::Withdrawn(_))));
        assert!(matches!(in_file(ItsFile::Companion), Some(Meaning::Keyword(..))));
    }

    #[test]
    fn no_name_stands_twice() {
        let rows = |file| {
            KEYWORDS
                .iter()
                .filter(|keyword| keyword.file == file)
                .map(|keyword| 1 + keyword.aliases.len())
                .sum::<usize>()
        };
        assert_eq!(by_name(ItsFile::SshdConfig).len(), rows(ItsFile::SshdConfig) + WITHDRAWN.len() + 2);
        assert_eq!(by_name(ItsFile::Companion).len(), rows(ItsFile::Companion) + 2);
    }

    #[test]
    fn every_default_parses_and_is_shown_again() {
        let effective = Effective::defaults();
        for (keyword, lines) in effective.show(|_| false) {
            if keyword.id != Id::ListenAddress {
                let mut layer = Layer::default();
                for line in &lines {
                    layer.take(&Setting::parse_default(keyword.id, line));
                }
                let again = layer.effective().show(|_| false);
                let (_, shown) = again.iter().find(|(shown, _)| shown.id == keyword.id).unwrap();
                assert_eq!(&lines, shown, "{}", keyword.name);
            }
        }
    }
}
