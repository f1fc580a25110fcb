//! Listing directories.

use std::ffi::CStr;
use std::iter;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::stat::{FileStat, fstatat};

use super::{Exchange, Outcome, Served, Service, no_such_handle};
use crate::attributes;
use crate::dates;
use crate::event::SftpEvent;
use crate::handles::{OpenDirectory, Opened};
use crate::long_name::{self, Owner};
use crate::reply::{Names, patch_length};
use crate::status::Status;
use crate::surroundings::Surroundings;

/// Names in one answer, as theirs: more than fit one window help nobody, and some clients have small buffers.
const NAMES_AT_ONCE: usize = 100;
/// Bytes that a name takes as a rule.
const USUAL_NAME: usize = 32;

impl Service {
    pub(super) fn opendir<S: Surroundings>(&mut self, path: &[u8], to: &mut Exchange<'_, S>) -> Served {
        self.log(to.around, SftpEvent::Opendir { path: path.to_vec() });
        let directory = self.tree.open_directory(path)?;
        self.answer_with_handle(Opened::Directory(OpenDirectory { directory, path: path.to_vec() }), path, to)
    }

    pub(super) fn readdir<S: Surroundings>(&mut self, handle: &[u8], to: &mut Exchange<'_, S>) -> Served {
        let directory = &mut self.handles.directory(handle).ok_or_else(no_such_handle)?.directory;
        loop {
            let found = next_names(directory)?;
            if found.is_empty() {
                return Err(Status::Eof.into());
            }
            let look = |name| Some((name, fstatat(&*directory, name, AtFlags::AT_SYMLINK_NOFOLLOW).ok()?));
            let mut existing = found.iter().filter_map(look);
            // Should all of them have been removed meanwhile, the next ones: no names would mean the end.
            let Some(first) = existing.next() else { continue };
            let mut list = Names::new(to.output, to.id);
            let now = dates::now();
            for (name, stat) in iter::once(first).chain(existing) {
                let (user, group) = self.names.shown(stat.st_uid, stat.st_gid, to.around);
                put_entry(&mut list, name.to_bytes(), &stat, Owner { user: &user, group: &group }, now);
            }
            list.finish();
            return Ok(Outcome::Answered);
        }
    }
}

/// Names of a directory, one behind the other in one piece of memory.
struct Found {
    /// Each ends with its NUL.
    names: Vec<u8>,
    count: usize,
}

impl Found {
    fn add(&mut self, name: &CStr) {
        self.names.extend_from_slice(name.to_bytes_with_nul());
        self.count = self.count.saturating_add(1);
    }

    fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn iter(&self) -> impl Iterator<Item = &CStr> {
        self.names.split_inclusive(|byte| *byte == 0).filter_map(|name| CStr::from_bytes_with_nul(name).ok())
    }
}

fn next_names(directory: &mut Dir) -> Result<Found, Errno> {
    let mut found = Found { names: Vec::with_capacity(NAMES_AT_ONCE * USUAL_NAME), count: 0 };
    let mut entries = directory.iter();
    let mut failed = None;
    while found.count < NAMES_AT_ONCE {
        match entries.next() {
            Some(Ok(entry)) => found.add(entry.file_name()),
            Some(Err(error)) => {
                failed = Some(error);
                break;
            }
            None => break,
        }
    }
    // Dropping this iterator would go back to the first entry; it owns nothing.
    std::mem::forget(entries);
    match failed {
        Some(error) if found.is_empty() => Err(error),
        _ => Ok(found),
    }
}

fn put_entry(list: &mut Names<'_>, name: &[u8], stat: &FileStat, owner: Owner<'_>, now: i64) {
    let output = &mut *list.packet.body;
    output.put_string(name);
    let long_name = output.mark();
    output.put_u32(0);
    long_name::write(output, name, stat, owner, now);
    patch_length(output, long_name);
    attributes::write_stat(output, stat);
    list.count_one();
}
