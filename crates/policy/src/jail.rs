//! SftpJail: an SFTP login below a directory that its user may own.

use std::path::PathBuf;

use settings::Effective;
use settings::text::to_path;

use crate::{AccountFacts, Refusal, Step, Tokens, Verdict, internal_sftp_arguments};

/// The directory that is the whole file system of this login, if SftpJail names one.
///
/// It is refused where ForceCommand is not `internal-sftp`: OpenSSH, which does not know the keyword, would give such a
/// login more than the jail on the day that somebody goes back to it. A key's `command=` does not count: it is the user's.
pub fn sftp_jail(effective: &Effective, account: &AccountFacts) -> Verdict<Option<PathBuf>> {
    let Some(configured) = &effective.sftp_jail else { return Verdict::allowed(Vec::new(), None) };
    if !forces_internal_sftp(effective) {
        return Verdict::refused(Vec::new(), Refusal::JailWithoutForcedSftp);
    }
    match Tokens::for_path(account).expand(configured) {
        Ok(directory) => {
            let directory = to_path(&directory);
            Verdict::allowed(vec![Step::JailNamed { directory: directory.clone() }], Some(directory))
        }
        Err(error) => Verdict::refused(Vec::new(), Refusal::JailUnusable { why: error.to_string() }),
    }
}

/// Whether ForceCommand makes SFTP of whatever a client asks for.
#[must_use]
pub fn forces_internal_sftp(effective: &Effective) -> bool {
    effective.force_command.as_deref().is_some_and(|command| internal_sftp_arguments(command).is_some())
}

/// Whether a symbolic link on the way to a jail is followed: whoever can put a link there chooses the jail, so it must be
/// root's, or the server's own user's (`server_uid`) where that is who serves.
#[must_use]
pub fn follows_link_to_jail(link_uid: u32, server_uid: u32) -> bool {
    link_uid == 0 || link_uid == server_uid
}
