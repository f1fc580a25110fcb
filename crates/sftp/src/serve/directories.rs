//! Listing directories.

use std::ffi::CString;

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

impl Service {
    pub(super) fn opendir<S: Surroundings>(&mut self, path: &[u8], to: &mut Exchange<'_, S>) -> Served {
        self.log(to.around, SftpEvent::Opendir { path: path.to_vec() });
        let directory = self.tree.open_directory(path)?;
        self.answer_with_handle(Opened::Directory(OpenDirectory { directory, path: path.to_vec() }), path, to)
    }

    pub(super) fn readdir<S: Surroundings>(&mut self, handle: &[u8], to: &mut Exchange<'_, S>) -> Served {
        let directory = &mut self.handles.directory(handle).ok_or_else(no_such_handle)?.directory;
        let found = next_entries(directory)?;
        if found.is_empty() {
            return Err(Status::Eof.into());
        }
        let mut list = Names::new(to.output, to.id);
        let now = dates::now();
        for (name, stat) in found {
            let (user, group) = self.names.shown(stat.st_uid, stat.st_gid, to.around);
            put_entry(&mut list, name.as_bytes(), &stat, Owner { user: &user, group: &group }, now);
        }
        list.finish();
        Ok(Outcome::Answered)
    }
}

/// The next entries that still exist; none at the end of the directory.
fn next_entries(directory: &mut Dir) -> Result<Vec<(CString, FileStat)>, Errno> {
    loop {
        let names = next_names(directory)?;
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let look = |name: CString| {
            let stat = fstatat(&*directory, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW).ok()?;
            Some((name, stat))
        };
        let found: Vec<_> = names.into_iter().filter_map(look).collect();
        if !found.is_empty() {
            return Ok(found);
        }
    }
}

fn next_names(directory: &mut Dir) -> Result<Vec<CString>, Errno> {
    let mut names = Vec::with_capacity(NAMES_AT_ONCE);
    let mut entries = directory.iter();
    let mut failed = None;
    while names.len() < NAMES_AT_ONCE {
        match entries.next() {
            Some(Ok(entry)) => names.push(entry.file_name().to_owned()),
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
        Some(error) if names.is_empty() => Err(error),
        _ => Ok(names),
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
