//! A taken-over `sshd-preauth` in the middle of `keyboard-interactive`: PAM's modules ask, and it answers as it likes.

use std::path::PathBuf;

use ipc::Secret;
use ipc::phases::{
    AuthenticatingAnswer, AuthenticatingRequest, DialogueAnswer, DialogueRequest, NamingUserAnswer, NamingUserRequest,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use settings::keywords::Id;

use crate::Test;
use crate::before_login::{all_requests, lets_nobody_in};
use crate::role::END;
use crate::stand_in::{AUTHENTICATING, DIALOGUE, Monitor, NAMING_USER, frame};

pub(crate) const TESTS: &[Test] = &[
    ("wrong_answers_let_nobody_in", wrong_answers_let_nobody_in),
    ("answers_are_as_many_as_questions", answers_are_as_many_as_questions),
    ("nothing_else_is_heard_in_a_dialogue", nothing_else_is_heard_in_a_dialogue),
    ("nothing_is_answered_outside_of_a_dialogue", nothing_is_answered_outside_of_a_dialogue),
    ("abandoned_dialogues_count", abandoned_dialogues_count),
    ("modules_that_let_everybody_in_let_no_decoy_in", modules_that_let_everybody_in_let_no_decoy_in),
    ("random_answers_let_nobody_in", random_answers_let_nobody_in),
    ("the_grace_time_ends_a_dialogue", the_grace_time_ends_a_dialogue),
    ("a_child_that_goes_ends_the_dialogue", a_child_that_goes_ends_the_dialogue),
];

const MISBEHAVED: i32 = 4;
const ATTEMPTED: i32 = 5;

/// A service of PAM for the time of one test; none without root.
struct Service(String);

impl Service {
    fn new(auth: &str) -> Option<Self> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        if !sys::identity::is_root() {
            println!("skipped: needs root");
            return None;
        }
        let name = format!("bulkhead-test-hostile-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let service = Self(name);
        std::fs::write(service.path(), format!("auth required {auth}\naccount required pam_permit.so\n"))
            .expect("a file");
        Some(service)
    }

    /// One that asks for a password that nobody here knows.
    fn asking() -> Option<Self> {
        Self::new("pam_unix.so nodelay")
    }

    fn path(&self) -> PathBuf {
        PathBuf::from("/etc/pam.d").join(&self.0)
    }

    fn monitor(&self, more: &[(Id, &str)]) -> Monitor {
        Monitor::under(&[&[(Id::UsePAM, "yes"), (Id::PAMServiceName, self.0.as_str())], more].concat(), "")
    }

    /// A monitor that waits for one answer.
    fn in_dialogue(&self, more: &[(Id, &str)]) -> Monitor {
        let monitor = self.monitor(more);
        monitor.reach(AUTHENTICATING);
        assert!(begins(&monitor), "{}", monitor.log());
        monitor
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.path());
    }
}

fn begin() -> AuthenticatingRequest {
    AuthenticatingRequest::BeginDialogue { devices: String::new() }
}

fn begins(monitor: &Monitor) -> bool {
    match monitor.ask(AUTHENTICATING, &begin()).expect("an answer") {
        AuthenticatingAnswer::Ask(questions) => {
            assert_eq!(questions.prompts.len(), 1);
            true
        }
        AuthenticatingAnswer::Disconnect { .. } => false,
        other => panic!("{other:?}:\n{}", monitor.log()),
    }
}

fn respond(responses: &[&[u8]]) -> DialogueRequest {
    DialogueRequest::Respond(responses.iter().map(|response| Secret::new(response)).collect())
}

fn expect_failure(monitor: &Monitor) {
    let answer: AuthenticatingAnswer = monitor.receive(AUTHENTICATING).expect("an answer");
    assert!(matches!(answer, AuthenticatingAnswer::Failed { partial: false, .. }), "{answer:?}: {}", monitor.log());
}

fn wrong_answers_let_nobody_in() {
    let Some(service) = Service::asking() else { return };
    for wrong in [&b"wrong"[..], b"", &[b'x'; 1024], &[b'x'; 1025], b"a\0b"] {
        let monitor = service.in_dialogue(&[]);
        let over: DialogueAnswer = monitor.ask(DIALOGUE, &respond(&[wrong])).expect("an answer");
        assert_eq!(over, DialogueAnswer::Over);
        expect_failure(&monitor);
        let log = monitor.log();
        assert!(log.contains("Failed keyboard-interactive/pam for ") && !log.contains("Accepted"), "{log}");
    }
}

/// CVE-2002-0639, CVE-2002-0640: no number of answers but one for each question is looked at.
fn answers_are_as_many_as_questions() {
    let Some(service) = Service::asking() else { return };
    for count in [0, 2, 33, 4000] {
        let monitor = service.in_dialogue(&[]);
        monitor.send(DIALOGUE, &respond(&vec![&b"x"[..]; count]));
        monitor.expect_end(MISBEHAVED);
    }
    // The answer to the next question, before there is one.
    let monitor = service.in_dialogue(&[]);
    monitor.send(DIALOGUE, &respond(&[b"x"]));
    monitor.send(DIALOGUE, &respond(&[b"x"]));
    while monitor.receive_raw().is_some() {}
    assert_eq!(monitor.wait(), MISBEHAVED, "{}", monitor.log());
    assert!(!monitor.log().contains("Accepted"));
}

fn nothing_else_is_heard_in_a_dialogue() {
    let Some(service) = Service::asking() else { return };
    let count = all_requests(&Monitor::plain()).len();
    for place in 0..count {
        let monitor = service.in_dialogue(&[]);
        let (_, request) = all_requests(&monitor).swap_remove(place);
        monitor.send_raw(&request);
        monitor.expect_end(MISBEHAVED);
    }
    let monitor = service.in_dialogue(&[]);
    monitor.send(AUTHENTICATING, &begin());
    monitor.expect_end(MISBEHAVED);
}

fn nothing_is_answered_outside_of_a_dialogue() {
    let Some(service) = Service::asking() else { return };
    for request in [respond(&[b"x"]), respond(&[]), DialogueRequest::Abandon] {
        let monitor = service.monitor(&[]);
        monitor.reach(AUTHENTICATING);
        monitor.send_raw(&frame(DIALOGUE, &request));
        monitor.expect_end(MISBEHAVED);
    }
}

fn abandoned_dialogues_count() {
    let Some(service) = Service::asking() else { return };
    let monitor = service.monitor(&[(Id::MaxAuthTries, "3")]);
    monitor.reach(AUTHENTICATING);
    for _ in 0..3 {
        assert!(begins(&monitor), "{}", monitor.log());
        let over: DialogueAnswer = monitor.ask(DIALOGUE, &DialogueRequest::Abandon).expect("an answer");
        assert_eq!(over, DialogueAnswer::Over);
    }
    assert!(!begins(&monitor));
    monitor.send_raw(END);
    monitor.expect_end(ATTEMPTED);
    assert_eq!(monitor.log().matches("Failed keyboard-interactive/pam for ").count(), 3, "{}", monitor.log());
}

fn modules_that_let_everybody_in_let_no_decoy_in() {
    let Some(service) = Service::new("pam_permit.so") else { return };
    for request in [begin(), AuthenticatingRequest::CheckPassword { password: Secret::new(b"x") }] {
        let monitor = service.monitor(&[]);
        monitor.sign_exchange();
        let user = "no-such-user".to_owned();
        let named: Option<NamingUserAnswer> = monitor.ask(NAMING_USER, &NamingUserRequest::LookUpUser { user });
        assert!(named.is_some());
        monitor.send(AUTHENTICATING, &request);
        expect_failure(&monitor);
        // Root's password and dialogue are worth nothing where root needs a key.
        let monitor = service.monitor(&[(Id::PermitRootLogin, "prohibit-password")]);
        monitor.reach(AUTHENTICATING);
        monitor.send(AUTHENTICATING, &request);
        expect_failure(&monitor);
    }
    let monitor = service.monitor(&[]);
    monitor.reach(AUTHENTICATING);
    let answer: AuthenticatingAnswer = monitor.ask(AUTHENTICATING, &begin()).expect("an answer");
    assert_eq!(answer, AuthenticatingAnswer::LoggedIn, "{}", monitor.log());
}

fn random_answers_let_nobody_in() {
    let Some(service) = Service::asking() else { return };
    let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let frames = prop::collection::vec((0u8..8, prop::collection::vec(any::<u8>(), 0..60)), 1..6);
    runner.run(&frames, |frames| lets_nobody_in(&service.in_dialogue(&[]), &frames)).expect("holds");
}

fn the_grace_time_ends_a_dialogue() {
    let Some(service) = Service::asking() else { return };
    let monitor = service.in_dialogue(&[(Id::LoginGraceTime, "1")]);
    assert!(monitor.receive_raw().is_none());
    assert_eq!(monitor.wait(), 3, "{}", monitor.log());
}

fn a_child_that_goes_ends_the_dialogue() {
    let Some(service) = Service::asking() else { return };
    let monitor = service.in_dialogue(&[]);
    monitor.send_raw(END);
    monitor.expect_end(ATTEMPTED);
}
