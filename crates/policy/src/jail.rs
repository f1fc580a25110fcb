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
/// root's, or the server's own user's (`server_uid`) where that is who serves. `link` is its last component.
pub fn link_to_jail(link: &str, uid: u32, server_uid: u32) -> Verdict {
    let link = link.to_owned();
    if uid == 0 || uid == server_uid {
        Verdict::allowed(vec![Step::JailLinkTrusted { link, uid }], ())
    } else {
        Verdict::refused(Vec::new(), Refusal::JailLinkUntrusted { link, uid })
    }
}

/// The jail that was looked for, as [`link_to_jail`] allowed: it was opened, or the system has said why it cannot be.
pub fn jail_opened<Directory>(steps: Vec<Step>, opened: Result<Directory, String>) -> Verdict<Directory> {
    match opened {
        Ok(directory) => Verdict::allowed(steps, directory),
        Err(why) => Verdict::refused(steps, Refusal::JailUnusable { why }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_but_root_and_the_server_chooses_a_jail() {
        for (uid, server, trusted) in
            [(0, 0, true), (1000, 0, false), (1000, 1000, true), (0, 1000, true), (1, 1000, false)]
        {
            assert_eq!(link_to_jail("files", uid, server).is_allowed(), trusted, "{uid} {server}");
        }
    }
}
