//! What a session needs before anything of the user's starts, and what must be undone when it is over.

use events::Level;
use events::monitor::Event;
use gssapi::Delegated;

use crate::auth_info_file::AuthInfoFile;
use crate::connection::Connection;
use crate::credential_cache::CredentialCache;
use crate::decide::ProvenUser;
use crate::pam_login::PamLogin;
use crate::pam_session::{NoPamSession, PamSession};

/// Made ready for one session.
pub(crate) struct ForSession {
    /// What is the root to the client.
    pub(crate) root: String,
    /// With UsePAM.
    pub(crate) pam: Option<PamSession>,
    /// With ExposeAuthInfo.
    pub(crate) exposed: Option<AuthInfoFile>,
    /// Where the client has forwarded Kerberos tickets.
    pub(crate) tickets: Option<CredentialCache>,
}

impl ForSession {
    /// Stores forwarded tickets, opens PAM's session and writes the file of ExposeAuthInfo. A file that cannot be written
    /// is no reason to keep anybody out.
    pub(crate) fn make_ready(
        connection: &mut Connection,
        user: &mut ProvenUser,
        root: String,
        pam: Option<PamLogin>,
        delegated: Option<Delegated>,
    ) -> Result<Self, NoPamSession> {
        let tickets = delegated.and_then(|delegated| store(connection, user, &delegated));
        let pam = pam.map(|pam| PamSession::open(connection, user, pam)).transpose()?;
        let exposed = user.effective().expose_auth_info.then(|| {
            AuthInfoFile::write(user.identity(), connection.facts.id, user.succeeded_methods()).inspect_err(|error| {
                let text = format!("prepare_auth_info_file: {error}");
                connection.log(&Event::Said { level: Level::Error, text });
            })
        });
        Ok(Self { root, pam, exposed: exposed.and_then(Result::ok), tickets })
    }

    /// The session is over.
    pub(crate) fn undo(self, connection: &mut Connection) {
        if let Some(file) = self.exposed {
            file.remove();
        }
        if let Some(pam) = self.pam {
            pam.close(connection);
        }
        if let Some(tickets) = self.tickets {
            tickets.remove();
        }
    }
}

fn store(connection: &mut Connection, user: &ProvenUser, delegated: &Delegated) -> Option<CredentialCache> {
    let effective = user.effective();
    if !effective.gssapi_delegate_credentials {
        return None;
    }
    let stored = CredentialCache::write(user.identity(), delegated, effective.gssapi_cleanup_credentials);
    let complain = |error: &std::io::Error| {
        let text = format!("forwarded Kerberos tickets cannot be stored: {error}");
        connection.log(&Event::Said { level: Level::Error, text });
    };
    stored.inspect_err(complain).ok()
}
