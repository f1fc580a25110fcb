//! No credential, option or setting ever widens a login.

use keys::authorized_keys::Options;
use keys::{CriticalOptions, Extensions};
use policy::{Grants, Restrictions, TunnelLimit, grants, public_key_if_signed};
use proptest::prelude::*;

use crate::authority::{Authority, CertificateParts, EXTENSIONS};
use crate::scene::{InMemory, alice, connection, key_text, offer, settings};

const FLAGS: [&str; 11] = [
    "restrict",
    "pty",
    "no-pty",
    "user-rc",
    "no-user-rc",
    "agent-forwarding",
    "no-agent-forwarding",
    "port-forwarding",
    "no-port-forwarding",
    "x11-forwarding",
    "no-x11-forwarding",
];
const VALUES: [&str; 6] = [
    "permitopen=\"a:1\"",
    "permitopen=\"b:*\"",
    "permitlisten=\"1\"",
    "permitlisten=\"b:2\"",
    "tunnel=\"1\"",
    "tunnel=\"2\"",
];
const LINES: [&str; 17] = [
    "SftpJail %h",
    "PermitTTY no",
    "PermitUserRC no",
    "DisableForwarding yes",
    "AllowAgentForwarding no",
    "AllowTcpForwarding no",
    "AllowTcpForwarding local",
    "AllowTcpForwarding remote",
    "AllowStreamLocalForwarding local",
    "AllowStreamLocalForwarding no",
    "PermitOpen a:1",
    "PermitOpen none",
    "PermitListen b:2",
    "PermitListen none",
    "ForceCommand date",
    "ForceCommand internal-sftp",
    "PermitUserRC yes",
];
/// What is wide open unless a line above says otherwise.
const OPEN: [&str; 3] = ["X11Forwarding yes", "PermitTunnel yes", "Subsystem sftp internal-sftp"];

/// What a certificate leaves: any of its extensions, and perhaps tunnels (which have no extension).
fn certificate() -> impl Strategy<Value = Restrictions> {
    prop::collection::vec(any::<bool>(), 5).prop_map(|permits| {
        let extensions = Extensions {
            agent_forwarding: permits[0],
            port_forwarding: permits[1],
            pty: permits[2],
            user_rc: permits[3],
            x11_forwarding: permits[4],
            ..Extensions::default()
        };
        Restrictions::of_certificate(&CriticalOptions::default(), &extensions)
    })
}

fn restrictions() -> impl Strategy<Value = Restrictions> {
    let flags = prop::collection::vec(prop::sample::select(&FLAGS[..]), 0..4);
    let values = prop::collection::vec(prop::sample::select(&VALUES[..]), 0..3);
    (flags, values).prop_map(|(flags, values)| {
        let field = flags.into_iter().chain(values).collect::<Vec<_>>().join(",");
        Restrictions::of_line(&Options::parse(&field).unwrap())
    })
}

/// Everything one can ask of a login, as yes or no.
fn answers(grants: &Grants) -> Vec<bool> {
    let mut answers = vec![
        grants.terminal,
        grants.user_rc,
        grants.agent_forwarding,
        grants.x11_forwarding,
        grants.tcp_forwarding.local,
        grants.tcp_forwarding.remote,
        grants.stream_local_forwarding.local,
        grants.stream_local_forwarding.remote,
    ];
    for host in ["a", "b"] {
        for port in [1, 2] {
            answers.push(grants.may_open(host, port));
            answers.push(grants.may_listen(host, port));
        }
    }
    for device in [1, 2, 3] {
        let usable = match grants.tunnel.device {
            TunnelLimit::None => false,
            TunnelLimit::Only(only) => only == device,
            TunnelLimit::Any => true,
        };
        answers.push(usable && grants.tunnel.point_to_point);
        answers.push(usable && grants.tunnel.ethernet);
    }
    answers
}

fn no_wider(narrow: &Grants, wide: &Grants) -> bool {
    answers(narrow).into_iter().zip(answers(wide)).all(|(narrow, wide)| !narrow || wide)
}

proptest! {
    #[test]
    fn a_second_credential_only_narrows(first in restrictions(), second in restrictions()) {
        let effective = settings(&OPEN);
        let both = grants(&effective, &first.clone().restrict_by(second.clone()).unwrap());
        prop_assert!(no_wider(&both, &grants(&effective, &first)));
        prop_assert!(no_wider(&both, &grants(&effective, &second)));
        let swapped = grants(&effective, &second.restrict_by(first).unwrap());
        prop_assert_eq!(answers(&both), answers(&swapped), "the order of credentials does not matter");
    }

    #[test]
    fn a_certificate_and_its_line_only_narrow_each_other(certificate in certificate(), line in restrictions(), other in certificate()) {
        let effective = settings(&OPEN);
        let both = grants(&effective, &line.clone().restrict_by(certificate.clone()).unwrap());
        prop_assert!(no_wider(&both, &grants(&effective, &certificate)));
        prop_assert!(no_wider(&both, &grants(&effective, &line)));
        prop_assert!(no_wider(&grants(&effective, &certificate), &grants(&effective, &Restrictions::none())));
        let swapped = grants(&effective, &certificate.clone().restrict_by(line).unwrap());
        prop_assert_eq!(answers(&both), answers(&swapped));
        // Two steps of a login, each with a certificate.
        let two = grants(&effective, &certificate.clone().restrict_by(other.clone()).unwrap());
        prop_assert!(no_wider(&two, &grants(&effective, &certificate)) && no_wider(&two, &grants(&effective, &other)));
    }

    /// The whole decision: whatever a certificate says in addition, it lets in no further.
    #[test]
    fn nothing_in_a_certificate_widens_a_login(
        extensions in prop::sample::subsequence(&EXTENSIONS[..], 0..=6),
        fewer in prop::collection::vec(any::<bool>(), 6),
        critical in prop::sample::select(&["", "force-command", "source-address", "verify-required", "frobnicate"][..]),
        options in prop::sample::select(&["", ",restrict", ",no-pty", ",command=\"date\"", ",permitopen=\"a:1\"", ",principals=\"alice\""][..]),
    ) {
        let authority = Authority::new();
        let effective = settings(&OPEN);
        let text = |options: &str| format!("cert-authority{options} {}\n", key_text(authority.private.public()));
        let granted = |parts: &CertificateParts, options: &str| {
            let credential = authority.credential(parts);
            let lists = InMemory::keys(text(options));
            let allowed = offer(&effective, &credential, "ssh-ed25519-cert-v01@openssh.com", &lists).outcome.ok()?;
            public_key_if_signed(&effective, &alice(), &connection(), &allowed).outcome.ok()
        };
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let wide = CertificateParts { extensions: owned(&extensions), ..CertificateParts::for_alice() };
        let kept: Vec<&str> =
            extensions.iter().zip(&fewer).filter(|(_, keep)| **keep).map(|(name, _)| *name).collect();
        let narrow = CertificateParts { extensions: owned(&kept), ..wide.clone() };
        let narrow = match critical {
            "" => narrow,
            "force-command" => narrow.critical(critical, "date"),
            "source-address" => narrow.critical(critical, "192.0.2.7"),
            _ => narrow.critical(critical, ""),
        };
        let wider = granted(&wide, "").unwrap();
        if let Some(narrower) = granted(&narrow, options) {
            prop_assert!(critical != "frobnicate");
            prop_assert!(no_wider(&narrower, &wider), "{narrower:?} {wider:?}");
            prop_assert!(critical != "force-command" || narrower.forced_command.is_some());
        } else {
            prop_assert_eq!(critical, "frobnicate");
        }
    }

    #[test]
    fn a_credential_only_narrows_what_settings_leave(credential in restrictions(), line in prop::sample::select(&LINES[..])) {
        let lines: Vec<&str> = std::iter::once(line).chain(OPEN).collect();
        let effective = settings(&lines);
        let unrestricted = grants(&effective, &Restrictions::none());
        let restricted = grants(&effective, &credential);
        prop_assert!(no_wider(&restricted, &unrestricted));
        prop_assert!(no_wider(&restricted, &grants(&settings(&OPEN), &credential)), "nor do settings widen the credential");
        prop_assert!(restricted.internal_sftp.len() <= unrestricted.internal_sftp.len());
        // Whoever forces a command in the settings has it run, whatever the credential says.
        prop_assert_eq!(restricted.forced_command.is_some(), line.starts_with("ForceCommand"));
    }
}

#[test]
fn two_forced_commands_are_no_login() {
    let forced = |command: &str| Restrictions::of_line(&Options::parse(&format!("command=\"{command}\"")).unwrap());
    assert!(forced("a").restrict_by(forced("b")).is_err());
    assert_eq!(forced("a").restrict_by(forced("a")).unwrap(), forced("a"));
    let one = Restrictions::none().restrict_by(forced("a")).unwrap();
    assert_eq!(one, forced("a").restrict_by(Restrictions::none()).unwrap());
    assert_eq!(one.forced_command.unwrap().command, "a");
}

#[test]
fn two_tunnel_devices_leave_none() {
    for (one, other, both) in [
        (TunnelLimit::Any, TunnelLimit::Any, TunnelLimit::Any),
        (TunnelLimit::Any, TunnelLimit::Only(1), TunnelLimit::Only(1)),
        (TunnelLimit::Only(1), TunnelLimit::Only(1), TunnelLimit::Only(1)),
        (TunnelLimit::Only(1), TunnelLimit::Only(2), TunnelLimit::None),
        (TunnelLimit::None, TunnelLimit::Any, TunnelLimit::None),
        (TunnelLimit::None, TunnelLimit::Only(1), TunnelLimit::None),
    ] {
        assert_eq!((one.and(other), other.and(one)), (both, both));
    }
}
