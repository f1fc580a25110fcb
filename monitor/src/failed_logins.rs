//! `btmp`: whose passwords were wrong, for `lastb`.

use events::monitor::Event;
use events::{Level, Who};
use sys::login_records::{LoginRecord, failed_to_log_in};

use crate::connection::Connection;

/// What stands in place of a terminal, as theirs writes it.
const NO_TERMINAL: &str = "ssh:notty";

/// Takes note of a failure of a method by which people guess passwords. Only root can; a host without the file keeps
/// no such note.
pub(crate) fn take_note(connection: &mut Connection, method: &str) {
    let guesses = method == "password" || method.starts_with("keyboard-interactive");
    if !guesses || !sys::identity::is_root() {
        return;
    }
    let (Who::Invalid(user) | Who::Authenticating(user) | Who::LoggedIn(user)) = &connection.facts.who else { return };
    let host = connection.facts.peer.address.clone();
    let record = LoginRecord {
        line: NO_TERMINAL.to_owned(),
        user: user.clone(),
        address: host.parse().ok(),
        host,
        pid: std::process::id().try_into().unwrap_or_default(),
    };
    if let Err(error) = failed_to_log_in(&record) {
        let text = format!("record_failed_login: {error}");
        connection.log(&Event::Said { level: Level::Error, text });
    }
}
