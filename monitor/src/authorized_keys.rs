//! AuthorizedKeysFile and AuthorizedPrincipalsFile: found, opened and read with the user's own rights, believed only as StrictModes allows.

use std::cell::RefCell;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::vec::IntoIter;

use events::Level;
use events::monitor::Event;
use nix::fcntl::OFlag;
use policy::{KeyFile, PathFacts, PathKind, TokenError};

use crate::candidate::Candidate;
use crate::connection::step_event;

/// Largest file that is read, in bytes.
pub(crate) const LARGEST_FILE: u64 = 16 * 1024 * 1024;

/// Most files that one pattern stands for.
const MOST_FILES: usize = 1024;

/// The candidate's files, opened one after the other and only as far as somebody asks for the next one.
pub(crate) struct KeyFiles<'a> {
    candidate: &'a Candidate,
    patterns: IntoIter<PathBuf>,
    /// Those that the pattern in hand matches.
    files: IntoIter<PathBuf>,
    complaints: &'a RefCell<Vec<Event>>,
}

/// A file that was opened, and everything about its path that can make it unbelievable.
struct Opened {
    text: Vec<u8>,
    components: Vec<PathFacts>,
    home: Option<PathBuf>,
}

impl<'a> KeyFiles<'a> {
    /// AuthorizedKeysFile. `complaints` takes what the log should know about files that are not used.
    pub(crate) fn of_keys(candidate: &'a Candidate, complaints: &'a RefCell<Vec<Event>>) -> Self {
        let patterns = policy::authorized_keys_files(&candidate.effective, &candidate.facts);
        Self::matching("AuthorizedKeysFile", patterns, candidate, complaints)
    }

    /// AuthorizedPrincipalsFile.
    pub(crate) fn of_principals(candidate: &'a Candidate, complaints: &'a RefCell<Vec<Event>>) -> Self {
        let pattern = policy::authorized_principals_files(&candidate.effective, &candidate.facts);
        Self::matching("AuthorizedPrincipalsFile", pattern.map(Vec::from_iter), candidate, complaints)
    }

    fn matching(
        keyword: &str,
        patterns: Result<Vec<PathBuf>, TokenError>,
        candidate: &'a Candidate,
        complaints: &'a RefCell<Vec<Event>>,
    ) -> Self {
        let patterns = patterns.unwrap_or_else(|error| {
            complaints.borrow_mut().push(said(Level::Error, format!("{keyword}: {error}")));
            Vec::new()
        });
        Self { candidate, patterns: patterns.into_iter(), files: Vec::new().into_iter(), complaints }
    }

    /// The next file. Directories are searched with the user's rights too.
    fn next_file(&mut self) -> Option<PathBuf> {
        loop {
            if let Some(file) = self.files.next() {
                return Some(file);
            }
            let pattern = self.patterns.next()?;
            match sys::identity::as_user(&self.candidate.identity, || matching_files(&pattern)) {
                Ok(files) => {
                    if files.is_empty() {
                        self.complain(said(Level::Debug1, format!("{}: there is no such file", pattern.display())));
                    }
                    self.files = files.into_iter();
                }
                Err(error) => self.complain(said(Level::Info, format!("{}: {error}", pattern.display()))),
            }
        }
    }

    fn complain(&self, event: Event) {
        self.complaints.borrow_mut().push(event);
    }

    /// The text of a file, if it is there and can be believed.
    fn text_of(&self, path: &Path) -> Option<Vec<u8>> {
        let home = &self.candidate.account.home;
        let opened =
            match sys::identity::as_user(&self.candidate.identity, || open(path, home)).and_then(|opened| opened) {
                Ok(opened) => opened,
                Err(error) => {
                    self.complain(said(complaint_level(&error), format!("{}: {error}", path.display())));
                    return None;
                }
            };
        if self.candidate.effective.strict_modes {
            let verdict = policy::strict_modes(&opened.components, self.candidate.identity.uid, opened.home.as_deref());
            verdict.steps.iter().for_each(|step| self.complain(step_event(step)));
            verdict.outcome.ok()?;
        }
        Some(opened.text)
    }
}

/// Most accounts have no file, and one of the two default names never exists: that is nothing to write about.
pub(crate) fn complaint_level(error: &io::Error) -> Level {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Level::Debug1,
        _ => Level::Info,
    }
}

impl Iterator for KeyFiles<'_> {
    type Item = KeyFile;

    fn next(&mut self) -> Option<KeyFile> {
        loop {
            let path = self.next_file()?;
            if let Some(text) = self.text_of(&path) {
                return Some(KeyFile { name: path.display().to_string(), text });
            }
        }
    }
}

pub(crate) fn said(level: Level, text: String) -> Event {
    Event::Said { level, text }
}

/// What glob(7) finds: users can fill their directories as they like.
fn matching_files(pattern: &Path) -> Vec<PathBuf> {
    let mut files = settings::file_pattern::matching_files(pattern.as_os_str().as_bytes());
    files.truncate(MOST_FILES);
    files
}

/// Opens a file that somebody else may have put there; to be called with the rights of its owner. What is not a regular
/// file of a sane size is never read.
pub(crate) fn open_regular(path: &Path) -> io::Result<(File, Metadata)> {
    regular(OpenOptions::new().read(true).custom_flags(WITHOUT_EFFECT.bits()).open(path)?)
}

/// Whatever has the name of a file, opening it does nothing to this process: a FIFO would make it wait, and a terminal
/// without a session would become the one whose keys and hang-ups send it signals.
pub(crate) const WITHOUT_EFFECT: OFlag = OFlag::O_NONBLOCK.union(OFlag::O_NOCTTY);

/// A file that was opened [`WITHOUT_EFFECT`], if it can be read.
pub(crate) fn regular(file: File) -> io::Result<(File, Metadata)> {
    let facts = file.metadata()?;
    if !facts.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    if facts.len() > LARGEST_FILE {
        return Err(io::Error::other(format!("larger than {LARGEST_FILE} bytes")));
    }
    Ok((file, facts))
}

/// To be called with the user's rights.
fn open(path: &Path, home: &Path) -> io::Result<Opened> {
    let (file, facts) = open_regular(path)?;
    let real = real_path(&file, path)?;
    let components = components_of(&real, &facts)?;
    let mut text = Vec::new();
    file.take(LARGEST_FILE).read_to_end(&mut text)?;
    Ok(Opened { text, components, home: std::fs::canonicalize(home).ok() })
}

/// The facts of a file whose path is `real`, and of all directories above it.
pub(crate) fn components_of(real: &Path, facts: &Metadata) -> io::Result<Vec<PathFacts>> {
    let mut components = vec![path_facts(real.to_path_buf(), facts)];
    for directory in real.ancestors().skip(1) {
        components.push(path_facts(directory.to_path_buf(), &std::fs::metadata(directory)?));
    }
    Ok(components)
}

/// The path without symbolic links, as long as it still leads to the file that was opened.
fn real_path(file: &File, path: &Path) -> io::Result<PathBuf> {
    let real = std::fs::canonicalize(path)?;
    let (opened, there) = (file.metadata()?, std::fs::metadata(&real)?);
    if (opened.dev(), opened.ino()) == (there.dev(), there.ino()) {
        Ok(real)
    } else {
        Err(io::Error::other("changed while it was opened"))
    }
}

pub(crate) fn path_facts(path: PathBuf, facts: &Metadata) -> PathFacts {
    let kind = match facts.file_type() {
        kind if kind.is_file() => PathKind::File,
        kind if kind.is_dir() => PathKind::Directory,
        _ => PathKind::Other,
    };
    PathFacts { path, kind, uid: facts.uid(), mode: facts.mode() & 0o7777 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("key-files-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        directory.canonicalize().unwrap()
    }

    #[test]
    fn components_go_up_to_the_root() {
        let home = scratch("up");
        let path = home.join("keys");
        std::fs::write(&path, "line").unwrap();
        let opened = open(&path, &home).unwrap();
        std::fs::remove_dir_all(&home).unwrap();
        assert_eq!(opened.text, b"line");
        assert_eq!(opened.components.first().unwrap().path, path);
        assert_eq!(opened.components.get(1).unwrap().path, home);
        assert_eq!(opened.components.last().unwrap().path, Path::new("/"));
    }

    #[test]
    fn links_are_followed_to_where_they_lead() {
        let home = scratch("link");
        std::fs::write(home.join("target"), "line").unwrap();
        std::os::unix::fs::symlink("target", home.join("keys")).unwrap();
        let opened = open(&home.join("keys"), &home).unwrap();
        std::fs::remove_dir_all(&home).unwrap();
        assert_eq!(opened.components.first().unwrap().path, home.join("target"));
    }

    #[test]
    fn what_is_not_a_regular_file_is_not_read() {
        let home = scratch("fifo");
        let fifo = home.join("keys");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let refused = open(&fifo, &home).is_err();
        let directory = open(&home, &home).is_err();
        std::fs::remove_dir_all(&home).unwrap();
        assert!(refused && directory);
    }
}
