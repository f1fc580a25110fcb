//! What the protocol needs from the process that serves it.

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;

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
    /// What has become of a file; said only with [`Uploads::reported`].
    fn file_changed(&mut self, _: events::files::Event) {}
    /// The beginning of a sum over an uploaded file; asked for only with [`Uploads::digest`].
    fn new_digest(&self) -> Option<Box<dyn Digest>> {
        None
    }
}

/// SHA-256, piece by piece.
pub trait Digest: std::fmt::Debug {
    /// The next bytes.
    fn update(&mut self, bytes: &[u8]);
    /// The sum, hexadecimal.
    fn finish(self: Box<Self>) -> String;
}

/// What is done about files that are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Uploads {
    /// `SftpAtomicUploads`: new files have another name until they are whole.
    pub atomic: bool,
    /// Somebody is told of closed, renamed and removed files ([`Surroundings::file_changed`]).
    pub reported: bool,
    /// `SftpUploadSha256`
    pub digest: bool,
}

/// Whom files are served to.
#[derive(Debug, Clone)]
pub struct Client {
    /// Login name.
    pub user: String,
    /// User id.
    pub uid: u32,
    /// What is done about files that are written.
    pub uploads: Uploads,
    /// Home directory, as seen by this process (after a chroot: inside it; a jail is not looked at yet).
    pub home: PathBuf,
    /// The directory that is the root to this client, though the process can see more (`SftpJail`).
    pub jail: Option<Jail>,
    /// Numeric address, or `UNKNOWN`.
    pub address: String,
    /// Most files and directories open at once; OPEN and OPENDIR fail beyond it. The soft limit of open files less
    /// what the process needs itself (theirs: 5).
    pub open_handles: HandleLimit,
    /// Bytes of requests that wait to be served, at most. At least [`crate::LARGEST_PACKET`] + 4 are accepted.
    pub input_limit: usize,
}

/// How many files and directories may be open; clones count together.
#[derive(Debug, Clone)]
pub struct HandleLimit {
    at_most: u32,
    in_use: Rc<Cell<u32>>,
}

impl HandleLimit {
    /// So many, none of them in use.
    #[must_use]
    pub fn new(at_most: u32) -> Self {
        Self { at_most, in_use: Rc::default() }
    }

    pub(crate) fn at_most(&self) -> u32 {
        self.at_most
    }

    /// Takes one, if one is left.
    pub(crate) fn take(&self) -> Option<HandleInUse> {
        let in_use = self.in_use.get().checked_add(1).filter(|in_use| *in_use <= self.at_most)?;
        self.in_use.set(in_use);
        Some(HandleInUse(Rc::clone(&self.in_use)))
    }
}

/// It is given back with the value.
#[derive(Debug)]
pub(crate) struct HandleInUse(Rc<Cell<u32>>);

impl Drop for HandleInUse {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}
