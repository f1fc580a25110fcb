//! How a request can end, in the protocol's words.

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

/// SSH_FX_* of draft-ietf-secsh-filexfer-02 section 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u32)]
#[allow(missing_docs)] // the protocol's names
pub enum Status {
    Ok = 0,
    Eof = 1,
    NoSuchFile = 2,
    PermissionDenied = 3,
    Failure = 4,
    BadMessage = 5,
    OpUnsupported = 8,
}

impl Status {
    /// The text that travels with it and stands in the log; clients show it and scripts match it.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Ok => "Success",
            Self::Eof => "End of file",
            Self::NoSuchFile => "No such file",
            Self::PermissionDenied => "Permission denied",
            Self::Failure => "Failure",
            Self::BadMessage => "Bad message",
            Self::OpUnsupported => "Operation unsupported",
        }
    }
}

impl From<Errno> for Status {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::ENOENT | Errno::ENOTDIR | Errno::EBADF | Errno::ELOOP => Self::NoSuchFile,
            Errno::EPERM | Errno::EACCES | Errno::EFAULT => Self::PermissionDenied,
            Errno::ENAMETOOLONG | Errno::EINVAL => Self::BadMessage,
            Errno::ENOSYS => Self::OpUnsupported,
            _ => Self::Failure,
        }
    }
}

/// Why a request was not done: the answer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: Status,
    /// Said instead of the status's own text.
    pub(crate) text: Option<&'static str>,
}

impl Refusal {
    pub(crate) fn with_text(status: Status, text: &'static str) -> Self {
        Self { status, text: Some(text) }
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self { status, text: None }
    }
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Status::from(errno).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_as_theirs_translates_them() {
        for (errno, status, text) in [
            (Errno::ENOENT, 2, "No such file"),
            (Errno::ELOOP, 2, "No such file"),
            (Errno::EACCES, 3, "Permission denied"),
            (Errno::EROFS, 4, "Failure"),
            (Errno::ENOSPC, 4, "Failure"),
            (Errno::EEXIST, 4, "Failure"),
            (Errno::ENOTEMPTY, 4, "Failure"),
            (Errno::EINVAL, 5, "Bad message"),
            (Errno::ENOSYS, 8, "Operation unsupported"),
        ] {
            assert_eq!((Status::from(errno) as u32, Status::from(errno).text()), (status, text), "{errno}");
        }
    }
}
