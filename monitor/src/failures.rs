//! Failed attempts to log in: counted, delayed and answered here, for every method and every user alike
//! (CVE-2015-5600, CVE-2026-60000, CVE-2026-60001).

use std::time::Duration;

use events::monitor::{Attempt, Event};
use ipc::Answering;
use ipc::phases::{Authenticating, AuthenticatingAnswer};

use crate::connection::Connection;
use crate::ending::Ending;
use crate::failed_logins;
use crate::preauth_child::PreauthChild;

/// SSH_DISCONNECT_PROTOCOL_ERROR: what theirs says to those who must go.
const PROTOCOL_ERROR: u32 = 2;

/// Requests of any outcome that one connection may make, as theirs.
const MOST_REQUESTS: u32 = 1024;

/// OpenSSH's client asks for each mechanism that it has by a request of its own, although nothing can come of most of
/// them; that must not use up the attempts of its user.
const FREE_MECHANISMS: u32 = 8;

/// The failures of one connection.
#[derive(Debug)]
pub(crate) struct Failures {
    /// MaxAuthTries
    most: u32,
    counted: u32,
    requests: u32,
    /// Mechanisms asked for that are not there.
    other_mechanisms: u32,
    /// How long a failure takes at least.
    delay: Duration,
    /// When the request came that is being dealt with.
    since: Duration,
}

/// A failure, and what the log has to know about it.
#[derive(Debug)]
pub(crate) struct Failure {
    /// As it is written into the log; none when theirs writes nothing.
    pub(crate) shown: Option<Shown>,
    /// The method `none`: the first one is a question, not an attempt.
    pub(crate) is_none: bool,
    /// A method succeeded and another one is still to do.
    pub(crate) partial: bool,
    /// A mechanism of `gssapi-with-mic` that nobody could succeed with here: the first few are questions.
    pub(crate) other_mechanism: bool,
}

/// An attempt as it is written into the log.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    /// The method, with its device: `keyboard-interactive/pam`.
    pub(crate) method: &'static str,
    /// The key, as `ED25519 SHA256:…`.
    pub(crate) key: Option<String>,
}

impl Shown {
    /// An attempt without a key.
    pub(crate) fn method(method: &'static str) -> Self {
        Self { method, key: None }
    }

    pub(crate) fn attempt(self, alarming: bool) -> Attempt {
        Attempt { method: self.method.to_owned(), key: self.key, alarming }
    }
}

impl Failure {
    /// A failure of any method but `none`.
    pub(crate) fn of(shown: Option<Shown>) -> Self {
        Self { shown, is_none: false, partial: false, other_mechanism: false }
    }

    /// A success that is not enough.
    pub(crate) fn partial_success() -> Self {
        Self { partial: true, ..Self::of(None) }
    }

    /// `none`.
    pub(crate) fn of_none() -> Self {
        Self { is_none: true, ..Self::of(None) }
    }

    /// `gssapi-with-mic` by another mechanism than Kerberos.
    pub(crate) fn of_other_mechanism() -> Self {
        Self { other_mechanism: true, ..Self::of(None) }
    }
}

impl Failures {
    /// `since` is when the user was named: the look-up belongs to the first attempt.
    pub(crate) fn new(most: u32, delay: Duration, since: Duration) -> Self {
        Self { most, counted: 0, requests: 0, other_mechanisms: 0, delay, since }
    }

    /// A request has come.
    pub(crate) fn request_came(&mut self) {
        if self.requests > 0 {
            self.since = sys::clock::monotonic();
        }
        self.requests = self.requests.saturating_add(1);
    }

    /// The client has answered in the middle of an attempt: what a failure takes is counted from `since`.
    pub(crate) fn count_time_from(&mut self, since: Duration) {
        self.since = since;
    }

    /// Whether this failure must be seen at the default level: half of the attempts are used up, or it is a password.
    pub(crate) fn is_alarming(&self, method: &str) -> bool {
        self.counted >= self.most.checked_div(2).unwrap_or_default() || method == "password"
    }

    fn count(&mut self, failure: &Failure) {
        let is_question = match failure {
            Failure { other_mechanism: true, .. } => {
                self.other_mechanisms = self.other_mechanisms.saturating_add(1);
                self.other_mechanisms <= FREE_MECHANISMS
            }
            failure => failure.is_none && self.requests <= 1,
        };
        if !failure.partial && !is_question {
            self.counted = self.counted.saturating_add(1);
        }
    }

    pub(crate) fn are_too_many(&self) -> bool {
        self.counted >= self.most || self.requests >= MOST_REQUESTS
    }

    /// Waits until this failure has taken as long as every failure takes.
    fn wait(&self) {
        let elapsed = sys::clock::monotonic().saturating_sub(self.since);
        std::thread::sleep(policy::remaining_delay(self.delay, elapsed));
    }

    /// Counts a failure and tells the log. Dialogues that a client gives up are failures that nobody answers.
    pub(crate) fn note(&mut self, failure: &Failure, connection: &mut Connection) {
        if let Some(shown) = failure.shown.clone() {
            let alarming = self.is_alarming(shown.method);
            failed_logins::take_note(connection, shown.method);
            connection.log(&Event::Failed(shown.attempt(alarming)));
        }
        self.count(failure);
    }

    /// The one place where a failed attempt is answered.
    pub(crate) fn answer(
        &mut self,
        failure: Failure,
        can_continue: Vec<String>,
        connection: &mut Connection,
        child: &PreauthChild,
        link: &Answering<Authenticating>,
    ) -> Result<(), Ending> {
        self.note(&failure, connection);
        self.wait();
        if self.are_too_many() {
            return Err(too_many(connection, child, link));
        }
        child.answer(connection, link, &AuthenticatingAnswer::Failed { can_continue, partial: failure.partial })
    }
}

/// Sends away who has failed too often.
pub(crate) fn too_many(connection: &mut Connection, child: &PreauthChild, link: &Answering<Authenticating>) -> Ending {
    connection.log(&Event::TooManyAttempts);
    send_away("Too many authentication failures", connection, child, link)
}

/// Sends away whose account PAM does not let in, although everything was proven.
pub(crate) fn deny_access(
    connection: &mut Connection,
    child: &PreauthChild,
    link: &Answering<Authenticating>,
) -> Ending {
    connection.log(&Event::AccessDenied);
    tell_to_go("Access denied by PAM account configuration", connection, child, link)
}

/// Has the peer told to go.
pub(crate) fn send_away(
    why: &str,
    connection: &mut Connection,
    child: &PreauthChild,
    link: &Answering<Authenticating>,
) -> Ending {
    connection.log(&Event::Disconnecting { why: why.to_owned() });
    tell_to_go(why, connection, child, link)
}

fn tell_to_go(
    why: &str,
    connection: &mut Connection,
    child: &PreauthChild,
    link: &Answering<Authenticating>,
) -> Ending {
    let answer = AuthenticatingAnswer::Disconnect { reason: PROTOCOL_ERROR, text: why.to_owned() };
    match child.answer(connection, link, &answer) {
        Ok(()) => Ending::PeerSentAway,
        Err(ending) => ending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(most: u32) -> Failures {
        Failures::new(most, Duration::ZERO, Duration::ZERO)
    }

    fn failed(failures: &mut Failures, is_none: bool) -> bool {
        failures.request_came();
        failures.count(&Failure { is_none, ..Failure::of(None) });
        failures.are_too_many()
    }

    #[test]
    fn the_first_none_is_a_question_and_the_second_an_attempt() {
        let mut failures = failures(2);
        assert!(!failed(&mut failures, true));
        assert!(!failed(&mut failures, true));
        assert!(failed(&mut failures, true));
    }

    #[test]
    fn every_method_counts() {
        let mut failures = failures(6);
        assert_eq!((1..).find(|_| failed(&mut failures, false)), Some(6));
    }

    #[test]
    fn mechanisms_that_are_not_there_are_questions_for_a_while() {
        let mut failures = failures(3);
        let mut asked = || {
            failures.request_came();
            failures.count(&Failure::of_other_mechanism());
            failures.are_too_many()
        };
        assert_eq!((1..).find(|_| asked()), Some(FREE_MECHANISMS + 3));
    }

    #[test]
    fn partial_successes_do_not_count() {
        let mut failures = failures(1);
        failures.request_came();
        failures.count(&Failure::partial_success());
        assert!(!failures.are_too_many());
    }

    #[test]
    fn failures_are_alarming_from_half_of_max_auth_tries_on() {
        let mut failures = failures(6);
        for _ in 0..3 {
            assert!(!failures.is_alarming("publickey"));
            assert!(failures.is_alarming("password"));
            failed(&mut failures, false);
        }
        assert!(failures.is_alarming("publickey"));
    }

    #[test]
    fn requests_are_bounded_even_if_none_fails() {
        let mut failures = failures(6);
        for _ in 0..MOST_REQUESTS {
            failures.request_came();
        }
        assert!(failures.are_too_many());
    }

    #[test]
    fn a_failure_takes_its_time() {
        let delay = Duration::from_millis(20);
        let since = sys::clock::monotonic();
        let mut failures = Failures::new(6, delay, since);
        failures.request_came();
        failures.wait();
        assert!(sys::clock::monotonic() - since >= delay);
    }
}
