//! From a proven user to a session process.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use events::Level;
use events::monitor::Event;
use ipc::Answering;
use ipc::phases::LoggedIn;
use ipc::start::{Granted, SessionStart, SftpGranted};
use settings::text::from_path;
use sys::process::Child;
use thiserror::Error;

use crate::connection::Connection;
use crate::decide::ProvenUser;
use crate::hand_over::TransportState;
use crate::login_places::{LoginPlace, LoginPlaces};
use crate::preauth_child::wait_for;
use crate::start_child::start_child;
use crate::{chroot, jail};

/// Why there is no session. The text is a line of the log.
#[derive(Debug, Error)]
pub(crate) enum NoSession {
    /// The system refused.
    #[error("cannot start a session: {0}")]
    Io(#[from] io::Error),
    /// The new process does not take what it is sent.
    #[error("cannot start a session: {0}")]
    Link(#[from] ipc::IpcError),
}

/// Why somebody who is logged in gets no session. The text is what the client is told; what exactly is wrong is for the
/// log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum NotServed {
    /// ChrootDirectory or SftpJail
    #[error(
        "You are logged in, but the directory that you are to be confined to cannot be used: its owner or mode is \
         wrong, or it is not there. The administrator finds the details in the server's log."
    )]
    NoRoot,
    /// MaxSessionsPerUser
    #[error("You are logged in too often: close another connection of yours first.")]
    TooManyLogins,
}

/// How long a client may take to be told that there is no session.
const FAREWELL: Duration = Duration::from_secs(5);

/// Where a login is served.
#[derive(Debug)]
pub(crate) struct Root {
    /// The directory that is all of SFTP's file system, and its name.
    jail: Option<(String, OwnedFd)>,
}

impl Root {
    /// The directory that the client takes for the root, by its name on this host.
    pub(crate) fn shown(&self, user: &ProvenUser) -> String {
        let chroot = user.chroot().unwrap_or("/");
        match &self.jail {
            Some((directory, _)) if chroot != "/" => format!("{chroot}{directory}"),
            Some((directory, _)) => directory.clone(),
            None => chroot.to_owned(),
        }
    }
}

/// Takes one of the user's places, if their number is limited. It is given back with the value.
pub(crate) fn find_place(connection: &mut Connection, user: &ProvenUser) -> Result<Option<LoginPlace>, NotServed> {
    if user.effective().max_sessions_per_user.is_none() {
        return Ok(None);
    }
    let places = LoginPlaces::of(user.identity().uid);
    let taken = places.as_ref().map_err(io::Error::kind).and_then(|places| places.taken().map_err(|why| why.kind()));
    let verdict = policy::another_login(user.effective(), taken.ok());
    connection.log_steps(&verdict.steps);
    verdict.outcome.map_err(|_| NotServed::TooManyLogins)?;
    places.and_then(LoginPlaces::take).map(Some).map_err(|why| {
        connection.log(&Event::Said { level: Level::Error, text: format!("MaxSessionsPerUser: {why}") });
        NotServed::TooManyLogins
    })
}

/// Looks at the directories that the login is to be confined to, if there are any.
pub(crate) fn find_root(connection: &mut Connection, user: &ProvenUser) -> Result<Root, NotServed> {
    if let Some(directory) = user.chroot() {
        check_chroot(connection, directory)?;
    }
    let verdict = user.sftp_jail();
    connection.log_steps(&verdict.steps);
    let Some(directory) = verdict.outcome.as_ref().map_err(|_| NotServed::NoRoot)? else {
        return Ok(Root { jail: None });
    };
    let above = Path::new(user.chroot().unwrap_or("/"));
    let opened = jail::open_directory(above, directory, user.identity());
    connection.log_steps(&opened.steps);
    let opened = opened.outcome.map_err(|_| NotServed::NoRoot)?;
    Ok(Root { jail: Some((from_path(directory), opened)) })
}

fn check_chroot(connection: &mut Connection, directory: &str) -> Result<(), NotServed> {
    let verdict = chroot::check(directory);
    connection.log_steps(&verdict.steps);
    verdict.outcome.map_err(|_| NotServed::NoRoot)?;
    let text = format!("Changed root directory to \"{directory}\"");
    connection.log(&Event::Said { level: Level::Verbose, text });
    Ok(())
}

/// Starts `sshd-session` for a user. The proof cannot be made anywhere but in [`crate::decide`]. The connection itself
/// goes to the new process: this one keeps no descriptor of it.
pub(crate) fn start_session(
    connection: &mut Connection,
    user: &ProvenUser,
    root: Root,
    transport: TransportState,
) -> Result<(Child, Answering<LoggedIn>), NoSession> {
    let (jail, directory) = root.jail.unzip();
    let chroot = user.chroot().map(str::to_owned);
    let start = SessionStart { chroot, jail, ..start_message(connection, user, transport) };
    let (process, link) = start_process(connection, user, &start, directory.as_ref())?;
    connection.log(&Event::UserChild { pid: process.pid() });
    Ok((process, link))
}

/// Only the process after login can write to the client: one that is granted nothing tells why there is no session.
/// Nothing that it might ask for is answered.
pub(crate) fn say_farewell(
    connection: &mut Connection,
    user: &ProvenUser,
    why: NotServed,
    transport: TransportState,
) -> Result<(), NoSession> {
    let start = SessionStart {
        granted: Granted { terminal: false, sftp: SftpGranted::No, forwarding: false, accept: false },
        farewell: Some(why.to_string()),
        ..start_message(connection, user, transport)
    };
    let (process, _link) = start_process(connection, user, &start, None)?;
    wait_for(&process, FAREWELL)?;
    Ok(())
}

fn start_message(connection: &Connection, user: &ProvenUser, transport: TransportState) -> SessionStart {
    SessionStart {
        identity: user.identity_to_become(),
        chroot: None,
        jail: None,
        farewell: None,
        for_client_log: user.let_in_by().to_vec(),
        best_effort_sandbox: connection.best_effort_sandbox,
        user: user.name().to_owned(),
        home: user.home().to_owned(),
        identification: connection.identification.clone(),
        settings: user.effective().for_session(),
        granted: user.granted(),
        host_keys: connection.offered_host_keys.clone(),
        announced_host_keys: connection.host_keys.public_blobs(),
        transport: transport.into_bytes(),
    }
}

fn start_process(
    connection: &mut Connection,
    user: &ProvenUser,
    start: &SessionStart,
    jail: Option<&OwnedFd>,
) -> Result<(Child, Answering<LoggedIn>), NoSession> {
    let title = format!("sshd: {}@notty", user.name());
    let (process, link) = start_child(connection.programs.session.as_fd(), &title, &[])?;
    let network = std::mem::take(&mut connection.network);
    let descriptors: Vec<_> = network.iter().chain(jail).map(AsFd::as_fd).collect();
    ipc::start::send(link.as_fd(), start, &descriptors)?;
    sys::fd::set_nonblocking(link.as_fd(), true)?;
    Ok((process, Answering::over(link)))
}
