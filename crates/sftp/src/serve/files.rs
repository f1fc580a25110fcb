//! Open files.

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::uio::{pread, pwrite};

use super::{Exchange, Outcome, Served, Service, Upload, no_such_handle};
use sftp_options::Kind;

use crate::attributes::Attributes;
use crate::event::{SftpEvent, Transfer};
use crate::handles::{OpenFile, Opened, TableFull};
use crate::reply;
use crate::request::open_flags;
use crate::server::LARGEST_READ;
use crate::status::Status;
use crate::surroundings::Surroundings;

impl Service {
    pub(super) fn open<S: Surroundings>(
        &mut self,
        path: &[u8],
        flags: u32,
        attributes: Attributes,
        to: &mut Exchange<'_, S>,
    ) -> Served {
        let mode = attributes.mode.unwrap_or(0o666);
        self.log(to.around, SftpEvent::Open { path: path.to_vec(), flags, mode });
        let system_flags = translated(flags);
        if self.options.read_only && can_change_something(system_flags) {
            self.log(to.around, SftpEvent::RefusedReadOnly { request: Kind::Open });
            return Err(Status::PermissionDenied.into());
        }
        let opened = if system_flags.intersects(OFlag::O_WRONLY | OFlag::O_RDWR) {
            self.open_upload(path, system_flags, mode, to.around)?
        } else {
            OpenFile::new(self.tree.open(path, system_flags, mode)?, path)
        };
        self.answer_with_handle(Opened::File(opened), path, to)
    }

    pub(super) fn answer_with_handle<S: Surroundings>(
        &mut self,
        opened: Opened,
        path: &[u8],
        to: &mut Exchange<'_, S>,
    ) -> Served {
        match self.handles.insert(opened) {
            Ok(handle) => {
                reply::handle(to.output, to.id, &handle);
                Ok(Outcome::Answered)
            }
            Err(TableFull(opened)) => {
                if let Opened::File(mut file) = opened
                    && let Some(upload) = file.upload.take()
                {
                    self.abandon_upload(&mut file, &upload, to.around);
                }
                let limit = self.handles.at_most();
                self.log(to.around, SftpEvent::TooManyHandles { path: path.to_vec(), limit });
                Err(Status::Failure.into())
            }
        }
    }

    pub(super) fn close<S: Surroundings>(&mut self, handle: &[u8], to: &mut Exchange<'_, S>) -> Served {
        match self.handles.remove(handle).ok_or(Status::NoSuchFile)? {
            Opened::File(mut file) => {
                self.log(to.around, file.closed(false));
                match file.upload.take() {
                    Some(upload) => self.close_upload(file, upload, to)?,
                    None => nix::unistd::close(file.file)?,
                }
            }
            Opened::Directory(directory) => {
                self.log(to.around, SftpEvent::Closedir { path: directory.path, forced: false });
            }
        }
        Ok(Outcome::Done)
    }

    /// Reads straight into the output.
    pub(super) fn read<S: Surroundings>(
        &mut self,
        handle: &[u8],
        offset: u64,
        length: u32,
        to: &mut Exchange<'_, S>,
    ) -> Served {
        let file = self.handles.file(handle).ok_or_else(no_such_handle)?;
        let length = usize::try_from(length).unwrap_or(LARGEST_READ).min(LARGEST_READ);
        let read = system_offset(offset)
            .and_then(|offset| reply::data(to.output, to.id, length, |place| read_at(file, place, offset)));
        match read {
            Ok(bytes) => {
                file.bytes_read = file.bytes_read.saturating_add(bytes as u64);
                Ok(Outcome::Answered)
            }
            Err(ReadFailed::AtTheEnd) => Err(Status::Eof.into()),
            Err(ReadFailed::System(error)) => {
                let event = failed(Transfer::Read, file, error);
                self.log(to.around, event);
                Err(error.into())
            }
        }
    }

    /// Writes straight from the input. Files opened to append ignore the offset: the system sees to that.
    pub(super) fn write<S: Surroundings>(
        &mut self,
        handle: &[u8],
        offset: u64,
        bytes: &[u8],
        to: &mut Exchange<'_, S>,
    ) -> Served {
        let file = self.handles.file(handle).ok_or_else(no_such_handle)?;
        if let Err(error) = write_all_at(file, bytes, offset) {
            file.upload.iter_mut().for_each(Upload::failed);
            let event = failed(Transfer::Write, file, error);
            self.log(to.around, event);
            return Err(error.into());
        }
        if let Some(upload) = &mut file.upload {
            upload.wrote(bytes, offset);
        }
        Ok(Outcome::Done)
    }

    pub(super) fn fsync<S: Surroundings>(&mut self, handle: &[u8], to: &mut Exchange<'_, S>) -> Served {
        let file = self.handles.file(handle).ok_or(Status::NoSuchFile)?;
        let event = SftpEvent::Fsync { path: file.path.clone() };
        let synced = nix::unistd::fsync(&file.file);
        if let Some(upload) = &mut file.upload {
            match synced {
                Ok(()) => upload.synced(),
                Err(_) => upload.failed(),
            }
        }
        self.log(to.around, event);
        synced?;
        Ok(Outcome::Done)
    }
}

impl OpenFile {
    pub(super) fn closed(&self, forced: bool) -> SftpEvent {
        let path = self.path.clone();
        SftpEvent::Close { path, bytes_read: self.bytes_read, bytes_written: self.bytes_written, forced }
    }
}

/// Why nothing was read.
pub(super) enum ReadFailed {
    AtTheEnd,
    System(Errno),
}

impl From<Errno> for ReadFailed {
    fn from(error: Errno) -> Self {
        Self::System(error)
    }
}

/// Offsets of the protocol reach further than those of the system.
fn system_offset(offset: u64) -> Result<i64, ReadFailed> {
    i64::try_from(offset).map_err(|_| Errno::EINVAL.into())
}

fn read_at(file: &OpenFile, place: &mut [u8], offset: i64) -> Result<usize, ReadFailed> {
    loop {
        match pread(&file.file, place, offset) {
            Ok(0) if !place.is_empty() => return Err(ReadFailed::AtTheEnd),
            Err(Errno::EINTR) => {}
            other => return Ok(other?),
        }
    }
}

/// Writes everything or fails; what was written before a failure is counted.
pub(super) fn write_all_at(file: &mut OpenFile, bytes: &[u8], offset: u64) -> Result<(), Errno> {
    let mut left = bytes;
    let mut offset = i64::try_from(offset).map_err(|_| Errno::EINVAL)?;
    while !left.is_empty() {
        match pwrite(&file.file, left, offset) {
            Ok(0) => return Err(Errno::EIO),
            Ok(written) => {
                file.bytes_written = file.bytes_written.saturating_add(written as u64);
                left = left.get(written..).unwrap_or_default();
                offset = i64::try_from(written).ok().and_then(|step| offset.checked_add(step)).ok_or(Errno::EFBIG)?;
            }
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

pub(super) fn failed(what: Transfer, file: &OpenFile, error: Errno) -> SftpEvent {
    SftpEvent::TransferFailed { what, path: file.path.clone(), error: sys::errors::words(&error.into()) }
}

/// Flags of SSH_FXP_OPEN as those of open(2). Neither reading nor writing means reading, as it does there.
fn translated(flags: u32) -> OFlag {
    let has = |flag| flags & flag != 0;
    let mut system = match (has(open_flags::READ), has(open_flags::WRITE)) {
        (true, true) => OFlag::O_RDWR,
        (false, true) => OFlag::O_WRONLY,
        _ => OFlag::O_RDONLY,
    };
    for (flag, meaning) in [
        (open_flags::CREATE, OFlag::O_CREAT),
        (open_flags::TRUNCATE, OFlag::O_TRUNC),
        (open_flags::EXCLUSIVE, OFlag::O_EXCL),
    ] {
        system.set(meaning, has(flag));
    }
    // Means nothing to a reader, and a sandbox that lets files be read only takes it for an attempt to write.
    system.set(OFlag::O_APPEND, has(open_flags::APPEND) && has(open_flags::WRITE));
    system
}

/// A file that is opened for reading can still be created or emptied by that (CVE-2017-15906).
fn can_change_something(flags: OFlag) -> bool {
    flags.intersects(OFlag::O_WRONLY | OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_TRUNC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_only_refuses_everything_that_changes() {
        use open_flags::{APPEND, CREATE, EXCLUSIVE, READ, TRUNCATE, WRITE};
        for (flags, changes) in [
            (READ, false),
            (0, false),
            (WRITE, true),
            (READ | WRITE, true),
            (READ | CREATE, true),
            (READ | TRUNCATE, true),
            (CREATE | EXCLUSIVE, true),
            (READ | APPEND, false),
        ] {
            assert_eq!(can_change_something(translated(flags)), changes, "{flags:#x}");
        }
    }
}
