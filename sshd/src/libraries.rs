//! Libraries of the system that a configuration needs. Monitors load them when a login does; that they are there is found
//! out before anybody waits for a login.

use settings::Effective;
use sys::library::{LIBPAM, is_there};

/// Whether everything is there.
///
/// # Errors
/// What is missing, and for what.
pub(crate) fn check(global: &Effective) -> Result<(), String> {
    if !global.use_pam {
        return Ok(());
    }
    is_there(LIBPAM).map_err(|error| format!("UsePAM is yes, and PAM cannot be used: {error}"))
}
