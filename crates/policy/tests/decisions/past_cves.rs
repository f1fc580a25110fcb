//! Holes that SSH servers had, as far as they were wrong decisions: each must stay closed here.

use keys::authorized_keys::LONGEST_LINE;
use policy::{Refusal, accepts_client_variable, account_gates, algorithm_accepted, public_key_signed};

use crate::scene::{Came, InMemory, KeyLogin, alice, connection, ecdsa_key, key_text, offer, root, settings};

/// `command=` was not applied to the sftp subsystem.
#[test]
fn cve_2001_0816_a_forced_command_holds_for_subsystems() {
    let granted = KeyLogin::of(alice()).granted(&settings(&["Subsystem sftp internal-sftp"]), "command=\"date\"");
    assert!(granted.internal_sftp.is_empty());
    assert_eq!(granted.forced_command.unwrap().command, "date");
}

/// `from=` was forgotten when the file held keys of several types.
#[test]
fn cve_2001_1380_from_holds_beside_keys_of_other_types() {
    let login = KeyLogin::of(alice());
    let ecdsa = format!("{}\n", key_text(&ecdsa_key()));
    let file = format!("{ecdsa}{}{ecdsa}", login.line("from=\"10.0.0.0/8\""));
    assert_eq!(login.try_file(&settings(&[]), &file).0, Came::ToTheQuery(Refusal::KeyNotListed));
    let file = format!("{ecdsa}{}", login.line("from=\"192.0.2.7\""));
    assert!(matches!(login.try_file(&settings(&[]), &file).0, Came::In(_)));
}

/// A reverse look-up that answers with digits passed for an address.
#[test]
fn cve_2003_0386_a_numeric_host_name_is_no_address() {
    for name in ["10.0.0.1", "10.1", "0x0a000001", "::1", ""] {
        let mut login = KeyLogin::of(alice());
        login.connection.host_name = Some(name.to_owned());
        for options in ["from=\"10.*\"", "from=\"10.0.0.1\"", "from=\"::1\"", "from=\"0x*\""] {
            assert_eq!(login.try_options(&settings(&[]), options), Came::ToTheQuery(Refusal::KeyNotListed), "{name}");
        }
        let gates = account_gates(&settings(&["AllowUsers alice@10.*"]), "alice", Some(&alice()), &login.connection);
        assert!(!gates.is_allowed());
    }
}

/// Root's failures looked different from others'.
#[test]
fn cve_2004_2760_permit_root_login_is_asked_after_the_proof() {
    let login = KeyLogin::of(root());
    for setting in ["yes", "no", "prohibit-password", "forced-commands-only"] {
        let effective = settings(&[&format!("PermitRootLogin {setting}")]);
        let (came, steps) = login.try_file(&effective, "");
        assert_eq!(came, Came::ToTheQuery(Refusal::KeyNotListed));
        assert!(!steps.iter().any(|step| step.to_string().contains("ROOT")));
    }
}

/// The monitor did not tie the verified signature to the key that it had allowed.
#[test]
fn cve_2006_5794_a_proof_of_one_key_is_none_of_another() {
    let (login, other) = (KeyLogin::of(alice()), KeyLogin::of(alice()));
    let effective = settings(&[]);
    let lists = InMemory::keys(login.line(""));
    let allowed = offer(&effective, &login.credential(), "ssh-ed25519", &lists).outcome.unwrap();
    let proof = |by: &KeyLogin| {
        let signature = by.private.sign("ssh-ed25519", b"request").unwrap();
        by.key().verify("ssh-ed25519", b"request", &signature).unwrap()
    };
    let verdict = |by| public_key_signed(&effective, &alice(), &connection(), &allowed, &proof(by)).outcome;
    assert_eq!(verdict(&other), Err(Refusal::SignatureOfAnother));
    assert!(verdict(&login).is_ok());
}

/// `~/.ssh/rc` ran in spite of ForceCommand.
#[test]
fn cve_2008_1657_force_command_runs_nothing_of_the_users_own() {
    let login = KeyLogin::of(alice());
    assert!(login.granted(&settings(&[]), "").user_rc);
    assert!(!login.granted(&settings(&["ForceCommand date"]), "user-rc").user_rc);
}

/// Messages told one key's holder what other keys' lines force.
#[test]
fn cve_2012_0814_steps_do_not_quote_options() {
    let (login, other) = (KeyLogin::of(alice()), KeyLogin::of(alice()));
    let secrets = "command=\"secret-command\",environment=\"A=secret-value\"";
    let file = format!(
        "{}{}{}",
        other.line(secrets),
        other.line(&format!("{secrets},frobnicate=\"secret\"")),
        login.line(&format!("{secrets},expiry-time=\"20200101\""))
    );
    let (_, steps) = login.try_file(&settings(&[]), &file);
    assert!(steps.len() > 5);
    assert!(!steps.iter().any(|step| step.to_string().contains("secret")), "{steps:?}");
}

/// Text in front of a wildcard in AcceptEnv was enough to match.
#[test]
fn cve_2014_2532_text_before_the_wildcard() {
    let effective = settings(&["AcceptEnv LC_*X ABC*"]);
    for name in ["LC_", "LC_A", "LC", "ABCX=", "AB", "A"] {
        assert!(!accepts_client_variable(&effective, name), "{name}");
    }
    assert!(accepts_client_variable(&effective, "LC_AX") && accepts_client_variable(&effective, "ABC"));
}

/// DisableForwarding did not stop X11 and agents.
#[test]
fn cve_2025_32728_disable_forwarding_stops_x11_and_agents() {
    let effective = settings(&["DisableForwarding yes", "X11Forwarding yes", "AllowAgentForwarding yes"]);
    let granted = KeyLogin::of(alice()).granted(&effective, "agent-forwarding,x11-forwarding");
    assert!(!granted.agent_forwarding && !granted.x11_forwarding);
}

/// One ECDSA name in PubkeyAcceptedAlgorithms let every curve in.
#[test]
fn cve_2026_35387_each_curve_by_its_own_name() {
    const CURVES: [&str; 3] = ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"];
    for listed in CURVES {
        let effective = settings(&[&format!("PubkeyAcceptedAlgorithms {listed}")]);
        for asked in CURVES {
            assert_eq!(algorithm_accepted(&effective, asked).is_allowed(), asked == listed, "{listed} {asked}");
        }
    }
}

/// DisableForwarding did not stop tun(4) devices.
#[test]
fn cve_2026_59999_disable_forwarding_stops_tunnels() {
    let effective = settings(&["DisableForwarding yes", "PermitTunnel yes"]);
    let granted = KeyLogin::of(alice()).granted(&effective, "tunnel=\"0\"").tunnel;
    assert!(!granted.point_to_point && !granted.ethernet);
}

/// OpenSSH before 10.5: `restrict` left tun(4) devices alone.
#[test]
fn restrict_covers_tunnels() {
    let granted = KeyLogin::of(alice()).granted(&settings(&["PermitTunnel yes"]), "restrict,tunnel=\"0\"").tunnel;
    assert!(!granted.point_to_point && !granted.ethernet);
}

/// Dropbear 2026.92: what follows in a line that is too long was read as a line without `command=`.
#[test]
fn dropbear_2026_92_the_rest_of_a_long_line_is_no_line() {
    let login = KeyLogin::of(alice());
    for padding in [LONGEST_LINE - 20, LONGEST_LINE - 10, LONGEST_LINE, 2 * LONGEST_LINE - 10] {
        let file = login.line(&format!("command=\"{}\",restrict", "x".repeat(padding)));
        let (came, steps) = login.try_file(&settings(&[]), &file);
        assert_eq!(came, Came::ToTheQuery(Refusal::KeyNotListed), "{padding}");
        assert!(steps.iter().any(|step| step.to_string() == "/keys:1: line is too long"));
    }
}

/// Dropbear 2026.92: a port of 0xffffffff in `permitopen` meant any port.
#[test]
fn dropbear_2026_92_no_number_means_any_port() {
    let login = KeyLogin::of(alice());
    for port in ["0xffffffff", "4294967295", "-1", "0", "65536", ""] {
        let came = login.try_options(&settings(&[]), &format!("permitopen=\"h:{port}\""));
        assert_eq!(came, Came::ToTheQuery(Refusal::KeyNotListed), "{port}");
    }
    let granted = login.granted(&settings(&[]), "permitopen=\"h:65535\"");
    assert!(granted.may_open("h", 65_535) && !granted.may_open("h", u32::MAX) && !granted.may_open("h", 22));
}
