//! A taken-over `sshd-preauth`.

use std::time::{Duration, Instant};

use events::preauth::Event;
use ipc::Secret;
use ipc::phases::{
    AuthenticatingAnswer, AuthenticatingRequest, HandingOverRequest, KeyExchangeAnswer, KeyExchangeRequest,
    LoggedInRequest, NamingUserRequest, OfferedKey, PrimeSizes, Wanted,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use settings::keywords::Id;

use crate::Test;
use crate::role::{END, VIOLATE};
use crate::stand_in::{
    AUTHENTICATING, HANDING_OVER, KEY_EXCHANGE, LOGGED_IN, Monitor, NAMING_USER, SESSION_ID, decoded, exchange, frame,
    own_name,
};

pub(crate) const TESTS: &[Test] = &[
    ("the_right_signature_lets_in", the_right_signature_lets_in),
    ("requests_of_other_phases_end_the_connection", requests_of_other_phases_end_the_connection),
    ("the_host_key_signs_once", the_host_key_signs_once),
    ("only_hashes_are_signed", only_hashes_are_signed),
    ("a_user_is_named_once", a_user_is_named_once),
    ("signatures_over_anything_else_let_nobody_in", signatures_over_anything_else_let_nobody_in),
    ("unknown_users_get_the_same_answers", unknown_users_get_the_same_answers),
    ("every_method_counts_towards_max_auth_tries", every_method_counts_towards_max_auth_tries),
    ("a_group_is_chosen_once", a_group_is_chosen_once),
    ("requests_are_bounded", requests_are_bounded),
    ("truncated_oversized_and_padded_frames_end_the_connection", truncated_oversized_and_padded_frames),
    ("descriptors_nobody_asked_for_end_the_connection", descriptors_nobody_asked_for),
    ("no_failure_is_answered_early", no_failure_is_answered_early),
    ("revoked_keys_that_cannot_be_read_shut_everybody_out", revoked_keys_that_cannot_be_read_shut_everybody_out),
    ("a_flooded_log_ends_the_connection", a_flooded_log_ends_the_connection),
    ("random_frames_let_nobody_in", random_frames_let_nobody_in),
    ("the_grace_time_ends_a_silent_child", the_grace_time_ends_a_silent_child),
    ("a_child_that_goes_takes_the_monitor_along", a_child_that_goes_takes_the_monitor_along),
    ("a_child_that_breaks_its_promise_is_named", a_child_that_breaks_its_promise_is_named),
];

const MISBEHAVED: i32 = 4;
const ATTEMPTED: i32 = 5;
const INVALID_USER: i32 = 7;
const NOTHING_TRIED: i32 = 255;

/// One request of each kind, with its phase.
pub(crate) fn all_requests(monitor: &Monitor) -> Vec<(u8, Vec<u8>)> {
    let key = || monitor.offered_key();
    let session_request = LoggedInRequest::Start { session: 0, what: Wanted::Shell, environment: Vec::new() };
    vec![
        (KEY_EXCHANGE, frame(KEY_EXCHANGE, &KeyExchangeRequest::SignExchange(exchange(&[7; 32])))),
        (NAMING_USER, frame(NAMING_USER, &NamingUserRequest::LookUpUser { user: own_name() })),
        (AUTHENTICATING, frame(AUTHENTICATING, &AuthenticatingRequest::None)),
        (AUTHENTICATING, frame(AUTHENTICATING, &AuthenticatingRequest::QueryKey(key()))),
        (AUTHENTICATING, frame(AUTHENTICATING, &monitor.signature(&SESSION_ID, &own_name(), false))),
        (AUTHENTICATING, frame(AUTHENTICATING, &check_password("wrong"))),
        (HANDING_OVER, frame(HANDING_OVER, &HandingOverRequest::HandOver(vec![0; 100]))),
        (LOGGED_IN, frame(LOGGED_IN, &session_request)),
        (LOGGED_IN, frame(LOGGED_IN, &LoggedInRequest::SignRekey(exchange(&[8; 32])))),
    ]
}

fn check_password(password: &str) -> AuthenticatingRequest {
    AuthenticatingRequest::CheckPassword { password: Secret::new(password.as_bytes()) }
}

fn the_right_signature_lets_in() {
    let monitor = Monitor::plain();
    monitor.reach(HANDING_OVER);
    assert!(monitor.log().contains("Accepted publickey for"), "{}", monitor.log());
}

fn requests_of_other_phases_end_the_connection() {
    for phase in [KEY_EXCHANGE, NAMING_USER, AUTHENTICATING] {
        let count = all_requests(&Monitor::plain()).len();
        for place in 0..count {
            let monitor = Monitor::plain();
            let (belongs_to, request) = all_requests(&monitor).swap_remove(place);
            if belongs_to != phase {
                monitor.reach(phase);
                monitor.send_raw(&request);
                monitor.expect_end(MISBEHAVED);
            }
        }
    }
}

fn the_host_key_signs_once() {
    for again in [KEY_EXCHANGE, NAMING_USER, AUTHENTICATING] {
        let monitor = Monitor::plain();
        monitor.sign_exchange();
        monitor.send(again, &KeyExchangeRequest::SignExchange(exchange(&[9; 32])));
        monitor.expect_end(MISBEHAVED);
    }
    // Two requests at once, before the first answer is there.
    let monitor = Monitor::plain();
    monitor.send(KEY_EXCHANGE, &KeyExchangeRequest::SignExchange(exchange(&SESSION_ID)));
    monitor.send(KEY_EXCHANGE, &KeyExchangeRequest::SignExchange(exchange(&[9; 32])));
    // The child may be ended before it has passed on the one answer there is.
    if let Some((answer, _)) = monitor.receive_raw() {
        assert!(matches!(decoded(KEY_EXCHANGE, &answer), KeyExchangeAnswer::Signed(_)));
        monitor.expect_end(MISBEHAVED);
    }
}

fn a_group_is_chosen_once() {
    let sizes = PrimeSizes { minimum: 2048, wanted: 2048, maximum: 8192 };
    let choose = KeyExchangeRequest::ChooseGroup(sizes);
    let monitor = Monitor::plain();
    let answer = monitor.ask(KEY_EXCHANGE, &choose);
    assert!(matches!(answer, Some(KeyExchangeAnswer::Group(_))), "{answer:?}");
    monitor.send(KEY_EXCHANGE, &choose);
    monitor.expect_end(MISBEHAVED);
    // None is needed once the exchange is signed.
    let monitor = Monitor::plain();
    monitor.sign_exchange();
    monitor.send(KEY_EXCHANGE, &choose);
    monitor.expect_end(MISBEHAVED);
}

fn only_hashes_are_signed() {
    let mut other_key = exchange(&[1; 32]);
    other_key.host_key = 1;
    let mut other_algorithm = exchange(&[1; 32]);
    other_algorithm.algorithm = "rsa-sha2-512".to_owned();
    for bad in
        [exchange(&[]), exchange(&[1; 31]), exchange(&[1; 65]), exchange(&[1; 100_000]), other_key, other_algorithm]
    {
        let monitor = Monitor::plain();
        monitor.send(KEY_EXCHANGE, &KeyExchangeRequest::SignExchange(bad));
        monitor.expect_end(MISBEHAVED);
    }
}

fn a_user_is_named_once() {
    let monitor = Monitor::plain();
    monitor.reach(AUTHENTICATING);
    monitor.send(NAMING_USER, &NamingUserRequest::LookUpUser { user: "root".to_owned() });
    monitor.expect_end(MISBEHAVED);
    let monitor = Monitor::plain();
    monitor.sign_exchange();
    monitor.send(NAMING_USER, &NamingUserRequest::LookUpUser { user: "x".repeat(257) });
    monitor.expect_end(MISBEHAVED);
}

fn failed(monitor: &Monitor, request: &AuthenticatingRequest) -> bool {
    match monitor.ask(AUTHENTICATING, request).expect("an answer") {
        AuthenticatingAnswer::Failed { partial, can_continue } => {
            assert_eq!((partial, can_continue), (false, vec!["publickey".to_owned(), "password".to_owned()]));
            true
        }
        AuthenticatingAnswer::Disconnect { .. } => false,
        other => panic!("{other:?}:\n{}", monitor.log()),
    }
}

fn signatures_over_anything_else_let_nobody_in() {
    let monitor = Monitor::plain();
    monitor.reach(AUTHENTICATING);
    let right = monitor.signature(&SESSION_ID, &own_name(), false);
    let AuthenticatingRequest::CheckSignature { key, signature, .. } = right else { unreachable!() };
    let mut flipped = signature.clone();
    *flipped.last_mut().expect("not empty") ^= 1;
    for bad in [
        monitor.signature(&[43; 32], &own_name(), false),
        monitor.signature(&SESSION_ID, "somebody-else", false),
        // Right, but not over our host key.
        monitor.signature(&SESSION_ID, &own_name(), true),
        AuthenticatingRequest::CheckSignature { key: key.clone(), signature: flipped, hostbound: false },
        AuthenticatingRequest::CheckSignature { key, signature: Vec::new(), hostbound: false },
    ] {
        assert!(failed(&monitor, &bad), "{}", monitor.log());
    }
    monitor.send_raw(END);
    monitor.expect_end(ATTEMPTED);
}

fn unknown_users_get_the_same_answers() {
    let answers = |user: String| {
        let monitor = Monitor::plain();
        monitor.sign_exchange();
        monitor.send(NAMING_USER, &NamingUserRequest::LookUpUser { user: user.clone() });
        let mut answers = vec![monitor.receive_raw().expect("named").0];
        let unknown_key = OfferedKey { algorithm: "ssh-ed25519".to_owned(), blob: vec![0; 51] };
        for request in [
            AuthenticatingRequest::None,
            AuthenticatingRequest::QueryKey(unknown_key.clone()),
            AuthenticatingRequest::CheckSignature { key: unknown_key, signature: vec![1; 83], hostbound: false },
            check_password("wrong"),
            AuthenticatingRequest::ChangePassword,
        ] {
            monitor.send(AUTHENTICATING, &request);
            answers.push(monitor.receive_raw().expect("an answer").0);
        }
        monitor.send_raw(END);
        (answers, monitor.wait(), monitor.log())
    };
    let (known, _, log) = answers(own_name());
    assert!(log.contains("Failed password for"), "{log}");
    let (unknown, status, log) = answers("no-such-user".to_owned());
    assert_eq!(known, unknown);
    assert_eq!(status, INVALID_USER, "{log}");
    assert!(log.contains("Invalid user no-such-user from 192.0.2.7 port 50022"), "{log}");
    assert!(log.contains("Failed publickey for invalid user no-such-user from 192.0.2.7 port 50022 ssh2"), "{log}");
    // The key that is right for somebody is no proof of being somebody else.
    let monitor = Monitor::plain();
    monitor.sign_exchange();
    let _: Option<ipc::phases::NamingUserAnswer> =
        monitor.ask(NAMING_USER, &NamingUserRequest::LookUpUser { user: "no-such-user".to_owned() });
    assert!(failed(&monitor, &monitor.signature(&SESSION_ID, "no-such-user", false)));
}

fn every_method_counts_towards_max_auth_tries() {
    let monitor = Monitor::under(&[(Id::MaxAuthTries, "3")], "");
    monitor.reach(AUTHENTICATING);
    let unknown_key = || OfferedKey { algorithm: "ssh-ed25519".to_owned(), blob: vec![0; 51] };
    assert!(failed(&monitor, &AuthenticatingRequest::None), "a question");
    assert!(failed(&monitor, &AuthenticatingRequest::None));
    assert!(failed(&monitor, &AuthenticatingRequest::QueryKey(unknown_key())));
    assert!(!failed(&monitor, &AuthenticatingRequest::Unusable { method: "gssapi-with-mic".to_owned() }));
    monitor.send_raw(END);
    monitor.expect_end(ATTEMPTED);
    let log = monitor.log();
    assert!(log.contains("maximum authentication attempts exceeded for"), "{log}");
    assert!(log.contains(": Too many authentication failures [preauth]"), "{log}");
}

fn requests_are_bounded() {
    let monitor = Monitor::plain();
    monitor.reach(AUTHENTICATING);
    let query = AuthenticatingRequest::QueryKey(monitor.offered_key());
    for _ in 0..1023 {
        let answer: AuthenticatingAnswer = monitor.ask(AUTHENTICATING, &query).expect("an answer");
        assert_eq!(answer, AuthenticatingAnswer::KeyWouldDo);
    }
    assert!(!failed(&monitor, &AuthenticatingRequest::None));
}

fn truncated_oversized_and_padded_frames() {
    for phase in [KEY_EXCHANGE, NAMING_USER, AUTHENTICATING] {
        let right = |monitor: &Monitor| {
            let requests = all_requests(monitor);
            requests.into_iter().filter(|(of, _)| *of == phase).map(|(_, request)| request).next_back().expect("one")
        };
        let length = right(&Monitor::plain()).len();
        for cut in [1, 2, length / 2, length - 1] {
            let monitor = Monitor::plain();
            monitor.reach(phase);
            monitor.send_raw(&right(&monitor)[..cut]);
            monitor.expect_end(MISBEHAVED);
        }
        for more in [1, 1000] {
            let monitor = Monitor::plain();
            monitor.reach(phase);
            let mut request = right(&monitor);
            request.extend(vec![0; more]);
            monitor.send_raw(&request);
            monitor.expect_end(MISBEHAVED);
        }
        let monitor = Monitor::plain();
        monitor.reach(phase);
        monitor.send_raw(&vec![phase; ipc::MAX_FRAME + 1]);
        assert!(monitor.receive_raw().is_none());
        assert_ne!(monitor.wait(), 0);
    }
}

fn descriptors_nobody_asked_for() {
    for phase in [KEY_EXCHANGE, NAMING_USER, AUTHENTICATING] {
        let monitor = Monitor::plain();
        monitor.reach(phase);
        let (_, request) = all_requests(&monitor).into_iter().find(|(of, _)| *of == phase).expect("one");
        monitor.send_raw_with_a_descriptor(&request);
        monitor.expect_end(MISBEHAVED);
    }
}

/// Whatever the method and whoever the user: `policy::failure_delay` is 5 ms at least.
fn no_failure_is_answered_early() {
    let unknown_key = || OfferedKey { algorithm: "ssh-ed25519".to_owned(), blob: vec![0; 51] };
    for user in [own_name(), "no-such-user".to_owned()] {
        let monitor = Monitor::plain();
        monitor.sign_exchange();
        let named: Option<ipc::phases::NamingUserAnswer> =
            monitor.ask(NAMING_USER, &NamingUserRequest::LookUpUser { user });
        assert!(named.is_some());
        assert!(failed(&monitor, &AuthenticatingRequest::None), "counted from when the user was named");
        for request in [
            AuthenticatingRequest::QueryKey(unknown_key()),
            AuthenticatingRequest::CheckSignature { key: unknown_key(), signature: Vec::new(), hostbound: true },
            check_password("wrong"),
            AuthenticatingRequest::ChangePassword,
            AuthenticatingRequest::Unusable { method: "nonsense".to_owned() },
        ] {
            let asked = Instant::now();
            assert!(failed(&monitor, &request));
            assert!(asked.elapsed() >= Duration::from_millis(5), "{request:?} after {:?}", asked.elapsed());
        }
    }
}

fn revoked_keys_that_cannot_be_read_shut_everybody_out() {
    let monitor = Monitor::under(&[(Id::RevokedKeys, "/nonexistent/revoked")], "");
    monitor.reach(AUTHENTICATING);
    assert!(failed(&monitor, &AuthenticatingRequest::QueryKey(monitor.offered_key())));
    assert!(failed(&monitor, &monitor.signature(&SESSION_ID, &own_name(), false)));
    assert!(monitor.log().contains("in revoked keys file /nonexistent/revoked: "), "{}", monitor.log());
}

fn a_flooded_log_ends_the_connection() {
    let detail = Event::Debug { depth: events::Depth::One, text: "again".to_owned() };
    for (event, most) in [(Event::Disconnecting { why: "again".to_owned() }, 200), (detail, 1000)] {
        let monitor = Monitor::plain();
        let event = KeyExchangeRequest::Record(event);
        for _ in 0..most + 50 {
            monitor.send(KEY_EXCHANGE, &event);
        }
        monitor.expect_end(MISBEHAVED);
        assert_eq!(monitor.log().matches("again").count(), most);
    }
}

fn random_frames_let_nobody_in() {
    let mut runner = TestRunner::new(Config { cases: 150, failure_persistence: None, ..Config::default() });
    let frames = prop::collection::vec((0u8..7, prop::collection::vec(any::<u8>(), 0..80)), 1..6);
    let cases = (KEY_EXCHANGE..=AUTHENTICATING, frames);
    runner
        .run(&cases, |(phase, frames)| {
            let monitor = Monitor::plain();
            monitor.reach(phase);
            lets_nobody_in(&monitor, &frames)
        })
        .expect("holds");
}

/// Whatever these frames, a phase byte and what follows, make the monitor do: it is no login and no panic.
pub(crate) fn lets_nobody_in(monitor: &Monitor, frames: &[(u8, Vec<u8>)]) -> Result<(), TestCaseError> {
    for (number, rest) in frames {
        monitor.send_raw(&[&[*number], rest.as_slice()].concat());
    }
    monitor.send_raw(END);
    while monitor.receive_raw().is_some() {}
    prop_assert_ne!(monitor.wait(), 0);
    let log = monitor.log();
    prop_assert!(!log.contains("panicked") && !log.contains("Accepted "), "{}", log);
    Ok(())
}

fn the_grace_time_ends_a_silent_child() {
    let monitor = Monitor::under(&[(Id::LoginGraceTime, "1")], "");
    monitor.reach(AUTHENTICATING);
    assert!(monitor.receive_raw().is_none());
    assert_eq!(monitor.wait(), 3, "{}", monitor.log());
}

fn a_child_that_goes_takes_the_monitor_along() {
    for (phase, status) in
        [(KEY_EXCHANGE, NOTHING_TRIED), (NAMING_USER, NOTHING_TRIED), (AUTHENTICATING, NOTHING_TRIED)]
    {
        let monitor = Monitor::plain();
        monitor.reach(phase);
        monitor.send_raw(END);
        monitor.expect_end(status);
    }
}

fn a_child_that_breaks_its_promise_is_named() {
    let monitor = Monitor::plain();
    monitor.reach(AUTHENTICATING);
    monitor.send_raw(VIOLATE);
    monitor.expect_end(MISBEHAVED);
    monitor.expect_a_violation_of("sshd-preauth");
}
