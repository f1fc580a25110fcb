//! From a proven user to a session process.

use std::io;
use std::os::fd::AsFd;

use events::Level;
use events::monitor::Event;
use ipc::Answering;
use ipc::phases::LoggedIn;
use ipc::start::SessionStart;
use sys::process::Child;
use thiserror::Error;

use crate::chroot::{self, ChrootError};
use crate::connection::Connection;
use crate::decide::ProvenUser;
use crate::hand_over::TransportState;
use crate::start_child::start_child;

/// Why there is no session. The text is a line of the log.
#[derive(Debug, Error)]
pub(crate) enum NoSession {
    /// Somebody else than root could change the new root directory.
    #[error("{0}")]
    Chroot(#[from] ChrootError),
    /// The system refused.
    #[error("cannot start a session: {0}")]
    Io(#[from] io::Error),
    /// The new process does not take what it is sent.
    #[error("cannot start a session: {0}")]
    Link(#[from] ipc::IpcError),
}

/// Starts `sshd-session` for a user. The proof cannot be made anywhere but in [`crate::decide`]. The connection itself
/// goes to the new process: this one keeps no descriptor of it.
pub(crate) fn start_session(
    connection: &mut Connection,
    user: &ProvenUser,
    transport: TransportState,
) -> Result<(Child, Answering<LoggedIn>), NoSession> {
    if let Some(directory) = user.chroot() {
        chroot::check(directory)?;
        let text = format!("Changed root directory to \"{directory}\"");
        connection.log(&Event::Said { level: Level::Verbose, text });
    }
    let title = format!("sshd: {}@notty", user.name());
    let (process, link) = start_child(connection.programs.session.as_fd(), &title, &[])?;
    let start = SessionStart {
        identity: user.identity_to_become(),
        chroot: user.chroot().map(str::to_owned),
        best_effort_sandbox: connection.best_effort_sandbox,
        user: user.name().to_owned(),
        home: user.home().to_owned(),
        identification: connection.identification.clone(),
        settings: user.effective().for_session(),
        granted: user.granted(),
        host_keys: connection.offered_host_keys.clone(),
        transport: transport.into_bytes(),
    };
    let network = std::mem::take(&mut connection.network);
    let descriptors: Vec<_> = network.iter().map(AsFd::as_fd).collect();
    ipc::start::send(link.as_fd(), &start, &descriptors)?;
    sys::fd::set_nonblocking(link.as_fd(), true)?;
    connection.log(&Event::UserChild { pid: process.pid() });
    Ok((process, Answering::over(link)))
}
