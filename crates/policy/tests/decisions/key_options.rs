//! Logins with a key: settings against the options of its line.

use keys::{Credential, KeyType, PrivateKey};
use policy::{
    BindTo, KeyOffer, NoForwarding, Refusal, Step, TunnelLimit, algorithm_accepted, bind_to, offered_credential,
    public_key, public_key_signed,
};
use settings::values::GatewayPorts;

use crate::authority::{Authority, CertificateParts};
use crate::scene::{
    Came, InMemory, KeyLogin, NOON, alice, connection, file, key_text, now, offer, root, settings, strings,
};

#[test]
fn from_expiry_and_what_is_no_login_key() {
    let login = KeyLogin::of(alice());
    for (options, let_in) in [
        ("", true),
        ("from=\"192.0.2.7\"", true),
        ("from=\"192.0.2.0/24\"", true),
        ("from=\"192.0.2.0/24,!192.0.2.7\"", false),
        ("from=\"!192.0.2.8\"", false),
        ("from=\"!192.0.2.8,*\"", true),
        ("from=\"10.0.0.0/8\"", false),
        ("from=\"192.0.2.7/24\"", false),
        ("from=\"\"", false),
        ("from=\"*.example.org\"", false),
        ("expiry-time=\"20261122120000Z\"", true),
        ("expiry-time=\"20261122115959Z\"", false),
        ("expiry-time=\"20261122130000\"", true),
        ("expiry-time=\"20261122125959\"", false),
        ("expiry-time=\"20270328023000\"", false),
        ("expiry-time=\"20300101\",expiry-time=\"20260101\"", false),
        ("expiry-time=\"20300101\",expiry-time=\"20310101\"", true),
        ("cert-authority", false),
        ("cert-authority,principals=\"alice\"", false),
        ("principals=\"alice\"", false),
        ("frobnicate", false),
        ("command=\"a\",command=\"b\"", false),
        ("restrict", true),
    ] {
        let (came, steps) = login.try_file(&settings(&[]), &login.line(options));
        match came {
            Came::In(_) => assert!(let_in, "{options}"),
            Came::ToTheQuery(refusal) => assert!(!let_in && refusal == Refusal::KeyNotListed, "{options} {steps:?}"),
            other => panic!("{options}: {other:?}"),
        }
    }
    assert_eq!(now().seconds, NOON);
}

#[test]
fn the_first_line_that_lets_the_key_in_counts() {
    let login = KeyLogin::of(alice());
    let refused = login.line("from=\"10.0.0.0/8\",command=\"first\"");
    let file = format!("{refused}{}{}", login.line("command=\"second\""), login.line("command=\"third\""));
    let (came, steps) = login.try_file(&settings(&[]), &file);
    let Came::In(grants) = came else { panic!("{steps:?}") };
    assert_eq!(grants.forced_command.unwrap().command, "second");
    let accepted = steps.iter().find(|step| matches!(step, Step::KeyAccepted { .. })).unwrap();
    assert!(accepted.to_string().ends_with(" found at /keys:2"), "{accepted}");
}

#[test]
fn files_are_opened_no_further_than_needed() {
    let login = KeyLogin::of(alice());
    let with_key = login.line("");
    let key_files = ["a", "b", "c"].map(|name| file(name, if name == "b" { with_key.as_str() } else { "" }));
    let lists =
        InMemory { key_files: key_files.to_vec(), printed_keys: Some(file("printed", "")), ..InMemory::default() };
    let verdict = offer(&settings(&[]), &login.credential(), "ssh-ed25519", &lists);
    assert_eq!(verdict.outcome.unwrap().place(), "b:1");
    assert_eq!(lists.asked.take(), ["a", "b"]);
}

#[test]
fn the_key_itself() {
    let login = KeyLogin::of(alice());
    let other = KeyLogin::of(alice());
    let ask = |lines: &[&str], algorithm: &str, used: &[keys::PublicKey]| {
        let offer = KeyOffer { credential: &login.credential(), algorithm, used_before: used };
        let lists = InMemory::keys(login.line(""));
        public_key(&settings(lines), &alice(), &connection(), now(), offer, &lists).outcome.err()
    };
    assert_eq!(ask(&[], "ssh-ed25519", &[]), None);
    assert_eq!(ask(&[], "ssh-ed25519", &[other.key().clone()]), None);
    let used = ask(&[], "ssh-ed25519", &[other.key().clone(), login.key().clone()]);
    assert_eq!(used.unwrap().to_string(), "refusing previously-used ED25519 key");
    assert!(matches!(ask(&[], "rsa-sha2-512", &[]), Some(Refusal::AlgorithmOfAnotherType { .. })));
    assert!(matches!(ask(&[], "ssh-dss", &[]), Some(Refusal::UnknownAlgorithm { .. })));
    assert!(matches!(
        ask(&["PubkeyAcceptedAlgorithms rsa-sha2-512"], "ssh-ed25519", &[]),
        Some(Refusal::AlgorithmNotAccepted { .. })
    ));
    assert!(matches!(ask(&["PubkeyAuthentication no"], "ssh-ed25519", &[]), Some(Refusal::MethodDisabled { .. })));
}

#[test]
fn algorithms_by_their_exact_names() {
    let accepted = |lines: &[&str], algorithm: &str| {
        algorithm_accepted(&settings(lines), algorithm).outcome.ok().map(|accepted| accepted.key_type)
    };
    assert_eq!(accepted(&[], "rsa-sha2-512"), Some(KeyType::Rsa));
    assert_eq!(accepted(&[], "rsa-sha2-256"), Some(KeyType::Rsa));
    assert_eq!(accepted(&[], "ssh-rsa"), None, "SHA-1 is off by default");
    assert_eq!(accepted(&["PubkeyAcceptedAlgorithms +ssh-rsa"], "ssh-rsa"), Some(KeyType::Rsa));
    assert_eq!(accepted(&["PubkeyAcceptedAlgorithms rsa-sha2-512"], "rsa-sha2-256"), None);
    assert_eq!(accepted(&["PubkeyAcceptedAlgorithms -sk-*"], "sk-ssh-ed25519@openssh.com"), None);
    assert_eq!(accepted(&[], "webauthn-sk-ecdsa-sha2-nistp256@openssh.com"), Some(KeyType::SkEcdsaP256));
    assert_eq!(accepted(&[], "ssh-ed25519-cert-v01@openssh.com"), Some(KeyType::Ed25519));
    assert_eq!(accepted(&["PubkeyAcceptedAlgorithms ssh-ed25519"], "ssh-ed25519-cert-v01@openssh.com"), None);
    assert_eq!(accepted(&[], "ssh-mldsa44-ed25519@openssh.com"), None, "experimental, so off by default");
}

/// RequiredRSASize counts bits exactly, and RSA keys alone.
#[test]
fn required_rsa_size() {
    let rsa = |bits: usize| {
        let mut modulus = vec![0xff; bits.div_ceil(8)];
        modulus[0] >>= (8 - bits % 8) % 8;
        let sign_byte = &[0][..usize::from(modulus[0] >= 0x80)];
        let blob = strings(&[b"ssh-rsa", &[1, 0, 1], &[sign_byte, &modulus].concat()]);
        keys::PublicKey::parse(&blob).unwrap()
    };
    for (bits, required, let_in) in
        [(1024, 1024, true), (2047, 2048, false), (2048, 2048, true), (3072, 4096, false), (1024, 0, true)]
    {
        let key = rsa(bits);
        let effective = settings(&[&format!("RequiredRSASize {required}")]);
        let lists = InMemory::keys(key_text(&key));
        let verdict = offer(&effective, &Credential::Key(key), "rsa-sha2-512", &lists);
        assert_eq!(verdict.is_allowed(), let_in, "{bits} {required}");
    }
    let login = KeyLogin::of(alice());
    login.granted(&settings(&["RequiredRSASize 16384"]), "");
}

/// What is left of a login when settings and options are both restricted: each row says what remains.
#[test]
fn settings_against_options() {
    let forwarding = ["AllowTcpForwarding yes", "X11Forwarding yes", "PermitTunnel yes"];
    let everything = "tty rc agent x11 tcp-l tcp-r sock-l sock-r tun3 tun2";
    for (lines, options, remains) in [
        (&[][..], "", everything),
        (&[], "restrict", ""),
        (&[], "restrict,pty", "tty"),
        (
            &[],
            "restrict,pty,user-rc,agent-forwarding,port-forwarding,x11-forwarding",
            "tty rc agent x11 tcp-l tcp-r sock-l sock-r",
        ),
        (&[], "restrict,tunnel=\"0\"", ""),
        (&[], "no-pty", "rc agent x11 tcp-l tcp-r sock-l sock-r tun3 tun2"),
        (&[], "no-port-forwarding", "tty rc agent x11 tun3 tun2"),
        (&[], "no-agent-forwarding,no-x11-forwarding,no-user-rc", "tty tcp-l tcp-r sock-l sock-r tun3 tun2"),
        (&["PermitTTY no"], "pty", "rc agent x11 tcp-l tcp-r sock-l sock-r tun3 tun2"),
        (&["PermitUserRC no"], "user-rc", "tty agent x11 tcp-l tcp-r sock-l sock-r tun3 tun2"),
        (&["ForceCommand date"], "user-rc", "tty agent x11 tcp-l tcp-r sock-l sock-r tun3 tun2"),
        (&["DisableForwarding yes"], "", "tty rc"),
        (&["DisableForwarding yes"], "agent-forwarding,port-forwarding,x11-forwarding,tunnel=\"1\"", "tty rc"),
        (&["AllowAgentForwarding no"], "agent-forwarding", "tty rc x11 tcp-l tcp-r sock-l sock-r tun3 tun2"),
        (&["AllowTcpForwarding no"], "port-forwarding", "tty rc agent x11 tun3 tun2"),
        (&["AllowTcpForwarding local"], "", "tty rc agent x11 tcp-l sock-l tun3 tun2"),
        (&["AllowTcpForwarding remote"], "", "tty rc agent x11 tcp-r sock-r tun3 tun2"),
        (&["AllowStreamLocalForwarding no"], "", "tty rc agent x11 tcp-l tcp-r tun3 tun2"),
        (&["AllowStreamLocalForwarding remote"], "", "tty rc agent x11 tcp-l tcp-r sock-r tun3 tun2"),
    ] {
        let lines: Vec<&str> = lines.iter().chain(&forwarding).copied().collect();
        let granted = KeyLogin::of(alice()).granted(&settings(&lines), options);
        let words = [
            (granted.terminal, "tty"),
            (granted.user_rc, "rc"),
            (granted.agent_forwarding, "agent"),
            (granted.x11_forwarding, "x11"),
            (granted.tcp_forwarding.local, "tcp-l"),
            (granted.tcp_forwarding.remote, "tcp-r"),
            (granted.stream_local_forwarding.local, "sock-l"),
            (granted.stream_local_forwarding.remote, "sock-r"),
            (granted.tunnel.point_to_point, "tun3"),
            (granted.tunnel.ethernet, "tun2"),
        ];
        let left: Vec<&str> = words.into_iter().filter_map(|(is_left, word)| is_left.then_some(word)).collect();
        assert_eq!(left.join(" "), remains, "{lines:?} {options}");
    }
    let granted = |line: &str| KeyLogin::of(alice()).granted(&settings(&[line]), "tunnel=\"3\"").tunnel;
    assert_eq!(granted("PermitTunnel ethernet").device, TunnelLimit::Only(3));
    assert!(granted("PermitTunnel ethernet").ethernet && !granted("PermitTunnel ethernet").point_to_point);
    assert!(granted("PermitTunnel point-to-point").point_to_point && !granted("PermitTunnel no").point_to_point);
    let one_way = KeyLogin::of(alice()).granted(&settings(&["AllowTcpForwarding local"]), "").tcp_forwarding;
    assert!(one_way.local && !one_way.remote);
}

#[test]
fn who_forces_the_command() {
    let login = KeyLogin::of(alice());
    let forced = |lines: &[&str], options: &str| {
        let command = login.granted(&settings(lines), options).forced_command;
        command.map(|forced| format!("{} {}", forced.by, forced.command))
    };
    assert_eq!(forced(&[], ""), None);
    assert_eq!(forced(&[], "command=\"mine\"").as_deref(), Some("key-option mine"));
    assert_eq!(forced(&["ForceCommand theirs"], "").as_deref(), Some("config theirs"));
    assert_eq!(forced(&["ForceCommand theirs"], "command=\"mine\"").as_deref(), Some("config theirs"));
    assert_eq!(forced(&["ForceCommand none"], "command=\"mine\"").as_deref(), Some("key-option mine"));
}

/// CVE-2001-0872: variables of the user's own choice are let through by name or not at all.
#[test]
fn variables_of_the_key() {
    let login = KeyLogin::of(alice());
    let options =
        "environment=\"LANG=de\",environment=\"LD_PRELOAD=x\",environment=\"LC_ALL=\",environment=\"LANG=en\"";
    for (setting, names) in [
        ("no", &[][..]),
        ("yes", &["LANG=de", "LD_PRELOAD=x", "LC_ALL="]),
        ("LANG,LC_*", &["LANG=de", "LC_ALL="]),
        ("*,!LD_*", &["LANG=de", "LC_ALL="]),
        ("!LD_*", &[]),
    ] {
        let granted = login.granted(&settings(&[&format!("PermitUserEnvironment {setting}")]), options).environment;
        let shown: Vec<String> = granted.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown, names, "{setting}");
    }
    assert!(login.granted(&settings(&[]), options).environment.is_empty());
}

/// The session process may touch files only for SFTP that this login can really start.
#[test]
fn sftp_inside_the_session_process() {
    let login = KeyLogin::of(alice());
    let reachable = |lines: &[&str], options: &str| login.granted(&settings(lines), options).internal_sftp;
    let subsystem = "Subsystem sftp internal-sftp -l VERBOSE";
    assert!(reachable(&[], "").is_empty());
    assert_eq!(reachable(&[subsystem], ""), ["-l VERBOSE"]);
    assert!(reachable(&[subsystem], "command=\"date\"").is_empty());
    assert!(reachable(&[subsystem, "ForceCommand date"], "").is_empty());
    assert_eq!(reachable(&[subsystem, "ForceCommand internal-sftp -R"], ""), ["-R"]);
    assert_eq!(reachable(&["Subsystem sftp /usr/lib/sftp-server"], "command=\"internal-sftp\""), [""]);
    assert!(reachable(&["Subsystem sftp internal-sftp-server"], "").is_empty());
    assert!(reachable(&["ForceCommand internal-sftp -R", subsystem], "command=\"internal-sftp\"") == ["-R"]);
}

#[test]
fn permitted_addresses_are_those_in_every_list() {
    let login = KeyLogin::of(alice());
    let open =
        |lines: &[&str], options: &str, host: &str, port| login.granted(&settings(lines), options).may_open(host, port);
    assert!(open(&[], "", "h", 80));
    let both = "permitopen=\"h:80\",permitopen=\"[::1]:*\"";
    assert!(open(&[], both, "h", 80) && open(&[], both, "::1", 9) && !open(&[], both, "h", 81));
    assert!(!open(&[], both, "H", 80), "hosts are literal");
    assert!(open(&["PermitOpen h:80 i:http"], "", "i", 80));
    assert!(!open(&["PermitOpen i:80"], both, "h", 80) && !open(&["PermitOpen i:80"], both, "i", 80));
    assert!(open(&["PermitOpen h:*"], both, "h", 80) && !open(&["PermitOpen none"], "", "h", 80));
    assert!(!open(&["PermitOpen h:80", "DisableForwarding yes"], "", "h", 80));
    let listen = |lines: &[&str], options: &str, host: &str, port| {
        login.granted(&settings(lines), options).may_listen(host, port)
    };
    assert!(listen(&[], "", "", 0));
    assert!(listen(&[], "permitlisten=\"8080\"", "localhost", 8080) && !listen(&[], "permitlisten=\"8080\"", "", 8081));
    assert!(listen(&[], "permitlisten=\"*.example.org:*\"", "A.Example.ORG", 1));
    assert!(!listen(&["PermitListen 22"], "permitlisten=\"8080\"", "localhost", 8080));
    assert!(!listen(&[], "no-port-forwarding", "localhost", 8080));
}

#[test]
fn what_is_forwarded_is_on_permitted_and_a_port() {
    let login = KeyLogin::of(alice());
    let granted = |lines: &[&str], options: &str| login.granted(&settings(lines), options);
    let (any, all) = (granted(&[], ""), granted(&["PermitOpen *:*"], ""));
    assert_eq!((any.connects_to("h", 80), any.listens_on("", 0)), (Ok(80), Ok(0)));
    for grants in [&any, &all] {
        for port in [65_536, u32::MAX] {
            assert_eq!(grants.connects_to("h", port), Err(NoForwarding::NoSuchPort));
            assert_eq!(grants.listens_on("h", port), Err(NoForwarding::NoSuchPort));
        }
        assert_eq!(grants.connects_to_path("/run/s"), Ok(()));
    }
    let only = granted(&["PermitOpen h:80", "PermitListen none"], "");
    assert_eq!(only.connects_to("i", 80), Err(NoForwarding::NotPermitted));
    assert_eq!(only.listens_on("localhost", 80), Err(NoForwarding::NotPermitted));
    assert_eq!(only.connects_to_path("/run/t"), Err(NoForwarding::NotPermitted));
    assert_eq!(only.listens_on_path(), Ok(()));
    let nothing = |grants: &policy::Grants| {
        grants.connects_to("h", 80) == Err(NoForwarding::Off)
            && grants.connects_to_path("/run/s") == Err(NoForwarding::Off)
            && grants.listens_on("", 0) == Err(NoForwarding::Off)
            && grants.listens_on_path() == Err(NoForwarding::Off)
            && !grants.forwards()
            && !grants.listens()
    };
    assert!(nothing(&granted(&["DisableForwarding yes"], "")));
    assert!(nothing(&granted(&[], "restrict")) && nothing(&granted(&[], "no-port-forwarding,no-agent-forwarding")));
    assert!(granted(&[], "no-port-forwarding").listens(), "for the client's agent");
    assert!(!nothing(&granted(&[], "restrict,port-forwarding")));
    let none = ["AllowTcpForwarding no", "AllowStreamLocalForwarding no", "AllowAgentForwarding no"];
    assert!(nothing(&granted(&none, "port-forwarding")));
    let local = ["AllowTcpForwarding local", "AllowStreamLocalForwarding local", "AllowAgentForwarding no"];
    let local = granted(&local, "");
    assert!(local.forwards() && !local.listens());
}

#[test]
fn gateway_ports_decide_where_somebody_listens() {
    use BindTo::{All, Loopback, Named};
    use GatewayPorts::{ClientSpecified, No, Yes};
    for (host, no, specified) in [
        ("", Loopback, All),
        ("*", Loopback, All),
        ("localhost", Loopback, Loopback),
        ("0.0.0.0", Loopback, Named("0.0.0.0")),
        ("127.0.0.1", Named("127.0.0.1"), Named("127.0.0.1")),
        ("::1", Named("::1"), Named("::1")),
        ("192.0.2.1", Loopback, Named("192.0.2.1")),
        ("127.0.0.2", Loopback, Named("127.0.0.2")),
    ] {
        assert_eq!(
            (bind_to(No, host), bind_to(ClientSpecified, host), bind_to(Yes, host)),
            (no, specified, All),
            "{host}"
        );
    }
}

#[test]
fn root_with_a_key() {
    let login = KeyLogin::of(root());
    for (setting, options, let_in) in [
        ("yes", "", true),
        ("prohibit-password", "", true),
        ("no", "command=\"x\"", false),
        ("forced-commands-only", "", false),
        ("forced-commands-only", "command=\"x\"", true),
    ] {
        let came = login.try_options(&settings(&[&format!("PermitRootLogin {setting}")]), options);
        match came {
            Came::In(_) => assert!(let_in, "{setting} {options}"),
            // The query is answered as for anybody: only a proven key learns what PermitRootLogin says.
            Came::ToTheSignature(refusal) => {
                assert!(!let_in);
                assert_eq!(refusal.to_string(), "ROOT LOGIN REFUSED FROM 192.0.2.7 port 50000");
            }
            other => panic!("{setting} {options}: {other:?}"),
        }
    }
}

/// The experimental composite of ML-DSA-44 and ed25519, with a key that OpenSSH 10.5 made and certified.
#[test]
fn composite_keys_log_in_where_they_are_asked_for() {
    let private = PrivateKey::parse_file(include_bytes!("../../../keys/tests/vectors/mldsa44_ed25519")).unwrap();
    let algorithm = "ssh-mldsa44-ed25519@openssh.com";
    let lists = InMemory::keys(key_text(private.public()));
    let credential = Credential::Key(private.public().clone());
    let ask = |lines: &[&str]| offer(&settings(lines), &credential, algorithm, &lists).outcome;
    assert!(matches!(ask(&[]), Err(Refusal::AlgorithmNotAccepted { .. })));
    let asked_for = ["PubkeyAcceptedAlgorithms +ssh-mldsa44-ed25519*"];
    let allowed = ask(&asked_for).unwrap();
    let signature = private.sign(algorithm, b"request").unwrap();
    let proven = private.public().verify(algorithm, b"request", &signature).unwrap();
    let signed = public_key_signed(&settings(&asked_for), &alice(), &connection(), &allowed, &proven);
    assert!(signed.is_allowed());

    let authority = Authority::new();
    let whole = authority.certify_key(private.public(), &CertificateParts::for_alice());
    let certified = "ssh-mldsa44-ed25519-cert-v01@openssh.com";
    let effective = settings(&asked_for);
    let credential = offered_credential(&effective, certified, &whole).outcome.unwrap();
    let line = InMemory::keys(format!("cert-authority {}", key_text(authority.private.public())));
    let allowed = offer(&effective, &credential, certified, &line).outcome.unwrap();
    assert!(public_key_signed(&effective, &alice(), &connection(), &allowed, &proven).is_allowed());
}
