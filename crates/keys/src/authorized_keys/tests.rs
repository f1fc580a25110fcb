//! Whole lines, as users write them and as attackers would.

use proptest::prelude::*;

use super::*;
use crate::PrivateKey;

fn key_text() -> String {
    use base64::Engine as _;
    let key = PrivateKey::generate_ed25519().unwrap();
    format!("ssh-ed25519 {}", base64::engine::general_purpose::STANDARD.encode(key.public().blob()))
}

fn read(text: &str) -> Vec<(u32, Result<Line, Unusable>)> {
    lines(text.as_bytes()).collect()
}

fn options(field: &str) -> Result<Options, Unusable> {
    let mut read = read(&format!("{field} {} me@here\n", key_text()));
    assert_eq!(read.len(), 1);
    read.remove(0).1.map(|line| {
        assert_eq!(line.comment, "me@here");
        line.options
    })
}

#[test]
fn lines_are_numbered_and_the_rest_is_passed_over() {
    let key = key_text();
    let text = format!("# comment\n\n  \t# another\r\n\t {key} a b \r\n{key}\nnonsense\nssh-dss AAAA x\n{key} last");
    let found = read(&text);
    assert_eq!(found.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [4, 5, 6, 7, 8]);
    assert_eq!(found[0].1.as_ref().unwrap().comment, "a b");
    assert_eq!(found[1].1.as_ref().unwrap().comment, "");
    assert_eq!(found[2].1, Err(Unusable::NoKey));
    assert_eq!(found[3].1, Err(Unusable::NoKey), "a key type that is not known");
    assert_eq!(found[4].1.as_ref().unwrap().number, 8);
}

/// Dropbear 2026.92: the rest of a long line was read as a line of its own, without its `command=`.
#[test]
fn an_overlong_line_is_skipped_whole() {
    let key = key_text();
    for fill in [LONGEST_LINE, 2 * LONGEST_LINE, 5 * LONGEST_LINE - 7] {
        let found = read(&format!("command=\"{}\" \n{key}\n", "x".repeat(fill) + " " + &key));
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], (1, Err(Unusable::TooLong)));
        assert!(found[1].1.is_ok());
    }
    let longest = format!("{key} {}", "c".repeat(LONGEST_LINE - key.len() - 1));
    assert!(read(&longest)[0].1.is_ok());
    assert_eq!(read(&(longest + "c"))[0].1, Err(Unusable::TooLong));
}

#[test]
fn restrict_and_its_exceptions() {
    let all = Options::default();
    let none = Options {
        agent_forwarding: false,
        port_forwarding: false,
        pty: false,
        user_rc: false,
        x11_forwarding: false,
        tunnel_forwarding: false,
        ..Options::default()
    };
    assert_eq!(options("restrict").unwrap(), none);
    assert_eq!(options("ReSTRICT,Pty").unwrap(), Options { pty: true, ..none.clone() });
    assert_eq!(options("pty,restrict").unwrap(), none, "the later one counts");
    assert_eq!(options("restrict,port-forwarding,no-port-forwarding").unwrap(), none);
    assert_eq!(options("no-pty,no-user-rc").unwrap(), Options { pty: false, user_rc: false, ..all.clone() });
    assert_eq!(options("no-X11-forwarding").unwrap(), Options { x11_forwarding: false, ..all.clone() });
    assert_eq!(options("no-agent-forwarding").unwrap(), Options { agent_forwarding: false, ..all.clone() });
    assert_eq!(options("no-touch-required").unwrap(), Options { no_touch_required: true, ..all.clone() });
    assert_eq!(options("verify-required").unwrap(), Options { verify_required: true, ..all.clone() });
    assert_eq!(options("cert-authority,principals=\"a,b\"").unwrap().principals.as_deref(), Some("a,b"));
}

#[test]
fn values_keep_blanks_commas_and_escaped_quotes() {
    let parsed = options(r#"command="echo \"a, b\"	\\ c",environment="A=1",ENVIRONMENT="B=x=y",environment="A=2""#);
    let parsed = parsed.unwrap();
    assert_eq!(parsed.command.as_deref(), Some("echo \"a, b\"\t\\\\ c"));
    assert_eq!(parsed.environment, [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "x=y".to_owned())]);
    let parsed =
        options(r#"from="*.example.org,!bad",permitopen="[::1]:80",permitopen="h:*",permitlisten="22",tunnel="3""#);
    let parsed = parsed.unwrap();
    assert_eq!(parsed.from.as_deref(), Some("*.example.org,!bad"));
    let address = |host: &str, port| PermitAddress { host: host.to_owned(), port };
    assert_eq!(parsed.permit_open, [address("::1", PermitPort::Number(80)), address("h", PermitPort::Any)]);
    assert_eq!(parsed.permit_listen, [address("*", PermitPort::Number(22))]);
    assert_eq!(parsed.tunnel, Some(TunnelDevice::Number(3)));
}

#[test]
fn whatever_is_not_understood_makes_the_line_unusable() {
    for field in [
        "frobnicate",
        "no-restrict",
        "no-cert-authority",
        "restrict,",
        ",restrict",
        "restrict,,pty",
        "ptyx",
        "no-no-pty",
        "restrict=\"yes\"",
        "command",
        "command=ls",
        "command=\"ls",
        "command=\"ls\"x",
        "command=\"a\",command=\"a\"",
        "from=\"a\",from=\"b\"",
        "environment=\"A\"",
        "environment=\"A-B=1\"",
        "environment=\"=1\"",
        "expiry-time=\"tomorrow\"",
        "permitopen=\"host\"",
        "permitopen=\"host:0\"",
        "permitopen=\"host:0xffffffff\"",
        "permitopen=\"host:65536\"",
        "permitopen=\"[::1:80\"",
        "permitopen=\"::1:80\"",
        "permitlisten=\"host:\"",
        "tunnel=\"-1\"",
        "tunnel=\"2147483647\"",
        "command=\"a\0b\"",
        "principals=\"a\",principals=\"b\"",
    ] {
        assert!(options(field).is_err(), "{field}");
    }
}

#[test]
fn a_key_must_be_what_its_line_says() {
    let key = key_text();
    let body = key.split_once(' ').unwrap().1;
    assert!(matches!(read(&format!("ecdsa-sha2-nistp256 {body}"))[0].1, Err(Unusable::BadKey(_))));
    assert!(matches!(read(&format!("ssh-ed25519 {}", &body[4..]))[0].1, Err(Unusable::BadKey(_))));
    assert!(matches!(read("ssh-ed25519")[0].1, Err(Unusable::BadKey(_))));
    assert!(matches!(read("ssh-ed25519-cert-v01@openssh.com AAAA")[0].1, Err(Unusable::BadKey(_))));
    assert!(read(&format!("restrict\t \t{}", key.replace(' ', " \t "))).remove(0).1.is_ok(), "tabs separate too");
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
        lines(&bytes).count();
    }

    #[test]
    fn any_options_are_read_without_panic(field in "[a-z\",=\\\\ \t0-9-]{0,60}", name in "(command|from|environment|tunnel|permitopen|expiry-time)=\"") {
        let _ = Options::parse(&field);
        let _ = Options::parse(&format!("{name}{field}"));
        let _ = Options::parse(&format!("{name}{field}\""));
    }

    /// What stands in quotes comes out as it went in.
    #[test]
    fn commands_survive(command in "[ -~\t\u{e4}]{1,40}") {
        prop_assume!(!command.contains("\\\"") && !command.ends_with('\\'));
        let field = format!("command=\"{}\"", command.replace('"', "\\\""));
        prop_assume!(!command.contains("\\\\\""));
        prop_assert_eq!(options(&field).unwrap().command, Some(command));
    }
}
