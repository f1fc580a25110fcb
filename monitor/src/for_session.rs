//! What a session needs before anything of the user's starts, and what must be undone when it is over.

use events::Level;
use events::monitor::Event;

use crate::auth_info_file::AuthInfoFile;
use crate::connection::Connection;
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
}

impl ForSession {
    /// Opens PAM's session and writes the file of ExposeAuthInfo. A file that cannot be written is no reason to keep
    /// anybody out.
    pub(crate) fn make_ready(
        connection: &mut Connection,
        user: &mut ProvenUser,
        root: String,
        pam: Option<PamLogin>,
    ) -> Result<Self, NoPamSession> {
        let pam = pam.map(|pam| PamSession::open(connection, user, pam)).transpose()?;
        let exposed = user.effective().expose_auth_info.then(|| {
            AuthInfoFile::write(user.identity(), user.succeeded_methods()).inspect_err(|error| {
                let text = format!("prepare_auth_info_file: {error}");
                connection.log(&Event::Said { level: Level::Error, text });
            })
        });
        Ok(Self { root, pam, exposed: exposed.and_then(Result::ok) })
    }

    /// The session is over.
    pub(crate) fn undo(self, connection: &mut Connection) {
        if let Some(file) = self.exposed {
            file.remove();
        }
        if let Some(pam) = self.pam {
            pam.close(connection);
        }
    }
}
