//! AllowUsers, DenyUsers, AllowGroups, DenyGroups.

use crate::kind::Repeat;
use crate::pattern::check_address_list;
use crate::{Arguments, Complaint, Kind};

/// `USER` or `USER@HOST` patterns. What stands behind the last `@` may be a list of addresses, which is checked here.
pub struct UserPatterns;

/// Patterns of group names.
pub struct AccountPatterns;

impl Kind for UserPatterns {
    type Value = Vec<String>;
    const REPEAT: Repeat = Repeat::Accumulates;
    const WRITTEN: &'static str = "pattern[@hosts]...";

    fn nothing() -> Option<Self::Value> {
        Some(Vec::new())
    }

    fn parse(arguments: &mut Arguments<'_>) -> Result<Vec<String>, Complaint> {
        let patterns = AccountPatterns::parse(arguments)?;
        for pattern in &patterns {
            if let Some((_, hosts)) = pattern.rsplit_once('@') {
                check_address_list(hosts).map_err(|error| Complaint::fatal(format!("\"{pattern}\": {error}")))?;
            }
        }
        Ok(patterns)
    }

    fn take_later(earlier: &mut Vec<String>, later: &Vec<String>) -> bool {
        AccountPatterns::take_later(earlier, later)
    }

    fn show(value: &Vec<String>, _from_match: bool) -> Vec<String> {
        value.clone()
    }
}

impl Kind for AccountPatterns {
    type Value = Vec<String>;
    const REPEAT: Repeat = Repeat::Accumulates;
    const WRITTEN: &'static str = "pattern...";

    fn nothing() -> Option<Self::Value> {
        Some(Vec::new())
    }

    fn parse(arguments: &mut Arguments<'_>) -> Result<Vec<String>, Complaint> {
        let first = arguments.required()?;
        std::iter::once(first)
            .chain(arguments.rest().iter().map(AsRef::as_ref))
            .map(|word| if word.is_empty() { Err(Complaint::fatal("empty pattern")) } else { Ok(word.to_owned()) })
            .collect()
    }

    fn take_later(earlier: &mut Vec<String>, later: &Vec<String>) -> bool {
        earlier.extend_from_slice(later);
        true
    }

    fn show(value: &Vec<String>, _from_match: bool) -> Vec<String> {
        value.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::parse_plain;

    #[test]
    fn hosts_are_checked() {
        for text in ["fred", "*@192.0.2.0/24 guest", "@host", "fred,alice !bob", "?@h", "a@b@10.*"] {
            assert!(parse_plain(text, UserPatterns::parse).is_ok(), "{text}");
        }
        for text in ["fred@192.0.2.1/24", "fred@192.0.2.0/33", "fred@", "ok a@::1/32"] {
            assert!(matches!(parse_plain(text, UserPatterns::parse), Err(Complaint::Fatal(_))), "{text}");
        }
    }
}
