//! The text of a log line is an interface: fail2ban, sshguard and many others match it. A line that changes here
//! blinds somebody's intrusion detection, so each stands in a file that a change has to touch.

use events::listener::DropReason;
use events::{ConnectionFacts, Endpoint, Level, Loggable, Who, listener, preauth, visible};

fn facts(who: Who) -> ConnectionFacts {
    ConnectionFacts {
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
        Event::ConnectionDropped {
            startups: 10,
            peer: who.peer.clone(),
            local: who.local.clone(),
            why: DropReason::MaxStartups,
        },
        Event::DropsNotLogged { limit: DropReason::MaxStartups, connections: 118 },
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
        (Event::ClosedBeforeIdentification, Who::Nobody),
        (
            Event::NoMatch {
                what: "key exchange method".to_owned(),
                their_offer: "diffie-hellman-group1-sha1".to_owned(),
            },
            Who::Nobody,
        ),
        (Event::ProtocolError { what: "message authentication code incorrect".to_owned() }, Who::Nobody),
        (Event::Debug { text: text() }, Who::Nobody),
    ]
    .iter()
    .map(|(event, who)| line(event, &facts(who.clone()), " [preauth]"))
    .collect();
    assert_texts(include_str!("texts/preauth.txt"), &lines);
}
