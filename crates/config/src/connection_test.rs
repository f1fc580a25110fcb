//! `-C`: a connection to test a configuration with.

use nix::unistd::{Gid, Group, User, getgrouplist};
use settings::{Criterion, MatchFacts, Settings, port_number};

/// What `-C` said, all of them together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionTest {
    facts: MatchFacts,
}

/// A `-C` that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadConnectionTest {
    /// No such key.
    #[error("invalid test mode specification \"{0}\"")]
    UnknownItem(String),
    /// lport is no port.
    #[error("invalid port \"{0}\" in test mode specification")]
    BadPort(String),
}

impl ConnectionTest {
    /// Takes one `-C`: items separated by commas; an empty one ends the list, as theirs.
    pub fn take(&mut self, specification: &str) -> Result<(), BadConnectionTest> {
        for item in specification.split(',').take_while(|item| !item.is_empty()) {
            if item == "invalid-user" {
                self.facts.invalid_user = true;
                continue;
            }
            let unknown = || BadConnectionTest::UnknownItem(item.to_owned());
            let (key, value) = item.split_once('=').ok_or_else(unknown)?;
            let slot = match key {
                "user" => &mut self.facts.user,
                "host" => &mut self.facts.host,
                "addr" => &mut self.facts.address,
                "laddr" => &mut self.facts.local_address,
                "rdomain" => &mut self.facts.routing_domain,
                "lport" => {
                    let port = port_number(value).ok_or_else(|| BadConnectionTest::BadPort(value.to_owned()))?;
                    // Port 0 is "not given", as theirs.
                    self.facts.local_port = (port != 0).then_some(port);
                    continue;
                }
                _ => return Err(unknown()),
            };
            *slot = Some(value.to_owned());
        }
        Ok(())
    }

    /// The connection, with the groups of its user looked up.
    pub fn facts(&self) -> MatchFacts {
        MatchFacts { groups: self.facts.user.as_deref().and_then(groups_of), ..self.facts.clone() }
    }

    /// A LocalPort criterion that is reached and cannot be answered: theirs ends the run then, and so do we. In a file
    /// that a block includes it is reached only if that block matches.
    pub fn lacks_local_port(&self, settings: &Settings) -> bool {
        if self.facts.local_port.is_some() {
            return false;
        }
        let facts = self.facts();
        let asks = |criterion: &Criterion| matches!(criterion, Criterion::LocalPort(_));
        settings.blocks.iter().any(|block| {
            block.criteria.iter().any(asks) && block.inside.is_none_or(|outer| settings.holds(outer, &facts))
        })
    }
}

/// Names of all groups of an account; nothing when there is no such account.
fn groups_of(user: &str) -> Option<Vec<String>> {
    let account = User::from_name(user).ok().flatten()?;
    let name = std::ffi::CString::new(user).ok()?;
    let ids = getgrouplist(&name, account.gid).ok()?;
    let named = |id: Gid| Group::from_gid(id).ok().flatten().map(|group| group.name);
    Some(ids.into_iter().filter_map(named).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(specifications: &[&str]) -> MatchFacts {
        let mut test = ConnectionTest::default();
        for specification in specifications {
            test.take(specification).unwrap();
        }
        test.facts
    }

    #[test]
    fn later_items_win_and_an_empty_one_ends_the_list() {
        let facts = taken(&["user=a,user=fred,,host=h", "addr=none"]);
        assert_eq!((facts.user.as_deref(), facts.host, facts.address.as_deref()), (Some("fred"), None, Some("none")));
        assert_eq!(taken(&[",user=x"]), MatchFacts::default());
        assert_eq!(taken(&["user="]).user.as_deref(), Some(""));
        assert!(taken(&["invalid-user"]).invalid_user);
        assert_eq!(taken(&["lport=0"]).local_port, None);
    }

    #[test]
    fn unknown_items_are_refused() {
        for specification in ["USER=fred", "user", "bogus=1", "lport=70000", "lport=x", "invalid-user=yes"] {
            assert!(ConnectionTest::default().take(specification).is_err(), "{specification}");
        }
    }

    #[test]
    fn roots_groups_are_found() {
        assert!(groups_of("root").unwrap().iter().any(|name| name == "root"));
        assert_eq!(groups_of("no such user"), None);
    }
}
