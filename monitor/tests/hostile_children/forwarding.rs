//! A taken-over `sshd-session` that wants to reach more than its login may, and an `sshd-forward` that answers nonsense.

use ipc::forwarding::{ConnectTo, ListenOn};
use ipc::phases::{LoggedInAnswer, LoggedInRequest, NotConnected, Originator};
use settings::keywords::Id;

use crate::Test;
use crate::role::FORGED;
use crate::stand_in::{LOGGED_IN, Monitor, decoded};

pub(crate) const TESTS: &[Test] = &[
    ("what_is_not_permitted_is_not_reached", what_is_not_permitted_is_not_reached),
    ("nobody_listens_where_it_is_not_permitted", nobody_listens_where_it_is_not_permitted),
    ("sockets_are_passed_on", sockets_are_passed_on),
    ("a_forward_that_lies_or_dies_is_replaced", a_forward_that_lies_or_dies_is_replaced),
    ("numbers_that_are_in_use_end_the_session", numbers_that_are_in_use_end_the_session),
];

fn tcp(number: u32, host: &str, port: u32) -> LoggedInRequest {
    connect(number, ConnectTo::Tcp { host: host.to_owned(), port })
}

fn connect(number: u32, to: ConnectTo) -> LoggedInRequest {
    LoggedInRequest::Connect { number, to, originator: Originator { address: "x".to_owned(), port: 1 } }
}

fn listen(number: u32, host: &str, port: u32) -> LoggedInRequest {
    LoggedInRequest::Listen { number, on: ListenOn::Tcp { host: host.to_owned(), port } }
}

/// The answer and how many descriptors came with it.
fn asked(monitor: &Monitor, request: &LoggedInRequest) -> (LoggedInAnswer, usize) {
    monitor.send(LOGGED_IN, request);
    let (answer, descriptors) = monitor.receive_raw().unwrap_or_else(|| panic!("no answer: {}", monitor.log()));
    (decoded(LOGGED_IN, &answer), descriptors.len())
}

fn is_prohibited(monitor: &Monitor, request: &LoggedInRequest) -> bool {
    let (answer, descriptors) = asked(monitor, request);
    descriptors == 0 && matches!(answer, LoggedInAnswer::NotConnected { why: NotConnected::Prohibited, .. })
}

fn what_is_not_permitted_is_not_reached() {
    let path = || connect(0, ConnectTo::Path("/run/s".to_owned()));
    for (configuration, options) in [
        (&[][..], "restrict"),
        (&[], "no-port-forwarding"),
        (&[(Id::DisableForwarding, "yes")], "port-forwarding"),
        (&[(Id::AllowTcpForwarding, "remote"), (Id::AllowStreamLocalForwarding, "no")], ""),
        (&[(Id::PermitOpen, "none")], "permitopen=\"h:80\""),
        (&[(Id::PermitOpen, "h:80")], "permitopen=\"h:81\""),
    ] {
        let monitor = Monitor::under(configuration, options);
        monitor.reach(LOGGED_IN);
        for port in [0, 22, 80, 81, 65_536, u32::MAX] {
            assert!(is_prohibited(&monitor, &tcp(0, "h", port)), "{configuration:?} {options} {port}");
        }
        assert!(is_prohibited(&monitor, &path()), "{configuration:?} {options}");
        assert!(!monitor.log().contains("sshd-forward"), "{}", monitor.log());
    }
    let monitor = Monitor::under(&[(Id::PermitOpen, "h:80 i:*")], "permitopen=\"h:*\",permitopen=\"i:1\"");
    monitor.reach(LOGGED_IN);
    for (host, port, permitted) in
        [("h", 80, true), ("h", 81, false), ("i", 1, true), ("i", 2, false), ("H", 80, false)]
    {
        let (answer, _) = asked(&monitor, &tcp(0, host, port));
        assert_eq!(matches!(answer, LoggedInAnswer::Connected { .. }), permitted, "{host} {port}: {answer:?}");
    }
    let any = Monitor::plain();
    any.reach(LOGGED_IN);
    for port in [65_536, u32::MAX] {
        let (answer, _) = asked(&any, &tcp(0, "h", port));
        assert!(matches!(answer, LoggedInAnswer::NotConnected { .. }), "no port has this number: {answer:?}");
    }
}

fn nobody_listens_where_it_is_not_permitted() {
    for (configuration, options) in [
        (&[][..], "restrict"),
        (&[(Id::AllowTcpForwarding, "local")], ""),
        (&[(Id::PermitListen, "8080")], "permitlisten=\"8081\""),
        (&[(Id::PermitListen, "none")], ""),
    ] {
        let monitor = Monitor::under(configuration, options);
        monitor.reach(LOGGED_IN);
        for port in [0, 8080, 8081, u32::MAX] {
            let (answer, descriptors) = asked(&monitor, &listen(port, "localhost", port));
            let refused = matches!(answer, LoggedInAnswer::NotListening { .. }) && descriptors == 0;
            assert!(refused, "{configuration:?} {options} {port}: {answer:?}");
        }
        monitor.send(LOGGED_IN, &LoggedInRequest::StopListening { number: 77 });
        let (answer, _) = asked(&monitor, &listen(5, "localhost", u32::MAX));
        assert!(matches!(answer, LoggedInAnswer::NotListening { .. }), "unknown numbers stop nothing: {answer:?}");
    }
}

fn sockets_are_passed_on() {
    let monitor = Monitor::plain();
    monitor.reach(LOGGED_IN);
    let (answer, descriptors) = asked(&monitor, &tcp(7, "h", 80));
    assert!(matches!(answer, LoggedInAnswer::Connected { number: 7 }) && descriptors == 1, "{answer:?}");
    let (answer, descriptors) = asked(&monitor, &listen(3, "", 0));
    let listening = matches!(answer, LoggedInAnswer::Listening { number: 3, port: 4711, sockets: 2, .. });
    assert!(listening && descriptors == 2, "{answer:?}");
    let log = monitor.log();
    assert!(
        log.contains(&format!("sshd-forward: {FORGED}")) && log.contains(&format!("bind [192.0.2.7]:4711: {FORGED}")),
        "{log}"
    );
    assert!(!log.lines().any(|line| line.starts_with(FORGED)), "{log}");
    let (answer, _) = asked(&monitor, &connect(7, ConnectTo::Path("words".to_owned())));
    let LoggedInAnswer::NotConnected { number: 7, why: NotConnected::Failed(words) } = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(words, "words");
    assert!(monitor.log().contains("connect to words port -2 failed: words"), "{}", monitor.log());
    // The end of one makes its number free.
    monitor.send(LOGGED_IN, &LoggedInRequest::StopListening { number: 3 });
    assert!(matches!(asked(&monitor, &listen(3, "", 0)).0, LoggedInAnswer::Listening { number: 3, .. }));
}

fn a_forward_that_lies_or_dies_is_replaced() {
    for trick in ["death", "another", "undeclared"] {
        let monitor = Monitor::plain();
        monitor.reach(LOGGED_IN);
        monitor.send(LOGGED_IN, &tcp(1, "silence", 80));
        monitor.send(LOGGED_IN, &tcp(4, trick, 80));
        let mut failed: Vec<u32> = Vec::new();
        for _ in 0..2 {
            let (answer, descriptors) = monitor.receive_raw().expect("an answer");
            assert!(descriptors.is_empty(), "{trick}");
            match decoded(LOGGED_IN, &answer) {
                LoggedInAnswer::NotConnected { number, why: NotConnected::Failed(_) } => failed.push(number),
                other => panic!("{trick}: {other:?}"),
            }
        }
        failed.sort_unstable();
        assert_eq!(failed, [1, 4], "{trick}");
        assert!(monitor.log().contains("sshd-forward has ended unasked"), "{}", monitor.log());
        assert!(matches!(asked(&monitor, &tcp(1, "h", 80)).0, LoggedInAnswer::Connected { number: 1 }), "{trick}");
    }
    // A second answer is nobody's.
    let monitor = Monitor::plain();
    monitor.reach(LOGGED_IN);
    assert!(matches!(asked(&monitor, &tcp(1, "twice", 80)).0, LoggedInAnswer::Connected { number: 1 }));
    assert!(matches!(
        asked(&monitor, &tcp(2, "h", 80)).0,
        LoggedInAnswer::Connected { .. } | LoggedInAnswer::NotConnected { .. }
    ));
    assert!(matches!(asked(&monitor, &tcp(3, "h", 80)).0, LoggedInAnswer::Connected { number: 3 }));
}

fn numbers_that_are_in_use_end_the_session() {
    for (first, second) in [(tcp(1, "silence", 80), tcp(1, "h", 80)), (listen(2, "", 0), listen(2, "", 0))] {
        let monitor = Monitor::plain();
        monitor.reach(LOGGED_IN);
        monitor.send(LOGGED_IN, &first);
        if matches!(first, LoggedInRequest::Listen { .. }) {
            monitor.receive_raw().expect("an answer");
        }
        monitor.send(LOGGED_IN, &second);
        assert!(monitor.receive_raw().is_none(), "answered");
        assert_eq!(monitor.wait(), 255, "{}", monitor.log());
        assert!(monitor.log().contains("sshd-session: asks for "), "{}", monitor.log());
    }
}
