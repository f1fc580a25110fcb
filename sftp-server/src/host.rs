//! Names from the system's databases, and the log.

use std::io;
use std::path::PathBuf;

use events::{Level, Log, listener};
use sftp::{SftpEvent, Surroundings};

use crate::nobody;

pub(crate) struct Host {
    log: Log,
}

impl Host {
    pub(crate) fn new(log: Log) -> Self {
        Self { log }
    }

    /// Standard input or output cannot be used any more.
    pub(crate) fn say_failed(&mut self, error: &io::Error) {
        self.log.write(&listener::Event::Said { level: Level::Error, text: error.to_string() }, &nobody(), false);
    }
}

impl Surroundings for Host {
    fn log(&mut self, event: SftpEvent) {
        self.log.write(&event, &nobody(), false);
    }

    fn user_name(&mut self, uid: u32) -> Option<String> {
        sys::identity::user_name(uid).ok().flatten()
    }

    fn group_name(&mut self, gid: u32) -> Option<String> {
        sys::identity::group_name(gid).ok().flatten()
    }

    fn home_of(&mut self, user: &str) -> Option<PathBuf> {
        sys::identity::look_up(user).ok().flatten().map(|account| account.home)
    }
}
