//! What the listener learns from the end of a monitor: PerSourcePenalties go by it.

use std::process::ExitCode;

/// How a monitor ends. The numbers are theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// A login that ended in good order.
    Success,
    /// LoginGraceTime was over.
    GraceTimeOver,
    /// `sshd-preauth` crashed or was hostile.
    ChildCrashed,
    /// Somebody tried to log in and failed.
    AuthenticationAttempted,
    /// RefuseConnection
    ConnectionRefused,
    /// Somebody tried to log in as a user who cannot, with whatever method, as sshd_config(5) says. (In OpenSSH's code an
    /// attempt with a password counts as one with a wrong password first.)
    InvalidUser,
    /// Everything else: above all connections that never tried to log in.
    Failed,
}

impl ExitStatus {
    const ALL: [Self; 7] = [
        Self::Success,
        Self::GraceTimeOver,
        Self::ChildCrashed,
        Self::AuthenticationAttempted,
        Self::ConnectionRefused,
        Self::InvalidUser,
        Self::Failed,
    ];

    /// As the system tells it.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::GraceTimeOver => 3,
            Self::ChildCrashed => 4,
            Self::AuthenticationAttempted => 5,
            Self::ConnectionRefused => 6,
            Self::InvalidUser => 7,
            Self::Failed => 255,
        }
    }

    /// What a number means; one that no monitor ends with on purpose is a failure.
    #[must_use]
    pub fn of_number(number: i32) -> Self {
        Self::ALL.into_iter().find(|status| i32::from(status.number()) == number).unwrap_or(Self::Failed)
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_understood() {
        for status in ExitStatus::ALL {
            assert_eq!(ExitStatus::of_number(status.number().into()), status);
        }
        assert_eq!(ExitStatus::of_number(1), ExitStatus::Failed);
        assert_eq!(ExitStatus::of_number(101), ExitStatus::Failed);
    }
}
