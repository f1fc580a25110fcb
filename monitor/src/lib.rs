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

mod agent;
mod answers;
mod auth_info_file;
mod authenticating;
mod authorized_keys;
mod banner;
mod candidate;
mod chroot;
mod connection;
mod credential_cache;
mod decide;
mod ending;
mod environment_file;
mod explain;
mod failed_logins;
mod failures;
mod for_session;
mod hand_over;
mod host_keys;
mod host_name;
mod jail;
mod journal;
mod key_exchange;
mod list_command;
mod lists;
mod logged_in;
mod login_places;
mod methods;
mod moduli;
mod on_a_thread;
mod pam_login;
mod pam_session;
mod preauth_child;
mod revoked_keys;
mod shadow_password;
mod signed_data;
mod start_child;
mod start_session;
mod trust_files;

use std::process::ExitCode;

use events::Level;
use events::monitor::Event;
use gssapi::Delegated;
use ipc::ExitStatus;
use ipc::start::{LINK, MonitorTask};
use nix::sys::signal::Signal;
use sys::signals::Signals;

use crate::authenticating::LetIn;
use crate::connection::Connection;
use crate::decide::ProvenUser;
use crate::ending::Ending;
use crate::for_session::ForSession;
use crate::hand_over::TransportState;
use crate::key_exchange::SignedExchange;
use crate::logged_in::ServedLogin;
use crate::pam_login::PamLogin;
use crate::preauth_child::PreauthChild;
use crate::start_session::NoSession;

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
            let status = ending.exit_status(&connection);
            if on_a_thread::is_any_running() {
                sys::process::end_at_once(status.number());
            }
            status
        }
    }
}

/// Everything that a login leaves behind for the session.
struct Login {
    user: ProvenUser,
    delegated: Option<Delegated>,
    exchange: SignedExchange,
    transport: TransportState,
    pam: Option<PamLogin>,
}

fn before_login(connection: &mut Connection) -> Result<Login, Ending> {
    let (child, link) = PreauthChild::start(connection)?;
    let outcome = key_exchange::exchange_keys(connection, &child, link)
        .and_then(|(link, exchange)| authenticating::authenticate(connection, &child, link, exchange))
        .and_then(|LetIn { link, user, exchange, pam, delegated }| {
            let transport = hand_over::take_transport(connection, &child, link)?;
            Ok(Login { user, delegated, exchange, transport, pam })
        });
    child.end(connection, outcome)
}

fn after_login(connection: Connection, login: Login) -> ExitStatus {
    match start_serving(connection, login) {
        Ok(served) => served.serve_to_the_end(),
        Err(status) => status,
    }
}

/// In a frame of its own, not one that lasts for as long as the login does.
#[inline(never)]
fn start_serving(mut connection: Connection, login: Login) -> Result<Box<ServedLogin>, ExitStatus> {
    let Login { mut user, delegated, exchange, transport, pam } = login;
    connection.user_is_in(user.name());
    let place = start_session::find_place(&mut connection, &user);
    let found = place.and_then(|place| Ok((place, start_session::find_root(&mut connection, &user)?)));
    let (place, root) = match found {
        Ok(found) => found,
        Err(why) => {
            return Err(match start_session::say_farewell(&mut connection, &user, why, transport) {
                Ok(()) => ExitStatus::Failed,
                Err(error) => fatal(&mut connection, &error),
            });
        }
    };
    let shown = root.shown(&user);
    let for_session = match ForSession::make_ready(&mut connection, &mut user, shown, pam, delegated) {
        Ok(for_session) => for_session,
        Err(error) => return Err(fatal(&mut connection, &error)),
    };
    // From here on a signal is a reason to undo what was made ready, and then to end.
    let watched = Signals::block_and_watch(&[Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT]).map_err(NoSession::from);
    let started = watched.and_then(|signals| {
        let (process, link) = start_session::start_session(&mut connection, &user, root, transport)?;
        Ok((signals, process, link))
    });
    match started {
        Ok((signals, process, link)) => {
            let watched = logged_in::Watched { process, link, signals };
            Ok(ServedLogin::begin(connection, user, place, exchange, for_session, watched))
        }
        Err(error) => {
            for_session.undo(&mut connection);
            Err(fatal(&mut connection, &error))
        }
    }
}

fn fatal(connection: &mut Connection, error: &dyn std::error::Error) -> ExitStatus {
    connection.log(&Event::Said { level: Level::Fatal, text: error.to_string() });
    ExitStatus::Failed
}
