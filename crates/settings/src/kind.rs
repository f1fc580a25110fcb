//! What a type of value must be able to do. The table in [`crate::keywords`] only names kinds; all cleverness is here.

use serde::{Serialize, de::DeserializeOwned};

use crate::{Arguments, Complaint};

/// One kind of value: how it is read, how several lines for one keyword are merged, and how `-T` shows it.
pub trait Kind {
    /// What a reader of the settings sees.
    type Value: Clone + std::fmt::Debug + PartialEq + Serialize + DeserializeOwned;

    /// How several lines combine, in words (for the manual and for `--why`).
    const REPEAT: Repeat = Repeat::FirstWins;

    /// How a value is written, in words for the manual.
    const WRITTEN: &'static str;

    /// What each word means, for kinds that take one of a few words.
    const WORDS: &'static [(&'static str, &'static str)] = &[];

    /// The value of a keyword whose default is that no line was given; only lists have one.
    fn nothing() -> Option<Self::Value> {
        None
    }

    /// Reads the value. Words that are left in `arguments` afterwards are the line's error, not the value's.
    fn parse(arguments: &mut Arguments<'_>) -> Result<Self::Value, Complaint>;

    /// A later line of the same layer. Returns whether anything of `later` was taken; by default the first value wins.
    fn take_later(earlier: &mut Self::Value, later: &Self::Value) -> bool {
        let _ = (earlier, later);
        false
    }

    /// What Match blocks collected, laid over the global value; by default it replaces it.
    fn lay_over(global: &Self::Value, matched: Self::Value) -> Self::Value {
        let _ = global;
        matched
    }

    /// The value as `-T` shows it: one entry a line, without the keyword. `from_match` tells whether a Match block
    /// said it, because theirs shows a cleared file list only then.
    fn show(value: &Self::Value, from_match: bool) -> Vec<String>;
}

/// How several lines for one keyword combine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// The first value is kept; later lines are checked and have no effect.
    FirstWins,
    /// Every line adds.
    Accumulates,
    /// The last value is kept.
    LastWins,
    /// First wins, part by part (sizes and times, sub-keys, names).
    FirstWinsByPart,
}

impl Repeat {
    /// One sentence for the manual.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::FirstWins => "The first value is used.",
            Self::Accumulates => "May be given several times; the values add up.",
            Self::LastWins => "If given several times, the last value is used.",
            Self::FirstWinsByPart => "May be given several times; for each part the first value is used.",
        }
    }
}
