//! Match blocks: what a line asks for, and what a connection answers.

use serde::{Deserialize, Serialize};

use crate::paths::RELEASE;
use crate::pattern::{matches_address_list, matches_groups, matches_host_list, matches_pattern_list};

/// What is known about a connection. What is not known makes its criterion false.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MatchFacts {
    /// The name given at login.
    pub user: Option<String>,
    /// The names of all groups of the account; nothing when there is no such account.
    pub groups: Option<Vec<String>>,
    /// Whether the account is known not to exist.
    pub invalid_user: bool,
    /// The client's host name, or its address if names are not looked up.
    pub host: Option<String>,
    /// The client's address.
    pub address: Option<String>,
    /// Our address.
    pub local_address: Option<String>,
    /// Our port.
    pub local_port: Option<u16>,
    /// The routing domain of the connection.
    pub routing_domain: Option<String>,
}

/// One criterion of a Match line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Criterion {
    /// `all`
    All,
    /// `invalid-user`
    InvalidUser,
    /// `User` with a pattern list
    User(String),
    /// `Group` with a pattern list
    Group(String),
    /// `Host` with a pattern list
    Host(String),
    /// `Address` with an address list
    Address(String),
    /// `LocalAddress` with an address list
    LocalAddress(String),
    /// `LocalPort` with a port
    LocalPort(u16),
    /// `RDomain` with a pattern list
    RoutingDomain(String),
    /// `Version` with a pattern list
    Version(String),
}

/// What a criterion came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It holds.
    Matched,
    /// It does not.
    DidNotMatch,
    /// What it asks for is not known; that counts as "does not".
    NotGiven,
}

impl Criterion {
    /// Whether the criterion holds for a connection.
    pub fn answer(&self, facts: &MatchFacts) -> Answer {
        let holds = match self {
            Self::All => Some(true),
            Self::InvalidUser => Some(facts.invalid_user),
            Self::Version(list) => Some(matches_pattern_list(RELEASE, list).is_hit()),
            Self::User(list) => facts.user.as_deref().map(|user| matches_pattern_list(user, list).is_hit()),
            Self::Group(list) => facts.user.as_ref().map(|_| {
                let groups = facts.groups.iter().flatten().map(String::as_str);
                matches_groups(groups, list).is_hit()
            }),
            Self::Host(list) => facts.host.as_deref().map(|host| matches_host_list(host, list).is_hit()),
            Self::Address(list) => facts.address.as_deref().map(|address| address_hits(address, list)),
            Self::LocalAddress(list) => facts.local_address.as_deref().map(|address| address_hits(address, list)),
            Self::LocalPort(port) => facts.local_port.map(|local| local == *port && local != 0),
            Self::RoutingDomain(list) => {
                facts.routing_domain.as_deref().map(|domain| matches_pattern_list(domain, list).is_hit())
            }
        };
        match holds {
            Some(true) => Answer::Matched,
            Some(false) => Answer::DidNotMatch,
            None => Answer::NotGiven,
        }
    }

    /// Whether the criterion holds before anything is known of any connection: then the block acts from the start,
    /// and even keywords that only the global part may hold are taken from it, as theirs.
    pub fn holds_at_start(&self) -> bool {
        matches!(self, Self::All | Self::Version(_)) && self.answer(&MatchFacts::default()) == Answer::Matched
    }

    /// The criterion as written, in the manual's spelling.
    pub fn written(&self) -> String {
        match self {
            Self::All => "all".to_owned(),
            Self::InvalidUser => "invalid-user".to_owned(),
            Self::User(list) => format!("User {list}"),
            Self::Group(list) => format!("Group {list}"),
            Self::Host(list) => format!("Host {list}"),
            Self::Address(list) => format!("Address {list}"),
            Self::LocalAddress(list) => format!("LocalAddress {list}"),
            Self::LocalPort(port) => format!("LocalPort {port}"),
            Self::RoutingDomain(list) => format!("RDomain {list}"),
            Self::Version(list) => format!("Version {list}"),
        }
    }

    /// The word of `-C` that answers the criterion, if there is one.
    pub fn test_key(&self) -> Option<&'static str> {
        match self {
            Self::All | Self::Version(_) => None,
            Self::InvalidUser => Some("invalid-user"),
            Self::User(_) | Self::Group(_) => Some("user"),
            Self::Host(_) => Some("host"),
            Self::Address(_) => Some("addr"),
            Self::LocalAddress(_) => Some("laddr"),
            Self::LocalPort(_) => Some("lport"),
            Self::RoutingDomain(_) => Some("rdomain"),
        }
    }
}

fn address_hits(address: &str, list: &str) -> bool {
    matches_address_list(address, list).is_ok_and(|verdict| verdict.is_hit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_does_not_match() {
        let nothing = MatchFacts::default();
        assert_eq!(Criterion::User("*".to_owned()).answer(&nothing), Answer::NotGiven);
        assert_eq!(Criterion::Address("*".to_owned()).answer(&nothing), Answer::NotGiven);
        assert_eq!(Criterion::All.answer(&nothing), Answer::Matched);
    }

    #[test]
    fn unknown_accounts_are_in_no_group() {
        let facts = MatchFacts { user: Some("zz".to_owned()), ..MatchFacts::default() };
        assert_eq!(Criterion::Group("*".to_owned()).answer(&facts), Answer::DidNotMatch);
    }

    #[test]
    fn hosts_ignore_case_and_users_do_not() {
        let facts =
            MatchFacts { user: Some("Dave".to_owned()), host: Some("H.Example".to_owned()), ..MatchFacts::default() };
        assert_eq!(Criterion::Host("h.EXAMPLE".to_owned()).answer(&facts), Answer::Matched);
        assert_eq!(Criterion::User("dave".to_owned()).answer(&facts), Answer::DidNotMatch);
    }

    #[test]
    fn only_all_and_version_hold_at_the_start() {
        assert!(Criterion::All.holds_at_start());
        assert!(Criterion::Version("OpenSSH_10*".to_owned()).holds_at_start());
        assert!(!Criterion::Version("NoSuchServer_*".to_owned()).holds_at_start());
        assert!(!Criterion::User("*".to_owned()).holds_at_start());
    }
}
