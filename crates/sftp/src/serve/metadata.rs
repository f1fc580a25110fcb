//! What is known about files, and changing it.

use nix::errno::Errno;
use nix::sys::stat::{Mode, fchmod, fstat, futimens};
use nix::sys::statvfs::fstatvfs;
use nix::unistd::{Gid, Uid, fchown, ftruncate};

use super::{Exchange, Outcome, Served, Service, no_such_handle};
use crate::attributes::Attributes;
use crate::dates;
use crate::event::SftpEvent;
use crate::handles::OpenFile;
use crate::reply::{self, Packet};
use crate::server::{LARGEST_PACKET, LARGEST_READ, LARGEST_WRITE};
use crate::status::{Refusal, Status};
use crate::surroundings::Surroundings;
use crate::tree::{AtTheEnd, Tree, whole_seconds};

/// Permission bits with set-id and sticky: what chmod(2) takes.
const CHANGEABLE_MODE: u32 = 0o7777;

impl Service {
    pub(super) fn stat<S: Surroundings>(
        &mut self,
        path: &[u8],
        follows_links: bool,
        to: &mut Exchange<'_, S>,
    ) -> Served {
        self.log(to.around, SftpEvent::Stat { path: path.to_vec(), follows_links });
        let end = if follows_links { AtTheEnd::Follow } else { AtTheEnd::StayOnLink };
        reply::attributes(to.output, to.id, &self.tree.stat(path, end)?);
        Ok(Outcome::Answered)
    }

    pub(super) fn fstat<S: Surroundings>(&mut self, handle: &[u8], to: &mut Exchange<'_, S>) -> Served {
        let file = self.handles.file(handle).ok_or_else(no_such_handle)?;
        reply::attributes(to.output, to.id, &fstat(&file.file)?);
        Ok(Outcome::Answered)
    }

    pub(super) fn setstat<S: Surroundings>(
        &mut self,
        path: &[u8],
        wanted: &Attributes,
        to: &mut Exchange<'_, S>,
    ) -> Served {
        self.log_changes(path, wanted, to);
        if let Some(file) = self.pending_at(path) {
            return change_open(wanted, file);
        }
        change(wanted, &Named { tree: &self.tree, path, end: AtTheEnd::Follow })
    }

    /// `lsetstat@openssh.com`: a link has no size that could be set.
    pub(super) fn lsetstat<S: Surroundings>(
        &mut self,
        path: &[u8],
        wanted: &Attributes,
        to: &mut Exchange<'_, S>,
    ) -> Served {
        if wanted.size.is_some() {
            return Err(Status::BadMessage.into());
        }
        self.log_changes(path, wanted, to);
        change(wanted, &Named { tree: &self.tree, path, end: AtTheEnd::StayOnLink })
    }

    pub(super) fn fsetstat<S: Surroundings>(
        &mut self,
        handle: &[u8],
        wanted: &Attributes,
        to: &mut Exchange<'_, S>,
    ) -> Served {
        let file = self.handles.file(handle).ok_or_else(no_such_handle)?;
        let path = file.path.clone();
        let changed = change_open(wanted, file);
        self.log_changes(&path, wanted, to);
        changed
    }

    pub(super) fn statvfs<S: Surroundings>(&mut self, path: &[u8], to: &mut Exchange<'_, S>) -> Served {
        self.log(to.around, SftpEvent::Statvfs { path: path.to_vec() });
        reply::statvfs(to.output, to.id, &self.tree.statvfs(path)?);
        Ok(Outcome::Answered)
    }

    pub(super) fn fstatvfs<S: Surroundings>(&mut self, handle: &[u8], to: &mut Exchange<'_, S>) -> Served {
        let file = self.handles.file(handle).ok_or_else(no_such_handle)?;
        reply::statvfs(to.output, to.id, &fstatvfs(&file.file)?);
        Ok(Outcome::Answered)
    }

    /// `limits@openssh.com`
    pub(super) fn limits<S: Surroundings>(&mut self, to: &mut Exchange<'_, S>) -> Served {
        let packet = Packet::extended_reply(to.output, to.id);
        packet.body.put_u64(LARGEST_PACKET as u64);
        packet.body.put_u64(LARGEST_READ as u64);
        packet.body.put_u64(LARGEST_WRITE as u64);
        packet.body.put_u64(u64::from(self.handles.at_most()));
        packet.finish();
        Ok(Outcome::Answered)
    }

    fn log_changes<S: Surroundings>(&self, path: &[u8], wanted: &Attributes, to: &mut Exchange<'_, S>) {
        let path = || path.to_vec();
        if let Some(bytes) = wanted.size {
            self.log(to.around, SftpEvent::SetSize { path: path(), bytes });
        }
        if let Some(mode) = wanted.mode {
            self.log(to.around, SftpEvent::SetMode { path: path(), mode });
        }
        if let Some((_, modified)) = wanted.times {
            let time = dates::for_the_log(i64::from(modified));
            self.log(to.around, SftpEvent::SetModified { path: path(), time });
        }
        if let Some((uid, gid)) = wanted.owner {
            self.log(to.around, SftpEvent::SetOwner { path: path(), uid, gid });
        }
    }
}

/// Something whose attributes can be set, open or by name.
trait Changeable {
    fn set_size(&self, bytes: i64) -> Result<(), Errno>;
    fn set_mode(&self, mode: u32) -> Result<(), Errno>;
    fn set_times(&self, times: (u32, u32)) -> Result<(), Errno>;
    fn set_owner(&self, owner: (u32, u32)) -> Result<(), Errno>;
}

/// Sets everything that can be set, in theirs' order; the last failure is the answer.
fn change(wanted: &Attributes, what: &impl Changeable) -> Served {
    let size =
        wanted.size.map(|bytes| i64::try_from(bytes).map_err(|_| Errno::EINVAL).and_then(|bytes| what.set_size(bytes)));
    let mode = wanted.mode.map(|mode| what.set_mode(mode & CHANGEABLE_MODE));
    let times = wanted.times.map(|times| what.set_times(times));
    let owner = wanted.owner.map(|owner| what.set_owner(owner));
    let last_failure = [owner, times, mode, size].into_iter().flatten().find_map(Result::err);
    last_failure.map_or(Ok(Outcome::Done), |error| Err(Refusal::from(error)))
}

fn change_open(wanted: &Attributes, file: &mut OpenFile) -> Served {
    if let (Some(_), Some(upload)) = (wanted.size, &mut file.upload) {
        upload.cannot_be_summed_up();
    }
    change(wanted, &*file)
}

/// A path below a tree.
struct Named<'a> {
    tree: &'a Tree,
    path: &'a [u8],
    end: AtTheEnd,
}

impl Changeable for Named<'_> {
    fn set_size(&self, bytes: i64) -> Result<(), Errno> {
        self.tree.truncate(self.path, bytes)
    }

    fn set_mode(&self, mode: u32) -> Result<(), Errno> {
        self.tree.set_mode(self.path, mode, self.end)
    }

    fn set_times(&self, times: (u32, u32)) -> Result<(), Errno> {
        self.tree.set_times(self.path, times, self.end)
    }

    fn set_owner(&self, owner: (u32, u32)) -> Result<(), Errno> {
        self.tree.set_owner(self.path, owner, self.end)
    }
}

impl Changeable for OpenFile {
    fn set_size(&self, bytes: i64) -> Result<(), Errno> {
        ftruncate(&self.file, bytes)
    }

    fn set_mode(&self, mode: u32) -> Result<(), Errno> {
        fchmod(&self.file, Mode::from_bits_truncate(mode))
    }

    fn set_times(&self, times: (u32, u32)) -> Result<(), Errno> {
        futimens(&self.file, &whole_seconds(times.0), &whole_seconds(times.1))
    }

    fn set_owner(&self, owner: (u32, u32)) -> Result<(), Errno> {
        fchown(&self.file, Some(Uid::from_raw(owner.0)), Some(Gid::from_raw(owner.1)))
    }
}
