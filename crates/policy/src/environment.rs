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
    let permitted = |name: &str| match &effective.permit_user_environment {
        UserEnvironment::No => false,
        UserEnvironment::Yes => true,
        UserEnvironment::Patterns(list) => matches_pattern_list(name, list).is_hit(),
    };
    restrictions.environment.iter().filter(|(name, _)| is_name(name) && permitted(name)).cloned().collect()
}

/// With an `=` inside, a name would set another variable than the one that was allowed.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}
