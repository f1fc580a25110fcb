//! PAM's part in a session: for every login with UsePAM, also by key and also without a terminal (CVE-2001-1459).
//!
//! Credentials and session are opened by this process's main thread, before anything of the user's starts: limits, audit's
//! login id, namespaces and control groups belong to a process, and what is started from here inherits them.

use events::Level;
use events::monitor::Event;
use pam::{PamError, Transaction};
use settings::pattern::matches_pattern;
use thiserror::Error;

use crate::connection::Connection;
use crate::decide::ProvenUser;
use crate::pam_login::{Listening, PamLogin};

/// Variables of PAM's environment that are for modules alone.
const FOR_MODULES: [&str; 2] = ["SSH_AUTH_INFO*", "SSH_CONNECTION*"];

/// An open session, or one that PAM did not open: then nothing may run in it.
pub(crate) struct PamSession {
    transaction: Transaction,
    has_credentials: bool,
    is_open: bool,
    messages: String,
}

/// Why a login ends before its session.
#[derive(Debug, Error)]
pub(crate) enum NoPamSession {
    /// The modules that let the user in do not give what belongs to them.
    #[error("PAM: pam_setcred(): {0}")]
    Credentials(PamError),
    /// PAM cannot be used at all.
    #[error("PAM: initialization failed")]
    NoHandle,
    /// Groups could not be set or read.
    #[error("PAM: groups: {0}")]
    Groups(#[from] std::io::Error),
}

impl PamSession {
    /// Establishes the user's credentials and opens the session. Groups that modules add become the user's.
    pub(crate) fn open(
        connection: &mut Connection,
        user: &mut ProvenUser,
        pam: PamLogin,
    ) -> Result<Self, NoPamSession> {
        let has_authenticated = pam.has_authenticated();
        let transaction = pam.into_transaction().ok_or(NoPamSession::NoHandle)?;
        let mut session = Self { transaction, has_credentials: false, is_open: false, messages: String::new() };
        session.tell_what_is_proven(connection, user);
        session.establish_credentials(connection, user, has_authenticated)?;
        session.open_session(connection, user);
        Ok(session)
    }

    fn tell_what_is_proven(&mut self, connection: &mut Connection, user: &ProvenUser) {
        if let Err(error) = self.transaction.put_variable("SSH_AUTH_INFO_0", user.succeeded_methods()) {
            debug(connection, &format!("pam_putenv: {error}"));
        }
    }

    fn establish_credentials(
        &mut self,
        connection: &mut Connection,
        user: &mut ProvenUser,
        has_authenticated: bool,
    ) -> Result<(), NoPamSession> {
        debug(connection, "establishing credentials");
        let mut partner = Listening::default();
        let establish = || self.transaction.establish_credentials(&mut partner);
        let (result, groups) = sys::identity::with_groups(&user.identity().groups, establish)?;
        user.gets_groups(groups);
        self.messages.push_str(&partner.0.0);
        self.has_credentials = result.is_ok();
        match result {
            // Modules that have not authenticated anybody have nothing to establish.
            Err(error) if !has_authenticated => debug(connection, &format!("pam_setcred(): {error}")),
            Err(error) => return Err(NoPamSession::Credentials(error)),
            Ok(()) => {}
        }
        Ok(())
    }

    fn open_session(&mut self, connection: &mut Connection, user: &mut ProvenUser) {
        debug(connection, "opening session");
        let mut partner = Listening::default();
        let result = self.transaction.open_session(&mut partner);
        self.messages.push_str(&partner.0.0);
        self.is_open = result.is_ok();
        if let Err(error) = result {
            user.restrict_to_a_terminal();
            let text = format!("PAM: pam_open_session(): {error}");
            connection.log(&Event::Said { level: Level::Error, text });
        }
    }

    /// Whether anything may run.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// What modules told on the way, for shells on a terminal.
    pub(crate) fn messages(&self) -> &str {
        &self.messages
    }

    /// What modules put into the environment of commands.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let for_user = |name: &str| !FOR_MODULES.iter().any(|pattern| matches_pattern(name, pattern));
        self.transaction.environment().into_iter().filter(|(name, _)| for_user(name)).collect()
    }

    /// The end of the session.
    pub(crate) fn close(mut self, connection: &mut Connection) {
        if self.is_open {
            debug(connection, "closing session");
            self.tell_failure(connection, "pam_close_session()", |transaction| transaction.close_session());
        }
        if self.has_credentials {
            debug(connection, "deleting credentials");
            self.tell_failure(connection, "pam_setcred()", |transaction| transaction.delete_credentials());
        }
    }

    fn tell_failure(
        &mut self,
        connection: &mut Connection,
        what: &str,
        step: impl FnOnce(&mut Transaction) -> Result<(), PamError>,
    ) {
        if let Err(error) = step(&mut self.transaction) {
            debug(connection, &format!("{what}: {error}"));
        }
    }
}

fn debug(connection: &mut Connection, text: &str) {
    connection.log(&Event::Said { level: Level::Debug1, text: format!("PAM: {text}") });
}
