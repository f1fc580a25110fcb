//! PerSourcePenalties: how long a source that misbehaved is refused.

use serde::{Deserialize, Serialize};

use super::numbers::number;
use super::time::parse_seconds;
use crate::kind::Repeat;
use crate::{Arguments, Complaint, Kind};

/// What happens when more sources are penalised than can be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Overflow {
    /// Sources with the shortest penalties are forgotten.
    Permissive,
    /// Everybody but exempt sources is refused until there is room.
    DenyAll,
}

impl Overflow {
    fn word(self) -> &'static str {
        match self {
            Self::Permissive => "permissive",
            Self::DenyAll => "deny-all",
        }
    }
}

/// Penalties as said; what was not said has a default. Times are seconds, with fractions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PerSourcePenalties {
    enabled: Option<bool>,
    times: [Option<f64>; 8],
    sources: [Option<u32>; 2],
    overflow: [Option<Overflow>; 2],
}

/// Names and defaults (seconds) of the times, in the order of the dump.
const TIMES: [(&str, f64); 8] = [
    ("crash", 90.0),
    ("authfail", 5.0),
    ("noauth", 1.0),
    ("invaliduser", 5.0),
    ("grace-exceeded", 10.0),
    ("refuseconnection", 10.0),
    ("max", 600.0),
    ("min", 15.0),
];
const SOURCES: [&str; 2] = ["max-sources4", "max-sources6"];
const OVERFLOWS: [&str; 2] = ["overflow", "overflow6"];
const MOST_SOURCES: u32 = 65_536;

macro_rules! times {
    ($($(#[doc = $doc:literal])+ $name:ident = $place:literal;)+) => {
        $($(#[doc = $doc])+ pub fn $name(&self) -> f64 { self.times[$place].unwrap_or(TIMES[$place].1) })+
    };
}

impl PerSourcePenalties {
    /// Whether sources are penalised at all.
    pub fn enabled(&self) -> bool {
        self.enabled.unwrap_or(true)
    }

    times! {
        /// For a connection that crashed its process.
        crash = 0;
        /// For a failed login.
        authfail = 1;
        /// For a connection without an attempt to log in.
        noauth = 2;
        /// For an attempt as a user that does not exist.
        invaliduser = 3;
        /// For a connection that outstayed LoginGraceTime.
        grace_exceeded = 4;
        /// For a connection that RefuseConnection ended.
        refuseconnection = 5;
        /// The most that penalties add up to.
        max = 6;
        /// Below this, penalties only add up.
        min = 7;
    }

    /// How many IPv4 sources are remembered.
    pub fn max_sources4(&self) -> u32 {
        self.sources[0].unwrap_or(MOST_SOURCES)
    }

    /// How many IPv6 sources are remembered.
    pub fn max_sources6(&self) -> u32 {
        self.sources[1].unwrap_or(MOST_SOURCES)
    }

    /// When there are more IPv4 sources.
    pub fn overflow(&self) -> Overflow {
        self.overflow[0].unwrap_or(Overflow::Permissive)
    }

    /// When there are more IPv6 sources; the same as for IPv4 if not said.
    pub fn overflow6(&self) -> Overflow {
        self.overflow[1].unwrap_or_else(|| self.overflow())
    }
}

/// `yes`, `no`, or `name:value` words.
pub struct Penalties;

impl Kind for Penalties {
    type Value = PerSourcePenalties;
    const REPEAT: Repeat = Repeat::FirstWinsByPart;
    const WRITTEN: &'static str = "yes|no|name:value...";

    fn parse(arguments: &mut Arguments<'_>) -> Result<PerSourcePenalties, Complaint> {
        let first = arguments.required()?;
        let rest = arguments.rest();
        let mut penalties = PerSourcePenalties::default();
        if let Some(enabled) = on_or_off(first) {
            if !rest.is_empty() {
                return Err(Complaint::fatal(format!("\"{first}\" must be the only argument")));
            }
            penalties.enabled = Some(enabled);
            return Ok(penalties);
        }
        for word in std::iter::once(first).chain(rest.iter().map(AsRef::as_ref)) {
            // As theirs: behind a sub-key, "yes" and "no" say nothing.
            if on_or_off(word).is_none() {
                take_word(&mut penalties, word).ok_or_else(|| Complaint::fatal(format!("bad penalty \"{word}\"")))?;
                penalties.enabled = Some(true);
            }
        }
        Ok(penalties)
    }

    /// First value wins for each sub-key, except that any sub-key turns penalties on, even after `no`.
    fn take_later(earlier: &mut PerSourcePenalties, later: &PerSourcePenalties) -> bool {
        let before = earlier.clone();
        earlier.enabled = if later.enabled == Some(true) && has_sub_keys(later) {
            Some(true)
        } else {
            earlier.enabled.or(later.enabled)
        };
        fill(&mut earlier.times, &later.times);
        fill(&mut earlier.sources, &later.sources);
        fill(&mut earlier.overflow, &later.overflow);
        *earlier != before
    }

    fn show(value: &PerSourcePenalties, _from_match: bool) -> Vec<String> {
        if !value.enabled() {
            return vec!["no".to_owned()];
        }
        let times = TIMES
            .iter()
            .zip(&value.times)
            .map(|((name, default), said)| format!("{name}:{:.6}", said.unwrap_or(*default)));
        let sources = SOURCES.iter().zip([value.max_sources4(), value.max_sources6()]);
        let overflows = OVERFLOWS.iter().zip([value.overflow(), value.overflow6()]);
        let words: Vec<String> = times
            .chain(sources.map(|(name, sources)| format!("{name}:{sources}")))
            .chain(overflows.map(|(name, overflow)| format!("{name}:{}", overflow.word())))
            .collect();
        vec![words.join(" ")]
    }
}

fn on_or_off(word: &str) -> Option<bool> {
    match word {
        _ if word.eq_ignore_ascii_case("yes") => Some(true),
        _ if word.eq_ignore_ascii_case("no") => Some(false),
        _ => None,
    }
}

fn has_sub_keys(said: &PerSourcePenalties) -> bool {
    said.times.iter().any(Option::is_some)
        || said.sources.iter().any(Option::is_some)
        || said.overflow.iter().any(Option::is_some)
}

fn fill<T: Copy>(earlier: &mut [Option<T>], later: &[Option<T>]) {
    for (earlier, later) in earlier.iter_mut().zip(later) {
        *earlier = earlier.or(*later);
    }
}

/// Takes one `name:value`; the first of a name on the line counts.
fn take_word(penalties: &mut PerSourcePenalties, word: &str) -> Option<()> {
    let (name, value) = word.split_once(':')?;
    if let Some(place) = TIMES.iter().position(|(known, _)| *known == name) {
        let seconds = parse_seconds(value)?;
        penalties.times[place].get_or_insert(seconds);
    } else if let Some(place) = SOURCES.iter().position(|known| *known == name) {
        let sources = number(value)?;
        penalties.sources[place].get_or_insert(sources);
    } else {
        let place = OVERFLOWS.iter().position(|known| *known == name)?;
        let overflow = [Overflow::Permissive, Overflow::DenyAll].into_iter().find(|known| known.word() == value)?;
        penalties.overflow[place].get_or_insert(overflow);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::parse_plain;

    fn lines(lines: &[&str]) -> PerSourcePenalties {
        let mut parsed = lines.iter().map(|line| parse_plain(line, Penalties::parse).unwrap());
        let mut first = parsed.next().unwrap();
        for later in parsed {
            Penalties::take_later(&mut first, &later);
        }
        first
    }

    #[test]
    fn sub_keys_turn_penalties_on() {
        assert!(!lines(&["no"]).enabled());
        assert!(lines(&["no", "crash:5"]).enabled());
        assert!(lines(&["crash:1 no"]).enabled());
        assert_eq!(lines(&["crash:5", "authfail:6 crash:7"]).crash(), 5.0);
    }

    #[test]
    fn the_overflow_of_ipv6_follows_that_of_ipv4() {
        assert_eq!(lines(&["overflow:deny-all"]).overflow6(), Overflow::DenyAll);
        assert_eq!(lines(&["overflow6:permissive", "overflow:deny-all"]).overflow6(), Overflow::Permissive);
    }

    #[test]
    fn shown_with_six_decimals() {
        let shown = Penalties::show(&lines(&["noauth:1234567.8912345 crash:1m2.25s"]), false).remove(0);
        assert!(shown.starts_with("crash:62.250000 authfail:5.000000 noauth:1234567.891235 "), "{shown}");
    }

    #[test]
    fn what_is_no_penalty() {
        for text in ["crash", "crash:-1", "bogus:1", "no crash:1", "yes no", "overflow:x", "max-sources4:-1"] {
            assert!(parse_plain(text, Penalties::parse).is_err(), "{text}");
        }
    }
}
