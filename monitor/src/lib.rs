//! One process a connection that knows the host keys and decides who is let in.
//!
//! It never reads a byte of SSH: what peers say is taken apart by `sshd-preauth` and `sshd-session`, which ask typed
//! questions (`ipc::phases`). Its files in the order of a connection: [`key_exchange`], [`authenticating`],
//! [`decide`], [`start_session`], [`logged_in`]. Entering a phase consumes the link of the one before, so a request can
//! be answered in its own phase only, and only [`decide`] can make the [`decide::ProvenUser`] that a session needs.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

mod answers;
mod authenticating;
mod authorized_keys;
mod banner;
mod candidate;
mod chroot;
mod connection;
mod decide;
mod ending;
mod explain;
mod failed_logins;
mod failures;
mod hand_over;
mod host_keys;
mod host_name;
mod jail;
mod journal;
mod key_exchange;
mod list_command;
mod lists;
mod logged_in;
mod methods;
mod moduli;
mod preauth_child;
mod revoked_keys;
mod signed_data;
mod start_child;
mod start_session;
mod trust_files;
mod words;

use std::process::ExitCode;

use events::Level;
use events::monitor::Event;
use ipc::start::{LINK, MonitorTask};

use crate::connection::Connection;
use crate::decide::ProvenUser;
use crate::ending::{Ending, ExitStatus};
use crate::hand_over::TransportState;
use crate::key_exchange::SignedExchange;
use crate::preauth_child::PreauthChild;

/// The life of the process.
#[must_use]
pub fn run() -> ExitCode {
    sys::memory::keep_little();
    sys::title::init();
    sys::title::set("sshd: [accepted]");
    run_task().unwrap_or_else(|error| {
        eprintln!("sshd-monitor: cannot start: {error}");
        ExitStatus::Failed.into()
    })
}

/// Takes the start message off the link; nothing more ever comes from there.
fn run_task() -> Result<ExitCode, ipc::IpcError> {
    sys::process::set_no_dump()?;
    let (task, descriptors, _link) = ipc::start::receive(sys::fd::adopt(LINK)?)?;
    Ok(match task {
        MonitorTask::Serve(start) => serve(Connection::take(*start, descriptors)?).into(),
        MonitorTask::Explain(start) => explain::explain(*start, descriptors)?,
    })
}

fn serve(mut connection: Connection) -> ExitStatus {
    connection.log(&Event::ConnectionFrom);
    match before_login(&mut connection) {
        Ok(login) => after_login(connection, login),
        Err(ending) => {
            if let Ending::Failed(error) = &ending {
                connection.log(&Event::Said { level: Level::Fatal, text: format!("before login: {error}") });
            }
            ending.exit_status(&connection)
        }
    }
}

/// Everything that a login leaves behind for the session.
struct Login {
    user: ProvenUser,
    exchange: SignedExchange,
    transport: TransportState,
}

fn before_login(connection: &mut Connection) -> Result<Login, Ending> {
    let (child, link) = PreauthChild::start(connection)?;
    let outcome = key_exchange::exchange_keys(connection, &child, link)
        .and_then(|(link, exchange)| authenticating::authenticate(connection, &child, link, exchange))
        .and_then(|(link, user, exchange)| {
            let transport = hand_over::take_transport(connection, &child, link)?;
            Ok(Login { user, exchange, transport })
        });
    child.end(connection, outcome)
}

fn after_login(mut connection: Connection, login: Login) -> ExitStatus {
    connection.user_is_in(login.user.name());
    let started = match start_session::find_root(&mut connection, &login.user) {
        Ok(root) => {
            let shown = root.shown(&login.user);
            let started = start_session::start_session(&mut connection, &login.user, root, login.transport);
            started.map(|started| Some((started, shown)))
        }
        Err(start_session::NoRoot) => {
            start_session::say_farewell(&mut connection, &login.user, login.transport).map(|()| None)
        }
    };
    match started {
        Ok(Some(((process, link), root))) => {
            logged_in::serve(connection, login.user, login.exchange, process, link, root)
        }
        Ok(None) => ExitStatus::Failed,
        Err(error) => {
            connection.log(&Event::Said { level: Level::Fatal, text: error.to_string() });
            ExitStatus::Failed
        }
    }
}
