//! AcceptEnv, SetEnv and PermitUserEnvironment.

use serde::{Deserialize, Serialize};

use crate::kind::Repeat;
use crate::{Arguments, Complaint, Kind};

/// Patterns of names of environment variables that the client may send.
pub struct EnvironmentPatterns;

impl Kind for EnvironmentPatterns {
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
            .map(|word| match word {
                "" => Err(Complaint::fatal("empty name of a variable")),
                _ if word.contains('=') => Err(Complaint::fatal(format!("bad name of a variable \"{word}\""))),
                _ => Ok(word.to_owned()),
            })
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

/// `NAME=VALUE` words; the first of a name on the line counts.
pub struct EnvironmentAssignments;

impl Kind for EnvironmentAssignments {
    type Value = Vec<(String, String)>;
    const WRITTEN: &'static str = "NAME=value...";

    fn nothing() -> Option<Self::Value> {
        Some(Vec::new())
    }

    fn parse(arguments: &mut Arguments<'_>) -> Result<Self::Value, Complaint> {
        let first = arguments.required()?;
        let mut assignments: Self::Value = Vec::new();
        for word in std::iter::once(first).chain(arguments.rest().iter().map(AsRef::as_ref)) {
            let Some((name, value)) = word.split_once('=') else {
                return Err(Complaint::fatal(format!("\"{word}\" is not NAME=VALUE")));
            };
            if assignments.iter().all(|(known, _)| known != name) {
                assignments.push((name.to_owned(), value.to_owned()));
            }
        }
        Ok(assignments)
    }

    fn show(value: &Self::Value, _from_match: bool) -> Vec<String> {
        value.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }
}

/// Whether `~/.ssh/environment` and `environment=` options are read, and for which names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserEnvironment {
    /// They are not.
    No,
    /// For all names.
    Yes,
    /// For names that this pattern list matches.
    Patterns(String),
}

/// `yes`, `no` (lower case) or a pattern list.
pub struct PermitUserEnvironment;

impl Kind for PermitUserEnvironment {
    type Value = UserEnvironment;
    const WRITTEN: &'static str = "yes|no|pattern-list";

    fn parse(arguments: &mut Arguments<'_>) -> Result<UserEnvironment, Complaint> {
        Ok(match arguments.required()? {
            "yes" => UserEnvironment::Yes,
            "no" => UserEnvironment::No,
            word => UserEnvironment::Patterns(word.to_owned()),
        })
    }

    fn show(value: &UserEnvironment, _from_match: bool) -> Vec<String> {
        vec![match value {
            UserEnvironment::Yes => "yes".to_owned(),
            UserEnvironment::No => "no".to_owned(),
            UserEnvironment::Patterns(list) => list.clone(),
        }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::parse_plain;

    #[test]
    fn the_first_assignment_of_a_name_counts() {
        let value = parse_plain("A=1 B== A=2", EnvironmentAssignments::parse).unwrap();
        assert_eq!(EnvironmentAssignments::show(&value, false), ["A=1", "B=="]);
        assert!(parse_plain("A", EnvironmentAssignments::parse).is_err());
    }

    #[test]
    fn names_hold_no_equals_sign() {
        assert!(parse_plain("LANG LC_* A,B", EnvironmentPatterns::parse).is_ok());
        assert!(parse_plain("A=B", EnvironmentPatterns::parse).is_err());
    }
}
