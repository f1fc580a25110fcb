//! Which environment variables others than the administrator may set.

use settings::Effective;
use settings::pattern::{matches_pattern, matches_pattern_list};
use settings::values::UserEnvironment;

use crate::Restrictions;

/// Whether a client may set a variable of this name (`env` requests, RFC 4254 section 6.4): an AcceptEnv pattern must
/// match the whole of it (CVE-2014-2532), and it must be a name at all.
#[must_use]
pub fn accepts_client_variable(effective: &Effective, name: &str) -> bool {
    is_name(name) && effective.accept_env.iter().any(|pattern| matches_pattern(name, pattern))
}

/// The variables of a credential (`environment="…"`) that PermitUserEnvironment lets through.
#[must_use]
pub fn key_environment(effective: &Effective, restrictions: &Restrictions) -> Vec<(String, String)> {
    restrictions.environment.iter().filter(|(name, _)| is_permitted(effective, name)).cloned().collect()
}

/// Longest `~/.ssh/environment` in lines; what stands behind them is not read.
const MOST_LINES: usize = 1000;

/// What `~/.ssh/environment` comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct UserVariables {
    /// Those that PermitUserEnvironment lets through. Names are text, values any bytes.
    pub permitted: Vec<(String, Vec<u8>)>,
    /// Numbers of lines that are no variable, no comment and not empty, from 1.
    pub bad_lines: Vec<usize>,
}

/// The variables of `~/.ssh/environment`: `NAME=value` on each line, without quotes; empty lines and comments are
/// skipped.
#[must_use]
pub fn user_environment(effective: &Effective, text: &[u8]) -> UserVariables {
    let mut variables = UserVariables::default();
    for (number, line) in (1..=MOST_LINES).zip(text.split(|byte| *byte == b'\n')) {
        let line = line.trim_ascii_start();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        match assignment(line) {
            Some((name, value)) if is_permitted(effective, name) => {
                variables.permitted.push((name.to_owned(), value.to_vec()));
            }
            Some(_) => {}
            None => variables.bad_lines.push(number),
        }
    }
    variables
}

/// `NAME=value`
fn assignment(line: &[u8]) -> Option<(&str, &[u8])> {
    let end = line.iter().position(|byte| *byte == b'=')?;
    let (name, value) = line.split_at_checked(end)?;
    Some((std::str::from_utf8(name).ok()?, value.get(1..)?))
}

fn is_permitted(effective: &Effective, name: &str) -> bool {
    is_name(name)
        && match &effective.permit_user_environment {
            UserEnvironment::No => false,
            UserEnvironment::Yes => true,
            UserEnvironment::Patterns(list) => matches_pattern_list(name, list).is_hit(),
        }
}

/// With an `=` inside, a name would set another variable than the one that was allowed.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}
