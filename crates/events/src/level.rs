//! Levels of `LogLevel` and facilities of `SyslogFacility` in sshd_config(5).

use serde::{Deserialize, Serialize};

/// From the most to the least important; a `LogLevel` writes itself and everything before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Level {
    /// Nothing is written.
    Quiet,
    /// The process ends because of it.
    Fatal,
    /// Something is wrong.
    Error,
    /// The default.
    Info,
    /// Fingerprints, files and sessions.
    Verbose,
    /// `DEBUG`
    Debug1,
    /// `DEBUG2`
    Debug2,
    /// `DEBUG3`
    Debug3,
}

/// Every level by the name that sshd_config(5) gives it; `DEBUG1` is another name of `DEBUG`.
const LEVELS: [(&str, Level); 9] = [
    ("QUIET", Level::Quiet),
    ("FATAL", Level::Fatal),
    ("ERROR", Level::Error),
    ("INFO", Level::Info),
    ("VERBOSE", Level::Verbose),
    ("DEBUG", Level::Debug1),
    ("DEBUG1", Level::Debug1),
    ("DEBUG2", Level::Debug2),
    ("DEBUG3", Level::Debug3),
];

/// Facilities with their numbers of RFC 5424 section 6.2.1.
const FACILITIES: [(&str, u8); 12] = [
    ("DAEMON", 3),
    ("USER", 1),
    ("AUTH", 4),
    ("AUTHPRIV", 10),
    ("LOCAL0", 16),
    ("LOCAL1", 17),
    ("LOCAL2", 18),
    ("LOCAL3", 19),
    ("LOCAL4", 20),
    ("LOCAL5", 21),
    ("LOCAL6", 22),
    ("LOCAL7", 23),
];

/// How deep a detail for somebody who debugs lies: all that processes may choose which talk to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Depth {
    /// `debug1:`
    One,
    /// `debug2:`
    Two,
    /// `debug3:`
    Three,
}

impl Depth {
    /// 1, 2 or 3.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Three => 3,
        }
    }

    /// The depth of this number, the deepest for larger ones.
    #[must_use]
    pub fn of(number: u8) -> Self {
        match number {
            0 | 1 => Self::One,
            2 => Self::Two,
            _ => Self::Three,
        }
    }
}

impl From<Depth> for Level {
    fn from(depth: Depth) -> Self {
        match depth {
            Depth::One => Self::Debug1,
            Depth::Two => Self::Debug2,
            Depth::Three => Self::Debug3,
        }
    }
}

impl Level {
    /// How deep the details go that a log of this level takes; none above DEBUG.
    #[must_use]
    pub fn depth(self) -> Option<Depth> {
        match self {
            Self::Debug1 => Some(Depth::One),
            Self::Debug2 => Some(Depth::Two),
            Self::Debug3 => Some(Depth::Three),
            _ => None,
        }
    }

    /// The level of this name, in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        LEVELS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, level)| *level)
    }

    /// The name that sshd_config(5) gives it.
    #[must_use]
    pub fn name(self) -> &'static str {
        LEVELS.iter().find(|(_, level)| *level == self).map_or("QUIET", |(name, _)| name)
    }

    /// The level of `-d`, `-dd` and `-ddd`.
    #[must_use]
    pub fn of_debug_flags(count: u8) -> Option<Self> {
        match count {
            0 => None,
            1 => Some(Self::Debug1),
            2 => Some(Self::Debug2),
            _ => Some(Self::Debug3),
        }
    }

    /// What stands in front of the text in syslog, as fail2ban and others expect it.
    #[must_use]
    pub fn prefix_in_syslog(self) -> &'static str {
        match self {
            Self::Fatal => "fatal: ",
            Self::Error => "error: ",
            _ => self.prefix_on_stderr(),
        }
    }

    /// What stands in front of the text on standard error and in a file of `-E`: theirs marks errors in syslog only.
    #[must_use]
    pub fn prefix_on_stderr(self) -> &'static str {
        match self {
            Self::Debug1 => "debug1: ",
            Self::Debug2 => "debug2: ",
            Self::Debug3 => "debug3: ",
            _ => "",
        }
    }

    /// RFC 5424 severity that theirs gives lines of this level.
    pub(crate) fn severity(self) -> u8 {
        match self {
            Self::Quiet | Self::Fatal => 2,
            Self::Error => 3,
            Self::Info | Self::Verbose => 6,
            Self::Debug1 | Self::Debug2 | Self::Debug3 => 7,
        }
    }
}

/// Number of a `SyslogFacility` (RFC 5424: AUTH is 4), its name in any case.
#[must_use]
pub fn facility_named(name: &str) -> Option<u8> {
    FACILITIES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, number)| *number)
}

/// The same number if some name means it, else that of AUTH: what a less trusted process names.
pub(crate) fn known_facility(number: u8) -> u8 {
    const AUTH: u8 = 4;
    if FACILITIES.iter().any(|(_, known)| *known == number) { number } else { AUTH }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_levels_ignore_case_and_debug1_is_debug() {
        assert_eq!(Level::named("debug1"), Some(Level::Debug1));
        assert_eq!(Level::Debug1.name(), "DEBUG");
        assert_eq!(Level::named("VERBOSE"), Some(Level::Verbose));
        assert_eq!(Level::named("LOUD"), None);
        for (name, level) in LEVELS {
            assert_eq!(Level::named(level.name()), Some(level), "{name}");
        }
    }

    #[test]
    fn details_are_as_deep_as_the_level() {
        for depth in [Depth::One, Depth::Two, Depth::Three] {
            assert_eq!(Level::from(depth).depth(), Some(depth));
            assert_eq!(Depth::of(depth.number()), depth);
        }
        assert_eq!(Level::Verbose.depth(), None);
    }

    #[test]
    fn a_log_level_writes_itself_and_what_is_more_important() {
        assert!(Level::Error < Level::Info && Level::Info < Level::Verbose && Level::Debug2 < Level::Debug3);
    }

    #[test]
    fn facilities_have_their_syslog_numbers() {
        assert_eq!(facility_named("auth"), Some(4));
        assert_eq!(facility_named("AUTHPRIV"), Some(10));
        assert_eq!(facility_named("LOCAL7"), Some(23));
        assert_eq!(facility_named("KERN"), None);
    }
}
