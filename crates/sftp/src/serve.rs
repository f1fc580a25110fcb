//! What is done for each request.

mod copy;
mod directories;
mod files;
mod identities;
mod metadata;
mod paths;
mod uploads;

use std::path::{Path, PathBuf};

use events::Level;
use sftp_options::{Kind, Options};

use crate::event::SftpEvent;
use crate::handles::{Handles, Opened};
use crate::jail::Jail;
use crate::names::Names;
use crate::queue::ByteQueue;
use crate::reply;
use crate::request::Request;
use crate::status::{Refusal, Status};
use crate::surroundings::{Client, HandleLimit, Surroundings, Uploads};
use crate::tree::Tree;

pub(crate) use copy::Copying;
pub(crate) use uploads::Upload;

/// A request being answered.
pub(crate) struct Exchange<'a, S> {
    pub(crate) id: u32,
    pub(crate) around: &'a mut S,
    pub(crate) output: &'a mut ByteQueue,
}

/// What a request led to, when nothing refused it.
pub(crate) enum Outcome {
    /// It is done and there is nothing to tell but that: SSH_FX_OK.
    Done,
    /// The answer is in the output.
    Answered,
    /// It takes longer; the answer comes later, and no other request is served before.
    UnderWay(Copying),
}

pub(crate) type Served = Result<Outcome, Refusal>;

/// The files, and what the client has open of them.
#[derive(Debug)]
pub(crate) struct Service {
    options: Options,
    tree: Tree,
    handles: Handles,
    names: Names,
    user: String,
    uid: u32,
    uploads: Uploads,
    home: Vec<u8>,
    /// Where relative paths start: absolute, without links.
    start: Vec<u8>,
    jail: Option<Jail>,
    pub(crate) client_version: u32,
}

impl Service {
    /// Goes to the start directory. When that cannot be done it stays where the process is, as theirs does, and says so.
    pub(crate) fn start(options: Options, client: &Client, around: &mut impl Surroundings) -> Self {
        use std::os::unix::ffi::OsStrExt;
        let mut service = Self {
            tree: Tree::new(client.jail.clone(), options.umask, options.file_mode),
            handles: Handles::new(client.open_handles.clone()),
            names: Names::default(),
            user: client.user.clone(),
            uid: client.uid,
            uploads: client.uploads,
            home: client.home.as_os_str().as_bytes().to_vec(),
            start: nix::unistd::getcwd().map_or_else(|_| b"/".to_vec(), |path| path.as_os_str().as_bytes().to_vec()),
            jail: client.jail.clone(),
            client_version: reply::PROTOCOL_VERSION,
            options,
        };
        service.report_unknown_request_names(around);
        service.move_into_jail(&client.home);
        service.go_to_start_directory(client.uid, around);
        service
    }

    /// In a jail everything starts in the home directory if that is in there, else at its root.
    fn move_into_jail(&mut self, home: &Path) {
        use std::os::unix::ffi::OsStrExt;
        let Some(jail) = &self.jail else { return };
        let home = jail.name_inside(home).unwrap_or_else(|| PathBuf::from("/"));
        self.home = home.as_os_str().as_bytes().to_vec();
        self.start = b"/".to_vec();
        if let Ok(resolved) = self.resolved(&self.home)
            && self.tree.start_at(&resolved).is_ok()
        {
            self.start = resolved;
        }
    }

    fn report_unknown_request_names(&self, around: &mut impl Surroundings) {
        for name in &self.options.unknown_requests {
            self.log(around, SftpEvent::UnknownRequestName { name: name.clone() });
        }
    }

    /// Whether events of this level are wanted: spares making the others.
    fn wants(&self, level: Level) -> bool {
        level <= self.options.log_level
    }

    pub(crate) fn log(&self, around: &mut impl Surroundings, event: SftpEvent) {
        if self.wants(event.level()) {
            around.log(event);
        }
    }

    /// Why a request is refused as a whole, if it is.
    pub(crate) fn refused(&self, request: Kind) -> Option<SftpEvent> {
        if self.options.read_only && request.writes() {
            return Some(SftpEvent::RefusedReadOnly { request });
        }
        if self.options.denied.is_some_and(|denied| denied.contains(request)) {
            return Some(SftpEvent::RefusedDenied { request });
        }
        if self.options.allowed.is_some_and(|allowed| !allowed.contains(request)) {
            return Some(SftpEvent::RefusedNotAllowed { request });
        }
        None
    }

    pub(crate) fn serve<S: Surroundings>(&mut self, request: Request<'_>, to: &mut Exchange<'_, S>) -> Served {
        match request {
            Request::Read { handle, offset, length } => self.read(handle, offset, length, to),
            Request::Write { handle, offset, bytes } => self.write(handle, offset, bytes, to),
            Request::Open { path, flags, attributes } => self.open(path, flags, attributes, to),
            Request::Close { handle } => self.close(handle, to),
            Request::Fsync { handle } => self.fsync(handle, to),
            Request::CopyData(copy) => self.copy_data(&copy, to),
            Request::Opendir { path } => self.opendir(path, to),
            Request::Readdir { handle } => self.readdir(handle, to),
            Request::Stat { path, follows_links } => self.stat(path, follows_links, to),
            Request::Fstat { handle } => self.fstat(handle, to),
            Request::Setstat { path, attributes } => self.setstat(path, &attributes, to),
            Request::Lsetstat { path, attributes } => self.lsetstat(path, &attributes, to),
            Request::Fsetstat { handle, attributes } => self.fsetstat(handle, &attributes, to),
            Request::Statvfs { path } => self.statvfs(path, to),
            Request::Fstatvfs { handle } => self.fstatvfs(handle, to),
            Request::Limits => self.limits(to),
            Request::Remove { path } => self.remove(path, to),
            Request::Mkdir { path, attributes } => self.mkdir(path, attributes, to),
            Request::Rmdir { path } => self.rmdir(path, to),
            Request::Rename { old, new } => self.rename(old, new, to),
            Request::PosixRename { old, new } => self.posix_rename(old, new, to),
            Request::Symlink { target, link } => self.symlink(target, link, to),
            Request::Hardlink { old, new } => self.hardlink(old, new, to),
            Request::Readlink { path } => self.readlink(path, to),
            Request::Realpath { path } => self.realpath(path, to),
            Request::ExpandPath { path } => self.expand_path(path, to),
            Request::HomeDirectory { user } => self.home_directory(user, to),
            Request::UsersGroupsById { uids, gids } => self.users_groups_by_id(uids, gids, to),
        }
    }

    /// Answers with a status and logs it.
    pub(crate) fn answer_status<S: Surroundings>(&self, refusal: Refusal, to: &mut Exchange<'_, S>) {
        reply::status(to.output, to.id, refusal.status, refusal.text, self.client_version);
        self.log(to.around, SftpEvent::SentStatus { status: refusal.status });
    }

    /// The client is gone: what it left open is closed and named, and then `last_words` are said.
    pub(crate) fn close_everything(mut self, around: &mut impl Surroundings, last_words: SftpEvent) {
        let mut handles = std::mem::replace(&mut self.handles, Handles::new(HandleLimit::new(0)));
        for opened in handles.opened_mut() {
            if let Opened::File(file) = opened
                && let Some(upload) = file.upload.take()
            {
                self.abandon_upload(file, &upload, around);
            }
        }
        let closed = handles.into_opened().map(|opened| match opened {
            Opened::File(file) => file.closed(true),
            Opened::Directory(directory) => SftpEvent::Closedir { path: directory.path, forced: true },
        });
        closed
            .chain([last_words])
            .filter(|event| event.level() <= self.options.log_level)
            .for_each(|event| around.log(event));
    }
}

/// A handle that names nothing, or something of the other kind.
fn no_such_handle() -> Refusal {
    Status::Failure.into()
}
