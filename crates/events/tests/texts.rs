//! The text of a log line is an interface: fail2ban, sshguard and many others match it. A line that changes here
//! blinds somebody's intrusion detection, so each stands in a file that a change has to touch.

use events::listener::{DropLimit, DropReason};
use events::monitor::Attempt;
use events::penalties::{Offence, PenalisedSource, Penalty, PenaltyChange};
use events::{
    ConnectionFacts, ConnectionId, Depth, Endpoint, ForwardingKind, Level, Loggable, Usage, Who, listener, monitor,
    preauth, session, visible,
};

fn facts(who: Who) -> ConnectionFacts {
    ConnectionFacts {
        id: ConnectionId::NONE,
        peer: Endpoint { address: "192.0.2.7".to_owned(), port: 40022 },
        local: Endpoint { address: "192.0.2.1".to_owned(), port: 22 },
        who,
    }
}

fn line(event: &impl Loggable, facts: &ConnectionFacts, suffix: &str) -> String {
    let level = event.level();
    format!("{:7} {}{}{suffix}", level.name(), level.prefix_in_syslog(), visible(&event.text(facts)))
}

/// Compares line by line, so that a failure names the line.
fn assert_texts(golden: &str, lines: &[String]) {
    let golden: Vec<&str> = golden.lines().collect();
    assert_eq!(golden.len(), lines.len(), "one line an event:\n{}", lines.join("\n"));
    for (expected, found) in golden.iter().zip(lines) {
        assert_eq!(expected, found);
    }
}

#[test]
fn the_listener() {
    use listener::Event;
    let at = Endpoint { address: "0.0.0.0".to_owned(), port: 22 };
    let who = facts(Who::Nobody);
    let dropped =
        |why| Event::ConnectionDropped { startups: 10, peer: who.peer.clone(), local: who.local.clone(), why };
    let killed = |signal, crash| {
        let (peer, local) = (who.peer.address.clone(), who.local.address.clone());
        Event::MonitorKilled { peer, local, pid: 4711, signal, crash }
    };
    let penalty = |change, offence, milliseconds| {
        let source = PenalisedSource { address: [192, 0, 2, 7].into(), bits: 24 };
        Event::Penalty(Penalty { source, offence, milliseconds, change })
    };
    let events = [
        Event::ServerListening(at.clone()),
        Event::BindFailed { at: at.clone(), why: "Address already in use".to_owned() },
        Event::NoLongerListening(at),
        Event::ReceivedSighup,
        Event::ReloadFailed { why: "/etc/ssh/sshd_config line 3: Bad yes/no argument: maybe".to_owned() },
        Event::ReceivedSignal(15),
        Event::TimeoutBeforeAuthentication {
            peer: who.peer.address.clone(),
            local: who.local.address.clone(),
            pid: 4711,
        },
        dropped(DropReason::MaxStartups),
        Event::DropsNotLogged { limit: DropLimit::MaxStartups, connections: 118 },
        dropped(DropReason::Penalty(Offence::Crash)),
        dropped(DropReason::Penalty(Offence::FailedAuthentication)),
        dropped(DropReason::Penalty(Offence::NoAuthentication)),
        dropped(DropReason::Penalty(Offence::InvalidUser)),
        dropped(DropReason::Penalty(Offence::RefusedConnection)),
        dropped(DropReason::Penalty(Offence::GraceExceeded)),
        dropped(DropReason::TooManyPenalised),
        Event::DropsNotLogged { limit: DropLimit::PerSourcePenalties, connections: 7 },
        Event::ChildCrashed { peer: who.peer.address.clone(), local: who.local.address.clone(), pid: 4711 },
        killed(9, false),
        killed(11, true),
        penalty(PenaltyChange::NewAndActive, Offence::Crash, 90_000),
        penalty(PenaltyChange::NewAndDeferred, Offence::InvalidUser, 5250),
        penalty(PenaltyChange::Activated, Offence::NoAuthentication, 16_002),
        penalty(PenaltyChange::GrewActive, Offence::NoAuthentication, 16_999),
        penalty(PenaltyChange::TableFull, Offence::GraceExceeded, 0),
        Event::UnusableHostKey { file: "/etc/ssh/ssh_host_rsa_key".to_owned(), why: "bad permissions".to_owned() },
        Event::Said { level: Level::Debug1, text: "said".to_owned() },
    ];
    let lines: Vec<String> = events.iter().map(|event| line(event, &facts(Who::Nobody), "")).collect();
    assert_texts(include_str!("texts/listener.txt"), &lines);
}

#[test]
fn before_login() {
    use preauth::Event;
    let text = || "Bye\nBye".to_owned();
    let lines: Vec<String> = [
        (Event::ConnectionClosed, Who::Nobody),
        (Event::ConnectionClosed, Who::Invalid("admin".to_owned())),
        (Event::ConnectionClosed, Who::Authenticating("alice".to_owned())),
        (Event::ConnectionReset, Who::Authenticating("from 192.0.2.9 port 1".to_owned())),
        (Event::ReceivedDisconnect { reason: 11, text: text() }, Who::Authenticating("alice".to_owned())),
        (
            Event::Disconnecting { why: "Too many authentication failures".to_owned() },
            Who::Invalid("DOMAIN\\admin\u{1b}[1m".to_owned()),
        ),
        (Event::InvalidIdentification { line: "GET / HTTP/1.1".to_owned() }, Who::Nobody),
        (Event::UnreadableIdentification { what: "banner line too long".to_owned() }, Who::Nobody),
        (Event::OtherMajorVersion { theirs: 1 }, Who::Nobody),
        (Event::ClosedBeforeIdentification, Who::Nobody),
        (
            Event::NoMatch {
                what: "key exchange method".to_owned(),
                their_offer: "diffie-hellman-group1-sha1".to_owned(),
            },
            Who::Nobody,
        ),
        (Event::ProtocolError { what: "message authentication code incorrect".to_owned() }, Who::Nobody),
        (Event::Debug { depth: Depth::One, text: text() }, Who::Nobody),
    ]
    .iter()
    .map(|(event, who)| line(event, &facts(who.clone()), " [preauth]"))
    .collect();
    assert_texts(include_str!("texts/preauth.txt"), &lines);
}

fn attempt(method: &str, key: Option<&str>, alarming: bool) -> Attempt {
    Attempt { method: method.to_owned(), key: key.map(str::to_owned), alarming }
}

fn session_ended(what: &str, bytes: Option<(u64, u64)>) -> monitor::Event {
    monitor::Event::SessionEnded {
        session: 0,
        what: what.to_owned(),
        sent: bytes.map(|(sent, _)| sent),
        received: bytes.map(|(_, received)| received),
        milliseconds: 3500,
    }
}

#[test]
fn the_monitor() {
    use monitor::Event;
    let key = Some("ED25519 SHA256:abc");
    let alice = || Who::Authenticating("alice".to_owned());
    let logged_in = || Who::LoggedIn("alice".to_owned());
    let lines: Vec<String> = [
        (Event::ConnectionFrom, Who::Nobody),
        (Event::Failed(attempt("publickey", key, false)), alice()),
        (Event::Failed(attempt("publickey", key, true)), Who::Invalid("admin".to_owned())),
        (Event::Failed(attempt("password", None, true)), alice()),
        (Event::Accepted(attempt("publickey", key, false)), alice()),
        (Event::Partial(attempt("publickey", key, false)), alice()),
        (Event::TooManyAttempts, Who::Invalid("admin".to_owned())),
        (Event::TooManyAttempts, alice()),
        (Event::Disconnecting { why: "Too many authentication failures".to_owned() }, alice()),
        (
            Event::StartingSession { what: "shell".to_owned(), terminal: Some("pts/3".to_owned()), session: 0 },
            logged_in(),
        ),
        (Event::StartingSession { what: "command".to_owned(), terminal: None, session: 1 }, logged_in()),
        (Event::UserChild { pid: 4711 }, logged_in()),
        (Event::CloseSession { session: 0 }, logged_in()),
        (session_ended("shell", Some((2000, 1000))), logged_in()),
        (session_ended("command", None), logged_in()),
        (Event::ChildMisbehaved { process: "sshd-preauth", what: "was ended by signal 31".to_owned() }, alice()),
    ]
    .iter()
    .map(|(event, who)| line(event, &facts(who.clone()), if event.is_marked_preauth() { " [preauth]" } else { "" }))
    .collect();
    assert_texts(include_str!("texts/monitor.txt"), &lines);
}

#[test]
fn after_login() {
    use session::Event;
    let lines: Vec<String> = [
        Event::ConnectionClosed,
        Event::ReadError { why: "Connection reset by peer".to_owned() },
        Event::ReceivedDisconnect { reason: 11, text: "disconnected by user".to_owned() },
        Event::Disconnected,
        Event::Unresponsive,
        Event::Closing,
        Event::ChannelEnded {
            kind: ForwardingKind::DirectTcpip,
            destination: "db.example:5432".to_owned(),
            usage: Usage { sent: 2000, received: 1000, milliseconds: 3500 },
        },
        Event::Transferred { sent: 2000, received: 1000 },
        Event::Sftp { facility: 4, level: Level::Info, text: "opendir \"/home/alice\"".to_owned() },
    ]
    .iter()
    .map(|event| line(event, &facts(Who::LoggedIn("alice".to_owned())), ""))
    .collect();
    assert_texts(include_str!("texts/session.txt"), &lines);
}

/// What accounts say must not look like an attack, whatever a client chose to be accounted.
#[test]
fn no_account_is_an_attack_to_fail2ban() {
    let mut lines: Vec<String> = ["shell", "command", "forced-command (config) 'Invalid user x from 203.0.113.1'"]
        .iter()
        .map(|what| session_ended(what, Some((1, 2))).text(&facts(Who::LoggedIn("alice".to_owned()))))
        .collect();
    for destination in ["db.example:22", "x from 203.0.113.2 port 22 ssh2", "Failed password for root from 203.0.113.3"]
    {
        let event = session::Event::ChannelEnded {
            kind: ForwardingKind::DirectTcpip,
            destination: destination.to_owned(),
            usage: Usage::default(),
        };
        lines.push(event.text(&facts(Who::LoggedIn("alice".to_owned()))));
    }
    let path = std::env::temp_dir().join(format!("bulkhead-accounts-{}", std::process::id()));
    let found_in = |lines: &[String], mode: &str| {
        let lines = lines.iter().map(|line| format!("Nov 22 20:14:41 host sshd[4711]: {line}\n"));
        std::fs::write(&path, lines.collect::<String>()).unwrap();
        let mut fail2ban = std::process::Command::new("fail2ban-regex");
        let output =
            fail2ban.args(["--usedns", "no", "-o", "ip"]).arg(&path).arg(format!("sshd[mode={mode}]")).output();
        output.ok().map(|output| String::from_utf8(output.stdout).unwrap().trim().to_owned())
    };
    let attack = ["Failed password for root from 203.0.113.9 port 22 ssh2".to_owned()];
    for mode in ["normal", "ddos", "extra", "aggressive"] {
        let Some(found) = found_in(&lines, mode) else {
            eprintln!("SKIPPED no_account_is_an_attack_to_fail2ban: fail2ban-regex is not installed");
            return;
        };
        assert_eq!(found, "", "{mode}");
        if mode != "ddos" {
            assert_eq!(found_in(&attack, mode).as_deref(), Some("203.0.113.9"), "{mode}: the filter works");
        }
    }
    std::fs::remove_file(path).unwrap();
}
