//! What the protocol needs from the process that serves it.

use std::path::PathBuf;

use crate::event::SftpEvent;
use crate::jail::Jail;

/// Answers of the process around the server. In `sshd-session`, which may not ask the system for names, they come
/// from the monitor. Names are asked for once per id and then remembered.
pub trait Surroundings {
    /// Something for the log; only events that pass `-l` arrive here.
    fn log(&mut self, event: SftpEvent);
    /// The name of a user.
    fn user_name(&mut self, uid: u32) -> Option<String>;
    /// The name of a group.
    fn group_name(&mut self, gid: u32) -> Option<String>;
    /// The home directory of another user (`~user` of expand-path, `home-directory`).
    fn home_of(&mut self, user: &str) -> Option<PathBuf>;
}

/// Whom files are served to.
#[derive(Debug, Clone)]
pub struct Client {
    /// Login name.
    pub user: String,
    /// User id.
    pub uid: u32,
    /// Home directory, as seen by this process (after a chroot: inside it; a jail is not looked at yet).
    pub home: PathBuf,
    /// The directory that is the root to this client, though the process can see more (`SftpJail`).
    pub jail: Option<Jail>,
    /// Numeric address, or `UNKNOWN`.
    pub address: String,
    /// Most files and directories open at once; OPEN and OPENDIR fail beyond it. The soft limit of open files less
    /// what the process needs itself (theirs: 5).
    pub open_handles: u32,
    /// Bytes of requests that wait to be served, at most. At least [`crate::LARGEST_PACKET`] + 4 are accepted.
    pub input_limit: usize,
}
