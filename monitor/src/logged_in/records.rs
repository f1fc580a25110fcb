//! `utmp`, `wtmp` and `lastlog`: who is on which terminal, for `who`, `last` and the greeting of the next login.

use std::io;
use std::time::{Duration, UNIX_EPOCH};

use events::Level;
use events::monitor::Event;
use ipc::start::Greeting;
use sys::local_time::local_time;
use sys::login_records::{self, LastLogin, LoginRecord};

use crate::logged_in::ServedLogin;

impl ServedLogin {
    /// What a shell on a terminal is greeted with.
    pub(super) fn greeting(&self) -> Greeting {
        let effective = self.user.effective();
        // Whoever is not root cannot take note of logins, and what others have noted is not about this server.
        let last_login = (effective.print_last_log && sys::identity::is_root())
            .then(|| login_records::last_login(self.user.identity().uid).ok().flatten())
            .flatten();
        Greeting {
            messages: self.messages(),
            last_login: last_login.as_ref().map(in_words),
            message_of_the_day: effective.print_motd,
        }
    }

    /// What PAM's modules have told, or the shadow database.
    fn messages(&self) -> String {
        let ending = self.user.password_ends_in().map(|days| {
            let days = if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
            format!("Your password will expire in {days}.\n")
        });
        let pam = self.for_session.pam.as_ref().map(|pam| pam.messages().to_owned());
        ending.into_iter().chain(pam).collect()
    }

    /// Something runs on a session's terminal. Only root can write the records.
    pub(super) fn record_login(&mut self, number: u32) {
        let (user, uid) = (self.user.name().to_owned(), self.user.identity().uid);
        let host = self.connection.facts.peer.address.clone();
        let Some(session) = self.sessions.open(number).filter(|_| sys::identity::is_root()) else { return };
        let (Some(line), Some(pid)) = (session.terminal_shown(), session.command().map(sys::process::Child::pid))
        else {
            return;
        };
        let record = LoginRecord { line, user, address: host.parse().ok(), host, pid };
        let written = login_records::log_in(&record).and_then(|()| login_records::note_login(uid, &record));
        session.record = Some(record);
        self.complain(written);
    }

    /// Nothing runs there any more.
    pub(super) fn record_logout(&mut self, record: &LoginRecord) {
        let written = login_records::log_out(record);
        self.complain(written);
    }

    /// A login without a record is better than no login.
    fn complain(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            let text = format!("login records: {error}");
            self.connection.log(&Event::Said { level: Level::Error, text });
        }
    }
}

/// As theirs says it.
fn in_words(last: &LastLogin) -> String {
    let when = UNIX_EPOCH.checked_add(Duration::from_secs(last.seconds.into())).unwrap_or(UNIX_EPOCH);
    let from = if last.host.is_empty() { String::new() } else { format!(" from {}", last.host) };
    format!("Last login: {}{from}", local_time(when))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_without_a_host_came_from_nowhere() {
        let last = |host: &str| in_words(&LastLogin { seconds: 86_400, line: String::new(), host: host.to_owned() });
        assert!(last("192.0.2.7").ends_with(" 1970 from 192.0.2.7"));
        assert!(last("").starts_with("Last login: ") && last("").ends_with(" 1970"));
    }
}
