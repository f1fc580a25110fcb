//! How a connection ends before login, and what the listener is told by the exit status.

use std::io;

use ipc::ExitStatus;
use sys::process::{Child, Ended};

use crate::connection::{Connection, Tried};

/// No login on this connection. What the log has to say about it has been written where it happened.
#[derive(Debug)]
pub(crate) enum Ending {
    /// LoginGraceTime is over.
    GraceTimeOver,
    /// `sshd-preauth` has ended, or nobody answers on its link.
    ChildGone,
    /// `sshd-preauth` said what it must not say.
    ChildMisbehaved,
    /// The peer was told to go.
    PeerSentAway,
    /// RefuseConnection
    ConnectionRefused,
    /// Something failed on our side.
    Failed(io::Error),
}

impl Ending {
    pub(crate) fn exit_status(&self, connection: &Connection) -> ExitStatus {
        match (self, connection.tried()) {
            (Self::GraceTimeOver, _) => ExitStatus::GraceTimeOver,
            (Self::ChildMisbehaved, _) => ExitStatus::ChildCrashed,
            (Self::ConnectionRefused, _) => ExitStatus::ConnectionRefused,
            (_, Tried::InvalidUser) => ExitStatus::InvalidUser,
            (_, Tried::ToLogIn) => ExitStatus::AuthenticationAttempted,
            (_, Tried::Nothing) => ExitStatus::Failed,
        }
    }
}

/// What is to be said of the end of a process of ours; nothing of an orderly one.
pub(crate) fn unruly_end(process: &Child, how: Ended) -> Option<String> {
    let Ended::Signalled { signal, .. } = how else { return None };
    let violation = sandbox::linux::violation::of_ended(process.pid(), how);
    Some(violation.map_or_else(|| format!("was ended by signal {signal}"), |violation| violation.to_string()))
}

impl From<io::Error> for Ending {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}
