//! `SftpEventSpool`: what becomes of files, one file an event, for a script to take away.
//!
//! It lies outside of every chroot and is written by this process alone: the session process only says what has
//! happened, in events of a few kinds and sizes.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use events::files::Recorded;
use events::{ConnectionFacts, json};
use nix::sys::statvfs::statvfs;

/// What must stay free of the spool's file system, in percent of its blocks and of its files: a client that makes
/// events without end does not fill it.
const KEPT_FREE: u64 = 5;

/// Its owner and its group can read what is spooled: a script need not be root.
const MODE: u32 = 0o640;

/// A directory that events are put into.
#[derive(Debug)]
pub(super) struct Spool {
    directory: PathBuf,
    spooled: u64,
    pub(super) lost: u64,
}

impl Spool {
    pub(super) fn at(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), spooled: 0, lost: 0 }
    }

    pub(super) fn directory(&self) -> std::path::Display<'_> {
        self.directory.display()
    }

    /// Puts an event there, whole or not at all. Names begin with the time, so that their order is that of the events.
    pub(super) fn put(&mut self, event: &Recorded, facts: &ConnectionFacts) -> io::Result<()> {
        let now = SystemTime::now();
        self.spooled = self.spooled.saturating_add(1);
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let name = format!("{since:020}-{}-{:06}.json", facts.id, self.spooled);
        let put = check(&self.directory).and_then(|()| {
            let unfinished = self.directory.join(format!(".{name}"));
            let written = write_new(&unfinished, &json(event, facts, now));
            let put = written.and_then(|()| fs::rename(&unfinished, self.directory.join(&name)));
            put.inspect_err(|_| drop(fs::remove_file(&unfinished)))
        });
        put.inspect_err(|_| self.lost = self.lost.saturating_add(1))
    }
}

fn write_new(path: &Path, line: &str) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(MODE).open(path)?;
    file.write_all(format!("{line}\n").as_bytes())
}

/// It must be ours, so that nobody else decides what lies there; a group that takes things away may be able to.
fn check(directory: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(directory)?;
    if !found.is_dir() {
        return Err(io::Error::other("is not a directory"));
    }
    if found.uid() != nix::unistd::geteuid().as_raw() || found.mode() & 0o002 != 0 {
        return Err(io::Error::other("belongs to or can be changed by somebody else"));
    }
    let system = statvfs(directory)?;
    let scarce = |free: u64, all: u64| all > 0 && free < all.saturating_mul(KEPT_FREE) / 100;
    if scarce(system.blocks_available(), system.blocks()) || scarce(system.files_available(), system.files()) {
        return Err(io::Error::from(io::ErrorKind::StorageFull));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use events::files::{ClientPath, Event};

    fn removed() -> Recorded {
        Recorded { root: "/srv".to_owned(), event: Event::Removed { path: ClientPath(b"/x".to_vec()) } }
    }

    fn folder(name: &str, mode: u32) -> PathBuf {
        let path = std::env::temp_dir().join(format!("bulkhead-spool-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn events_come_in_order_and_whole() {
        let directory = folder("order", 0o750);
        let mut spool = Spool::at(&directory);
        for _ in 0..3 {
            spool.put(&removed(), &ConnectionFacts::none()).unwrap();
        }
        let mut names: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        let ends: Vec<bool> =
            names.iter().zip(1..).map(|(name, n)| name.to_str().unwrap().ends_with(&format!("-{n:06}.json"))).collect();
        assert_eq!(ends, [true; 3]);
        let line = fs::read_to_string(directory.join(&names[0])).unwrap();
        assert!(line.contains(r#""event":"Removed""#) && line.contains(r#""root":"/srv""#) && line.ends_with("}\n"));
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_directory_that_everybody_can_write_takes_nothing() {
        let directory = folder("open", 0o777);
        let mut spool = Spool::at(&directory);
        assert!(spool.put(&removed(), &ConnectionFacts::none()).is_err());
        assert_eq!((spool.lost, fs::read_dir(&directory).unwrap().count()), (1, 0));
        fs::remove_dir_all(&directory).unwrap();
        assert_eq!(spool.put(&removed(), &ConnectionFacts::none()).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
