//! Patterns, pattern lists, address lists and `user@host` patterns: one implementation for the configuration, for
//! account rules and for `from=` options.

mod address;

pub use address::{BadAddressList, check_address_list, matches_address_list, numeric_address};

use crate::text::to_bytes;

/// What a comma-separated list with negations says about a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListMatch {
    /// A pattern matches and no negated one does.
    Hit,
    /// A negated pattern (`!pattern`) matches: that decides at once.
    Negated,
    /// Nothing matches. A list of negations alone never hits.
    Miss,
}

impl ListMatch {
    /// Whether the list as a whole matches.
    pub fn is_hit(self) -> bool {
        self == Self::Hit
    }
}

/// Whether `pattern` (`*` any run, `?` one byte) matches the whole of `text`.
pub fn matches_pattern(text: &str, pattern: &str) -> bool {
    matches_bytes(&to_bytes(text), &to_bytes(pattern))
}

fn matches_bytes(text: &[u8], pattern: &[u8]) -> bool {
    // After a failure behind a star, the last star swallows one more byte: linear in practice, quadratic at worst.
    let (mut at, mut next) = (0, 0);
    let mut last_star = None;
    while at < text.len() {
        match pattern.get(next) {
            Some(b'*') => {
                last_star = Some((next, at));
                next += 1;
            }
            Some(&wanted) if wanted == b'?' || wanted == text[at] => {
                at += 1;
                next += 1;
            }
            _ => match last_star {
                Some((star, swallowed)) => {
                    last_star = Some((star, swallowed + 1));
                    at = swallowed + 1;
                    next = star + 1;
                }
                None => return false,
            },
        }
    }
    pattern[next..].iter().all(|&left| left == b'*')
}

/// What the list of patterns `list` says about `text`. Theirs refuses to match patterns of 1,023 bytes or more; we
/// match them like any other.
pub fn matches_pattern_list(text: &str, list: &str) -> ListMatch {
    let mut verdict = ListMatch::Miss;
    for pattern in items(list) {
        match pattern.strip_prefix('!') {
            Some(negated) if matches_pattern(text, negated) => return ListMatch::Negated,
            Some(_) => {}
            None if matches_pattern(text, pattern) => verdict = ListMatch::Hit,
            None => {}
        }
    }
    verdict
}

/// As [`matches_pattern_list`] for host names: upper and lower case are the same.
pub fn matches_host_list(host: &str, list: &str) -> ListMatch {
    matches_pattern_list(&host.to_ascii_lowercase(), &list.to_ascii_lowercase())
}

/// What a list says about all groups of an account: a negated hit on any group decides, else any hit counts.
pub fn matches_groups<'a>(groups: impl IntoIterator<Item = &'a str>, list: &str) -> ListMatch {
    let mut verdict = ListMatch::Miss;
    for group in groups {
        match matches_pattern_list(group, list) {
            ListMatch::Negated => return ListMatch::Negated,
            ListMatch::Hit => verdict = ListMatch::Hit,
            ListMatch::Miss => {}
        }
    }
    verdict
}

/// Whether an AllowUsers or DenyUsers word matches: `USER` or `USER@HOST`. The last `@` separates; USER is one
/// pattern, HOST a list of addresses and host patterns that must hit by address or by name and be negated by neither.
pub fn matches_user(user: &str, host: Option<&str>, address: &str, pattern: &str) -> bool {
    match pattern.rsplit_once('@') {
        None => matches_pattern(user, pattern),
        Some((user_pattern, hosts)) => {
            matches_pattern(user, user_pattern) && matches_host_or_address(host, address, hosts).is_hit()
        }
    }
}

/// Whether a list hits by address or by name; a negation by either decides.
pub fn matches_host_or_address(host: Option<&str>, address: &str, list: &str) -> ListMatch {
    let by_address = matches_address_list(address, list).unwrap_or(ListMatch::Negated);
    let by_name = matches_host_list(host.unwrap_or(address), list);
    match (by_address, by_name) {
        (ListMatch::Negated, _) | (_, ListMatch::Negated) => ListMatch::Negated,
        (ListMatch::Miss, ListMatch::Miss) => ListMatch::Miss,
        _ => ListMatch::Hit,
    }
}

/// Items between commas; a comma at the very end leaves nothing behind it.
fn items(list: &str) -> impl Iterator<Item = &str> {
    list.strip_suffix(',').unwrap_or(list).split(',').take(if list.is_empty() { 0 } else { usize::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (text, pattern) in [("", "*"), ("abc", "a*c"), ("abc", "???"), ("aab", "*ab"), ("a*b", "a*b"), ("", "")] {
            assert!(matches_pattern(text, pattern), "{text} {pattern}");
        }
        for (text, pattern) in [("abc", "a*b"), ("", "?"), ("abc", "??"), ("abc", "[a]bc"), ("x", "")] {
            assert!(!matches_pattern(text, pattern), "{text} {pattern}");
        }
    }

    #[test]
    fn one_question_mark_is_one_byte() {
        assert!(!matches_pattern("\u{fc}", "?"));
        assert!(matches_pattern("\u{fc}", "??"));
        assert!(matches_pattern(&crate::text::from_bytes(b"\xff"), "?"));
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        assert!(!matches_pattern(&"a".repeat(2000), &format!("{}b", "a*".repeat(200))));
    }

    #[test]
    fn negations_decide_and_never_hit_alone() {
        assert_eq!(matches_pattern_list("fred", "f*,!fred"), ListMatch::Negated);
        assert_eq!(matches_pattern_list("bob", "!fred"), ListMatch::Miss);
        assert_eq!(matches_pattern_list("bob", "!fred,*"), ListMatch::Hit);
    }

    #[test]
    fn empty_items() {
        assert_eq!(matches_pattern_list("", ""), ListMatch::Miss);
        assert_eq!(matches_pattern_list("", "a,"), ListMatch::Miss);
        assert_eq!(matches_pattern_list("", ",a"), ListMatch::Hit);
    }

    #[test]
    fn long_patterns_match_like_any_other() {
        let long = "b".repeat(5000);
        assert_eq!(matches_pattern_list(&long, &format!("x,{long}")), ListMatch::Hit);
        assert_eq!(matches_pattern_list("x", &format!("x,{long}")), ListMatch::Hit);
    }

    #[test]
    fn users_at_hosts() {
        assert!(matches_user("a@b", None, "192.0.2.1", "a@b@192.0.2.0/24"));
        assert!(matches_user("fred", Some("h.Example.org"), "192.0.2.1", "fred@*.example.org"));
        assert!(!matches_user("fred", Some("h.example.org"), "192.0.2.9", "fred@192.0.2.0/24,!192.0.2.9"));
        assert!(!matches_user("bob", None, "192.0.2.1", "fred@*"));
    }

    #[test]
    fn a_negated_group_decides() {
        assert_eq!(matches_groups(["wheel", "users"], "users,!wheel"), ListMatch::Negated);
        assert_eq!(matches_groups(["users"], "users,!wheel"), ListMatch::Hit);
        assert_eq!(matches_groups([], "*"), ListMatch::Miss);
    }
}
