//! Where a candidate's keys and principals are listed, opened and asked as far as policy wants to know.

use std::cell::RefCell;
use std::time::Duration;

use events::monitor::Event;
use keys::{Certificate, Credential};
use policy::{KeyFile, Tokens, fingerprint_hash};

use crate::authorized_keys::KeyFiles;
use crate::candidate::Candidate;
use crate::list_command::{ListCommand, printed};
use crate::revoked_keys;

/// What theirs calls the output of AuthorizedPrincipalsCommand.
const COMMAND: &str = "(command)";

/// The lists for one credential.
pub(crate) struct Lists<'a> {
    candidate: &'a Candidate,
    credential: &'a Credential,
    /// What LoginGraceTime leaves.
    time_left: Option<Duration>,
    complaints: RefCell<Vec<Event>>,
}

impl<'a> Lists<'a> {
    pub(crate) fn new(candidate: &'a Candidate, credential: &'a Credential, time_left: Option<Duration>) -> Self {
        Self { candidate, credential, time_left, complaints: RefCell::default() }
    }

    /// What the log should know about lists that were not used.
    pub(crate) fn into_complaints(self) -> Vec<Event> {
        self.complaints.into_inner()
    }

    fn printed(&self, command: &ListCommand<'_>, name: &str) -> Option<KeyFile> {
        match printed(self.candidate, command, self.time_left) {
            Ok(text) => text.map(|text| KeyFile { name: name.to_owned(), text }),
            Err(complaint) => {
                self.complaints.borrow_mut().push(complaint);
                None
            }
        }
    }

    fn printed_principals(&self, certificate: &Certificate) -> Option<KeyFile> {
        let Candidate { effective, facts, from, .. } = self.candidate;
        let command = ListCommand {
            keyword: "AuthorizedPrincipalsCommand",
            line: effective.authorized_principals_command.as_ref()?,
            user: effective.authorized_principals_command_user.as_deref(),
            tokens: Tokens::for_principals_command(facts, from, certificate, fingerprint_hash(effective)),
            only_argument: None,
        };
        self.printed(&command, COMMAND)
    }
}

impl policy::Lists for Lists<'_> {
    fn key_files(&self) -> impl Iterator<Item = KeyFile> {
        KeyFiles::of_keys(self.candidate, &self.complaints)
    }

    fn trusted_authorities(&self, file: &str) -> Result<Vec<u8>, String> {
        revoked_keys::read(file).map_err(|error| error.to_string())
    }

    fn principals(&self, certificate: &Certificate) -> impl Iterator<Item = KeyFile> {
        let printed = std::iter::once_with(|| self.printed_principals(certificate)).flatten();
        KeyFiles::of_principals(self.candidate, &self.complaints).chain(printed)
    }

    fn printed_keys(&self) -> Option<KeyFile> {
        let Candidate { effective, facts, from, .. } = self.candidate;
        let line = effective.authorized_keys_command.as_ref()?;
        let command = ListCommand {
            keyword: "AuthorizedKeysCommand",
            line,
            user: effective.authorized_keys_command_user.as_deref(),
            tokens: Tokens::for_keys_command(facts, from, self.credential, fingerprint_hash(effective)),
            only_argument: Some(&facts.name),
        };
        self.printed(&command, line)
    }
}
