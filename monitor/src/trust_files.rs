//! Files that say which hosts are trusted and which keys they have: the account's are read with its own rights.

use std::cell::RefCell;
use std::io::{self, Read};
use std::path::Path;

use events::monitor::Event;
use policy::{NetgroupMember, PathFacts, TrustFile, TrustOwner, TrustSources, TrustText};

use crate::authorized_keys::{LARGEST_FILE, complaint_level, open_regular, path_facts, said};
use crate::candidate::Candidate;

/// This host's files, for one candidate.
pub(crate) struct TrustFiles<'a> {
    candidate: &'a Candidate,
    complaints: RefCell<Vec<Event>>,
}

impl<'a> TrustFiles<'a> {
    pub(crate) fn of(candidate: &'a Candidate) -> Self {
        Self { candidate, complaints: RefCell::default() }
    }

    /// What the log should know about files that could not be read.
    pub(crate) fn into_complaints(self) -> Vec<Event> {
        self.complaints.into_inner()
    }

    fn as_account<T>(&self, read: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        sys::identity::as_user(&self.candidate.identity, read).and_then(|read| read)
    }
}

impl TrustSources for TrustFiles<'_> {
    fn read(&self, file: &TrustFile) -> Option<TrustText> {
        let read = match file.owner {
            TrustOwner::System => read(&file.path),
            TrustOwner::Account => self.as_account(|| read(&file.path)),
        };
        let complain = |error: &io::Error| {
            let complaint = said(complaint_level(error), format!("{}: {error}", file.path.display()));
            self.complaints.borrow_mut().push(complaint);
        };
        read.inspect_err(complain).ok()
    }

    fn home(&self) -> Option<PathFacts> {
        let home = &self.candidate.account.home;
        let facts = self.as_account(|| std::fs::metadata(home));
        facts.ok().map(|facts| path_facts(home.clone(), &facts))
    }

    fn netgroup_has(&self, netgroup: &str, member: NetgroupMember<'_>) -> bool {
        match member {
            NetgroupMember::Host(host) => sys::netgroup::has_host(netgroup, host),
            NetgroupMember::User(user) => sys::netgroup::has_user(netgroup, user),
        }
    }
}

/// To be called with the rights of the file's owner.
fn read(path: &Path) -> io::Result<TrustText> {
    let (file, facts) = open_regular(path)?;
    let mut text = Vec::new();
    file.take(LARGEST_FILE).read_to_end(&mut text)?;
    Ok(TrustText { facts: path_facts(path.to_path_buf(), &facts), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_regular_file_or_not_there_is_not_read() {
        assert!(read(Path::new("/dev/null")).is_err());
        assert!(read(Path::new("/")).is_err());
        assert!(read(Path::new("/nonexistent/.shosts")).is_err());
        let own = read(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml").as_path()).unwrap();
        assert!(own.text.starts_with(b"[package]"));
    }
}
