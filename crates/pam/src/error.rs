//! What PAM functions say when they do not say yes.

use std::ffi::c_int;

use thiserror::Error;

use crate::library::code;

/// A PAM function did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text}")]
pub struct PamError {
    /// What kind of failure.
    pub problem: Problem,
    /// pam_strerror(3)
    pub text: String,
}

/// Failures that are dealt with in different ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// `PAM_NEW_AUTHTOK_REQD`: the account is fine, its password must be changed.
    NewPasswordRequired,
    /// `PAM_MAXTRIES`: a module wants no more attempts.
    TooManyTries,
    /// Everything else.
    Other(c_int),
}

impl Problem {
    pub(crate) fn of(code: c_int) -> Self {
        match code {
            code::NEW_AUTHTOK_REQD => Self::NewPasswordRequired,
            code::MAXTRIES => Self::TooManyTries,
            other => Self::Other(other),
        }
    }
}
