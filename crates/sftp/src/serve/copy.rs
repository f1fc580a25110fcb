//! `copy-data`: from one open file to another without the client in between.

use nix::errno::Errno;
use nix::sys::stat::fstat;
use nix::sys::uio::pread;

use super::files::{failed, write_all_at};
use super::{Exchange, Outcome, Served, Service, Upload, no_such_handle};
use crate::event::{SftpEvent, Transfer};
use crate::request::CopyData;
use crate::status::{Refusal, Status};
use crate::surroundings::Surroundings;

/// Bytes that are copied before other work of the process gets its turn.
const TURN: usize = 8 * 1024 * 1024;
/// Bytes a read.
const PIECE: usize = 256 * 1024;

/// A copy that takes several turns.
#[derive(Debug)]
pub(crate) struct Copying {
    pub(crate) id: u32,
    from: Vec<u8>,
    to: Vec<u8>,
    read_at: u64,
    write_at: u64,
    /// `None`: until the end of the file
    left: Option<u64>,
    piece: Vec<u8>,
}

impl Service {
    pub(super) fn copy_data<S: Surroundings>(&mut self, copy: &CopyData<'_>, to: &mut Exchange<'_, S>) -> Served {
        let source = self.handles.file(copy.from).ok_or(Status::NoSuchFile)?;
        let (source_stat, path) = (fstat(&source.file)?, source.path.clone());
        let target = self.handles.file(copy.to).ok_or(Status::NoSuchFile)?;
        let target_stat = fstat(&target.file)?;
        // A copy onto itself might never end: it would read what it wrote.
        if (source_stat.st_dev, source_stat.st_ino) == (target_stat.st_dev, target_stat.st_ino) {
            self.log(to.around, SftpEvent::CopyOntoItself { path });
            return Err(Status::Failure.into());
        }
        if i64::try_from(copy.from_offset).is_err() || i64::try_from(copy.to_offset).is_err() {
            return Err(Errno::EINVAL.into());
        }
        Ok(Outcome::UnderWay(Copying {
            id: to.id,
            from: copy.from.to_vec(),
            to: copy.to.to_vec(),
            read_at: copy.from_offset,
            write_at: copy.to_offset,
            left: (copy.length != 0).then_some(copy.length),
            piece: vec![0; PIECE],
        }))
    }

    /// One turn of a copy; [`Outcome::UnderWay`] when more is left.
    pub(crate) fn go_on_copying<S: Surroundings>(&mut self, mut copying: Copying, to: &mut Exchange<'_, S>) -> Served {
        let mut this_turn = 0usize;
        while this_turn < TURN {
            let copied = self.copy_piece(&mut copying, to);
            if copied.is_err()
                && let Some(target) = self.handles.file(&copying.to)
            {
                // Whichever end it was: what was to be there is not.
                target.upload.iter_mut().for_each(Upload::failed);
            }
            match copied? {
                Some(bytes) => this_turn = this_turn.saturating_add(bytes),
                None if copying.left.is_none_or(|left| left == 0) => return Ok(Outcome::Done),
                // The file ended before as much was copied as was asked for.
                None => return Err(Status::Eof.into()),
            }
        }
        Ok(Outcome::UnderWay(copying))
    }

    /// Copies up to [`PIECE`] bytes; `None` at the end.
    fn copy_piece<S: Surroundings>(
        &mut self,
        copying: &mut Copying,
        to: &mut Exchange<'_, S>,
    ) -> Result<Option<usize>, Refusal> {
        let wanted = copying.left.map_or(PIECE, |left| usize::try_from(left).unwrap_or(PIECE).min(PIECE));
        let place = copying.piece.get_mut(..wanted).unwrap_or_default();
        let source = self.handles.file(&copying.from).ok_or_else(no_such_handle)?;
        let offset = i64::try_from(copying.read_at).map_err(|_| Errno::EINVAL)?;
        let bytes = match pread(&source.file, place, offset) {
            Ok(bytes) => bytes,
            Err(Errno::EINTR) => return Ok(Some(0)),
            Err(error) => {
                let event = failed(Transfer::Read, source, error);
                self.log(to.around, event);
                return Err(error.into());
            }
        };
        if bytes == 0 {
            return Ok(None);
        }
        source.bytes_read = source.bytes_read.saturating_add(bytes as u64);
        let target = self.handles.file(&copying.to).ok_or_else(no_such_handle)?;
        if let Err(error) = write_all_at(target, place.get(..bytes).unwrap_or_default(), copying.write_at) {
            let event = failed(Transfer::Write, target, error);
            self.log(to.around, event);
            return Err(error.into());
        }
        if let Some(upload) = &mut target.upload {
            upload.cannot_be_summed_up();
        }
        copying.advance(bytes as u64);
        Ok(Some(bytes))
    }
}

impl Copying {
    fn advance(&mut self, bytes: u64) {
        self.read_at = self.read_at.saturating_add(bytes);
        self.write_at = self.write_at.saturating_add(bytes);
        self.left = self.left.map(|left| left.saturating_sub(bytes));
    }
}
