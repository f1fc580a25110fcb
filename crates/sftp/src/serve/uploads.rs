//! Files that are written to: under a temporary name until they are whole (`SftpAtomicUploads`), summed up on the way
//! (`SftpUploadSha256`), and told about when they are closed.
//!
//! What is atomic is the *making* of a file: a new one, or one that is emptied by its opening. Everything else is
//! written in place: resumed uploads (opened without TRUNCATE), files that are no regular files of the user's own or
//! have further names, so that nothing changes its owner and no link is cut off.

use std::time::{Duration, Instant};

use events::files::{ClientPath, Event};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat};
use nix::unistd::{Gid, fchown};

use super::{Exchange, Service};
use crate::handles::{OpenFile, Opened};
use crate::status::Status;
use crate::surroundings::{Digest, Surroundings};
use crate::tree::{AtTheEnd, Tree};

/// What temporary names begin with; 32 hexadecimal digits follow that nobody can guess.
const TEMPORARY: &[u8] = b".upload-";

/// What is known of a file that was opened for writing.
#[derive(Debug)]
pub(crate) struct Upload {
    since: Instant,
    /// It was made or emptied by its opening: closing it is worth telling even if nothing was written.
    begun_anew: bool,
    digest: Option<Running>,
    pending: Option<Pending>,
    /// It was renamed while it was open: the name that is told of it.
    renamed_to: Option<Vec<u8>>,
    /// It was removed before it was whole.
    discarded: bool,
    /// Something that the client wanted to write could not be written: it can never be whole. (A client that was told so
    /// closes the file all the same.)
    failed: bool,
}

/// A sum of everything so far.
#[derive(Debug)]
struct Running {
    digest: Box<dyn Digest>,
    /// Bytes that it has seen: the offset of the next one.
    seen: u64,
}

/// A file that has not its name yet.
#[derive(Debug)]
struct Pending {
    temporary: Vec<u8>,
    /// Whether what has its name by then is replaced, or stays and makes the upload fail.
    replaces: bool,
    /// The client has asked for it to be on the disk: then so must its name be.
    synced: bool,
}

impl Service {
    /// Opens a file for writing: under a temporary name if that is wanted and can be.
    pub(super) fn open_upload<S: Surroundings>(
        &mut self,
        path: &[u8],
        flags: OFlag,
        mode: u32,
        around: &S,
    ) -> Result<OpenFile, Errno> {
        let begun_anew = flags.intersects(OFlag::O_CREAT | OFlag::O_TRUNC);
        let pending = if self.uploads.atomic { self.open_temporary(path, flags, mode)? } else { None };
        let (file, pending) = match pending {
            Some((file, pending)) => (file, Some(pending)),
            None => (self.tree.open(path, flags, mode)?, None),
        };
        let is_empty = || fstat(&file).is_ok_and(|stat| stat.st_size == 0);
        let digest = if self.uploads.digest && is_empty() { around.new_digest() } else { None };
        let digest = digest.map(|digest| Running { digest, seen: 0 });
        let upload = Upload {
            since: Instant::now(),
            begun_anew,
            digest,
            pending,
            renamed_to: None,
            discarded: false,
            failed: false,
        };
        Ok(OpenFile { upload: Some(upload), ..OpenFile::new(file, path) })
    }

    /// `None` when the file is to be written in place.
    fn open_temporary(
        &self,
        path: &[u8],
        flags: OFlag,
        mode: u32,
    ) -> Result<Option<(std::os::fd::OwnedFd, Pending)>, Errno> {
        let Some(temporary) = temporary_beside(path)? else { return Ok(None) };
        let there = match self.tree.stat(path, AtTheEnd::StayOnLink) {
            Ok(there) if self.can_be_replaced(path, flags, &there) => Some(there),
            Err(Errno::ENOENT) if flags.contains(OFlag::O_CREAT) => None,
            _ => return Ok(None),
        };
        let replaces = flags.contains(OFlag::O_TRUNC) && !flags.contains(OFlag::O_EXCL);
        let made = flags.difference(OFlag::O_TRUNC) | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW;
        let file = match self.tree.open(&temporary, made, mode) {
            // The name beside a name that is just short enough.
            Err(Errno::ENAMETOOLONG) => return Ok(None),
            other => other?,
        };
        if let Some(there) = there
            && make_alike(&file, &there).is_err()
        {
            self.tree.remove(&temporary)?;
            return Ok(None);
        }
        Ok(Some((file, Pending { temporary, replaces, synced: false })))
    }

    /// Whether the rename at the end comes to the same as emptying the file now: the user's own, without other names,
    /// and one that may be written.
    fn can_be_replaced(&self, path: &[u8], flags: OFlag, there: &FileStat) -> bool {
        let regular = SFlag::from_bits_truncate(there.st_mode & SFlag::S_IFMT.bits()) == SFlag::S_IFREG;
        let emptied = flags.contains(OFlag::O_TRUNC) && !flags.contains(OFlag::O_EXCL);
        let writes_only = OFlag::O_WRONLY | OFlag::O_NOFOLLOW;
        regular
            && emptied
            && there.st_nlink == 1
            && there.st_uid == self.uid
            && self.tree.open(path, writes_only, 0).is_ok()
    }

    /// Closes a file that was written to, gives it its name and tells about it.
    pub(super) fn close_upload<S: Surroundings>(
        &mut self,
        file: OpenFile,
        upload: Upload,
        to: &mut Exchange<'_, S>,
    ) -> Result<(), Status> {
        let told = self.told(&file, &upload);
        let Upload { since, begun_anew, digest, pending, mut discarded, failed, .. } = upload;
        // NFS and quotas report here that what was written did not arrive.
        let closed = nix::unistd::close(file.file).map_err(Status::from);
        let outcome = match pending {
            Some(pending) => {
                let published = closed.and_then(|()| match failed {
                    true => Err(Status::Failure),
                    false => self.publish(&pending, &file.path).map_err(Status::from),
                });
                if published.is_err() {
                    let _ = self.tree.remove(&pending.temporary);
                    discarded = true;
                }
                published
            }
            None => closed,
        };
        if let Some((path, size)) = told.filter(|_| begun_anew || file.bytes_written > 0) {
            let sum = digest.filter(|digest| Some(digest.seen) == size).map(|digest| digest.digest.finish());
            to.around.file_changed(Event::Uploaded {
                path,
                size: size.filter(|_| !discarded),
                written: file.bytes_written,
                milliseconds: milliseconds(since.elapsed()),
                sha256: sum,
                complete: outcome.is_ok() && !failed && !discarded,
                discarded,
            });
        }
        outcome
    }

    /// The client has gone: what is not whole does not get its name.
    pub(super) fn abandon_upload(&self, file: &mut OpenFile, upload: &Upload, around: &mut impl Surroundings) {
        let discarded = upload.discarded || upload.pending.is_some();
        let told = self.told(file, upload);
        if let Some(pending) = &upload.pending {
            let _ = self.tree.remove(&pending.temporary);
        }
        if let Some((path, size)) = told.filter(|_| upload.begun_anew || file.bytes_written > 0) {
            around.file_changed(Event::Uploaded {
                path,
                size: size.filter(|_| !discarded),
                written: file.bytes_written,
                milliseconds: milliseconds(upload.since.elapsed()),
                sha256: None,
                complete: false,
                discarded,
            });
        }
    }

    /// Path and size of a file, if somebody wants to know.
    fn told(&self, file: &OpenFile, upload: &Upload) -> Option<(ClientPath, Option<u64>)> {
        if !self.uploads.reported {
            return None;
        }
        let size = fstat(&file.file).ok().map(|stat| stat.st_size.unsigned_abs());
        Some((self.shown(upload.renamed_to.as_ref().unwrap_or(&file.path)), size))
    }

    /// The path from the root that the client sees.
    fn shown(&self, path: &[u8]) -> ClientPath {
        ClientPath(self.resolved(path).unwrap_or_else(|_| path.to_vec()))
    }

    fn publish(&self, pending: &Pending, path: &[u8]) -> Result<(), Errno> {
        if pending.replaces {
            self.tree.rename(&pending.temporary, path)?;
        } else {
            self.tree.rename_if_free(&pending.temporary, path)?;
        }
        if pending.synced {
            let folder = self.tree.open_directory(folder_of(path))?;
            nix::unistd::fsync(folder)?;
        }
        Ok(())
    }

    /// The file that is being uploaded under this name, if there is one.
    pub(super) fn pending_at(&mut self, path: &[u8]) -> Option<&mut OpenFile> {
        if !self.uploads.atomic || !self.handles.opened().any(is_pending) {
            return None;
        }
        let wanted = self.resolved(path).ok()?;
        let is_it = |file: &OpenFile| self.resolved(&file.path).is_ok_and(|path| path == wanted);
        let handle = self.handles.opened().position(|opened| match opened {
            Opened::File(file) => is_pending(opened) && is_it(file),
            Opened::Directory(_) => false,
        })?;
        match self.handles.opened_mut().nth(handle)? {
            Opened::File(file) => Some(file),
            Opened::Directory(_) => None,
        }
    }

    /// What is renamed before it is closed gets the name that it had first; from then on it is written in place.
    pub(super) fn publish_early(&mut self, path: &[u8]) -> Result<(), Errno> {
        let Some(file) = self.pending_at(path) else { return Ok(()) };
        if file.upload.as_ref().is_some_and(|upload| upload.failed) {
            return Err(Errno::EIO);
        }
        let (path, upload) = (file.path.clone(), file.upload.as_mut());
        let Some(pending) = upload.and_then(|upload| upload.pending.take()) else { return Ok(()) };
        self.publish(&pending, &path)
    }

    /// What is removed before it is closed never gets its name. True if there was such a file.
    pub(super) fn discard_early(&mut self, path: &[u8]) -> bool {
        let Some(upload) = self.pending_at(path).and_then(|file| file.upload.as_mut()) else { return false };
        upload.discarded = true;
        let Some(pending) = upload.pending.take() else { return false };
        self.tree.remove(&pending.temporary).is_ok()
    }

    /// Renames with `rename` and tells of it: of the files, too, that are still being written under the old name (sshfs
    /// closes them after the program that wrote them has gone on).
    pub(super) fn rename_and_tell<S: Surroundings>(
        &mut self,
        (old, new): (&[u8], &[u8]),
        to: &mut Exchange<'_, S>,
        rename: impl FnOnce(&Tree) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let named_before = if self.uploads.reported { self.resolved(old).ok() } else { None };
        let open: Vec<bool> = self.handles.opened().map(|opened| self.is_written_at(opened, &named_before)).collect();
        rename(&self.tree)?;
        for (opened, _) in self.handles.opened_mut().zip(open).filter(|(_, is_it)| *is_it) {
            if let Opened::File(OpenFile { upload: Some(upload), .. }) = opened {
                upload.renamed_to = Some(new.to_vec());
            }
        }
        if self.uploads.reported {
            // Now that nothing has the old name, it leads nowhere, even if it was that of a link.
            let event = Event::Renamed { old: self.shown(old), new: self.shown(new) };
            to.around.file_changed(event);
        }
        Ok(())
    }

    fn is_written_at(&self, opened: &Opened, name: &Option<Vec<u8>>) -> bool {
        match opened {
            Opened::File(OpenFile { path, upload: Some(upload), .. }) if name.is_some() => {
                self.resolved(upload.renamed_to.as_ref().unwrap_or(path)).ok() == *name
            }
            _ => false,
        }
    }

    pub(super) fn tell_removed<S: Surroundings>(&self, path: &[u8], to: &mut Exchange<'_, S>) {
        if self.uploads.reported {
            to.around.file_changed(Event::Removed { path: self.shown(path) });
        }
    }
}

impl Upload {
    /// Bytes have been written there. A sum goes on only where it stopped.
    pub(super) fn wrote(&mut self, bytes: &[u8], offset: u64) {
        let Some(running) = self.digest.as_mut() else { return };
        if running.seen == offset {
            running.digest.update(bytes);
            running.seen = running.seen.saturating_add(bytes.len() as u64);
        } else {
            self.digest = None;
        }
    }

    /// The content was changed in another way than by writing.
    pub(super) fn cannot_be_summed_up(&mut self) {
        self.digest = None;
    }

    /// Something was not written, or may not have reached the disk.
    pub(super) fn failed(&mut self) {
        self.failed = true;
        self.digest = None;
    }

    /// fsync has succeeded.
    pub(super) fn synced(&mut self) {
        if let Some(pending) = &mut self.pending {
            pending.synced = true;
        }
    }
}

fn is_pending(opened: &Opened) -> bool {
    match opened {
        Opened::File(file) => file.upload.as_ref().is_some_and(|upload| upload.pending.is_some()),
        Opened::Directory(_) => false,
    }
}

/// Mode and group of the file that is going to be replaced.
fn make_alike(file: &std::os::fd::OwnedFd, there: &FileStat) -> Result<(), Errno> {
    if fstat(file)?.st_gid != there.st_gid {
        fchown(file, None, Some(Gid::from_raw(there.st_gid)))?;
    }
    fchmod(file, Mode::from_bits_truncate(there.st_mode))
}

/// A name in the same directory. `None` for paths that end in no name.
fn temporary_beside(path: &[u8]) -> Result<Option<Vec<u8>>, Errno> {
    let start = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash.saturating_add(1));
    let (folder, name) = path.split_at_checked(start).unwrap_or((path, b""));
    if matches!(name, b"" | b"." | b"..") {
        return Ok(None);
    }
    let mut random = [0; 16];
    sys::random::random_bytes(&mut random).map_err(|_| Errno::EIO)?;
    Ok(Some([folder, TEMPORARY, events::files::hex(&random).as_bytes()].concat()))
}

fn folder_of(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => path.get(..=slash).unwrap_or_default(),
        None => b".",
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_names_lie_in_the_same_directory_and_are_never_the_same() {
        let beside = |path: &[u8]| temporary_beside(path).unwrap();
        let name = beside(b"/in/box/file").unwrap();
        assert!(name.starts_with(b"/in/box/.upload-") && name.len() == b"/in/box/.upload-".len() + 32);
        assert_ne!(name, beside(b"/in/box/file").unwrap());
        assert!(beside(b"file").unwrap().starts_with(TEMPORARY));
        for nameless in [&b"/"[..], b"", b"in/", b"in/..", b"."] {
            assert_eq!(beside(nameless), None);
        }
        assert_eq!((folder_of(b"/x"), folder_of(b"in/x"), folder_of(b"x")), (&b"/"[..], &b"in/"[..], &b"."[..]));
    }
}
