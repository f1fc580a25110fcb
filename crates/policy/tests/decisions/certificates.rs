//! User certificates: by a trusted authority, by an authority's line, and what keeps them out.

use keys::{Certificate, Credential, KeyError};
use policy::{
    CertificateRefusal, CertificateStep, Grants, KeyOffer, Refusal, Step, grants, not_revoked, offered_credential,
    public_key, public_key_signed,
};
use settings::Effective;

use crate::authority::{Authority, CertificateParts};
use crate::scene::{InMemory, KeyLogin, NOON, alice, connection, file, key_text, now, offer, root, settings, strings};

const ALGORITHM: &str = "ssh-ed25519-cert-v01@openssh.com";
const TRUSTED: &str = "TrustedUserCAKeys /ca";

fn trusting(authority: &Authority) -> InMemory {
    let text = format!("# ours\n\n{}\n", key_text(authority.private.public()));
    InMemory { authorities: Some(text), ..InMemory::default() }
}

fn line(authority: &Authority, options: &str) -> InMemory {
    InMemory::keys(format!("{options} {} comment\n", key_text(authority.private.public())))
}

/// What refused a certificate; none if it was accepted. (Theirs logs the reason and goes on to the next list.)
fn refusal_of(effective: &Effective, credential: &Credential, lists: &InMemory) -> Option<CertificateRefusal> {
    let verdict = offer(effective, credential, ALGORITHM, lists);
    let reason = verdict.steps.iter().find_map(|step| match step {
        Step::Certificate(CertificateStep::Refused { reason, .. }) => Some(*reason),
        _ => None,
    });
    assert_eq!(verdict.is_allowed(), reason.is_none(), "{:?}", verdict.steps);
    assert!(verdict.is_allowed() || verdict.outcome == Err(Refusal::KeyNotListed));
    reason
}

/// What a login with a certificate may do.
fn granted(effective: &Effective, authority: &Authority, parts: &CertificateParts, lists: &InMemory) -> Grants {
    let verdict = offer(effective, &authority.credential(parts), ALGORITHM, lists);
    let allowed = verdict.outcome.unwrap_or_else(|refusal| panic!("{refusal:?} {:?}", verdict.steps));
    let signature = authority.login.sign("ssh-ed25519", b"request").unwrap();
    let proven = authority.login.public().verify("ssh-ed25519", b"request", &signature).unwrap();
    let signed = public_key_signed(effective, &alice(), &connection(), &allowed, &proven);
    grants(effective, &signed.outcome.unwrap())
}

fn with(change: impl FnOnce(&mut CertificateParts)) -> CertificateParts {
    let mut parts = CertificateParts::for_alice();
    change(&mut parts);
    parts
}

#[test]
fn each_rule_by_a_trusted_authority_and_by_a_line() {
    use CertificateRefusal::*;
    let noon = u64::try_from(NOON).unwrap();
    let authority = Authority::new();
    let names = |names: &[&str]| with(|parts| parts.principals = names.iter().map(|name| (*name).to_owned()).collect());
    for (parts, expected) in [
        (CertificateParts::for_alice(), None),
        (names(&["bob", "alice"]), None),
        (names(&["bob"]), Some(NotAPrincipal)),
        (names(&["alice,bob"]), Some(NotAPrincipal)),
        (names(&["Alice"]), Some(NotAPrincipal)),
        (names(&["*"]), Some(NotAPrincipal)),
        (names(&[""]), Some(NotAPrincipal)),
        (names(&[]), Some(NoPrincipals)),
        (with(|parts| parts.valid_after = noon), None),
        (with(|parts| parts.valid_after = noon + 1), Some(NotYetValid)),
        (with(|parts| parts.valid_before = noon + 1), None),
        (with(|parts| parts.valid_before = noon), Some(Expired)),
        (with(|parts| (parts.valid_after, parts.valid_before) = (0, u64::MAX)), None),
        (with(|parts| (parts.valid_after, parts.valid_before) = (u64::MAX, u64::MAX)), Some(NotYetValid)),
        (CertificateParts::for_alice().critical("force-command", "date"), None),
        (CertificateParts::for_alice().critical("verify-required", ""), None),
        (CertificateParts::for_alice().critical("frobnicate@example.org", ""), Some(InvalidOptions)),
        (CertificateParts::for_alice().critical("permit-pty", ""), Some(InvalidOptions)),
        (
            CertificateParts::for_alice().critical("force-command", "a").critical("force-command", "b"),
            Some(InvalidOptions),
        ),
        (CertificateParts::for_alice().critical("source-address", "192.0.2.0/24"), None),
        (CertificateParts::for_alice().critical("source-address", "10.0.0.0/8,192.0.2.7"), None),
        (CertificateParts::for_alice().critical("source-address", "10.0.0.0/8"), Some(RefusedByOptions)),
        (CertificateParts::for_alice().critical("source-address", "2001:db8::/32"), Some(RefusedByOptions)),
        (CertificateParts::for_alice().critical("source-address", "*"), Some(InvalidOptions)),
        (CertificateParts::for_alice().critical("source-address", "!10.0.0.1,192.0.2.0/24"), Some(InvalidOptions)),
        (CertificateParts::for_alice().critical("source-address", "192.0.2.7/24"), Some(InvalidOptions)),
        (CertificateParts::for_alice().critical("source-address", "host.example.org"), Some(InvalidOptions)),
        (with(|parts| parts.extensions.push("login@example.org".to_owned())), None),
        (with(|parts| parts.extensions.clear()), None),
    ] {
        let credential = authority.credential(&parts);
        let by_trust = refusal_of(&settings(&[TRUSTED]), &credential, &trusting(&authority));
        assert_eq!(by_trust, expected, "{parts:?}");
        let by_line = refusal_of(&settings(&[]), &credential, &line(&authority, "cert-authority"));
        assert_eq!(by_line, expected, "{parts:?}");
    }
    // A host's certificate has no options that could be read as a user's.
    let host = authority.credential(&with(|parts| parts.kind = 2));
    assert_eq!(refusal_of(&settings(&[TRUSTED]), &host, &trusting(&authority)), Some(NotForUsers));
    assert_eq!(refusal_of(&settings(&[]), &host, &line(&authority, "cert-authority")), Some(InvalidOptions));
}

#[test]
fn only_an_authority_that_somebody_trusts() {
    let (authority, other) = (Authority::new(), Authority::new());
    let credential = authority.credential(&CertificateParts::for_alice());
    let ask = |lines: &[&str], lists: &InMemory| offer(&settings(lines), &credential, ALGORITHM, lists).is_allowed();
    assert!(ask(&[TRUSTED], &trusting(&authority)));
    assert!(!ask(&[TRUSTED], &trusting(&other)));
    assert!(!ask(&[], &trusting(&authority)), "TrustedUserCAKeys is not set");
    assert!(!ask(&[TRUSTED], &InMemory::default()), "the file cannot be read");
    assert!(!ask(&[], &line(&authority, "")), "a line without cert-authority is for the key itself");
    assert!(!ask(&[], &line(&other, "cert-authority")));
    // Its own key among those that may log in is no authority, and the certified key's line is not for certificates.
    assert!(!ask(&[], &InMemory::keys(key_text(authority.login.public()))));
    // What stands in front of a key would mean something elsewhere.
    let options = format!("from=\"10.0.0.1\" {}\n", key_text(authority.private.public()));
    assert!(!ask(&[TRUSTED], &InMemory { authorities: Some(options), ..InMemory::default() }));
    // Any line may be the one, behind others that cannot be used too.
    let mixed = format!("nonsense\n{}\n{}\n", key_text(other.private.public()), key_text(authority.private.public()));
    assert!(ask(&[TRUSTED], &InMemory { authorities: Some(mixed), ..InMemory::default() }));
    // The program that prints keys is asked last.
    let printed = line(&authority, "cert-authority").key_files.remove(0);
    let lists = InMemory { printed_keys: Some(file("/program", printed.text)), ..trusting(&other) };
    assert!(ask(&[TRUSTED], &lists));
    assert_eq!(lists.asked.take(), ["/ca", "/program"]);
}

#[test]
fn principals_of_a_line() {
    use CertificateRefusal::*;
    let authority = Authority::new();
    let names = |names: &[&str]| with(|parts| parts.principals = names.iter().map(|name| (*name).to_owned()).collect());
    for (options, principals, expected) in [
        ("principals=\"web,db\"", &["db"][..], None),
        ("principals=\"web,db\"", &["alice"], Some(NoAuthorizedPrincipal)),
        ("principals=\"web,db\"", &["web,db"], Some(NoAuthorizedPrincipal)),
        ("principals=\"web,db\"", &["we"], Some(NoAuthorizedPrincipal)),
        ("principals=\"web,db\"", &[], Some(NoAuthorizedPrincipal)),
        ("principals=\"\"", &["alice"], Some(NoAuthorizedPrincipal)),
        ("principals=\"\"", &[""], Some(NoAuthorizedPrincipal)),
        ("principals=\",web\"", &["web"], Some(NoAuthorizedPrincipal)),
        ("principals=\"web*\"", &["web1"], Some(NoAuthorizedPrincipal)),
    ] {
        let credential = authority.credential(&names(principals));
        let lists = line(&authority, &format!("cert-authority,{options}"));
        assert_eq!(refusal_of(&settings(&[]), &credential, &lists), expected, "{options} {principals:?}");
    }
}

#[test]
fn principals_of_files_and_programs() {
    use CertificateRefusal::*;
    let authority = Authority::new();
    let names = |names: &[&str]| with(|parts| parts.principals = names.iter().map(|name| (*name).to_owned()).collect());
    let effective = settings(&[TRUSTED, "AuthorizedPrincipalsFile /p/%u"]);
    let refused = |text: &str, principals: &[&str]| {
        let lists = InMemory { principals: vec![file("/p/alice", text)], ..trusting(&authority) };
        refusal_of(&effective, &authority.credential(&names(principals)), &lists)
    };
    assert_eq!(refused("web\n", &["web"]), None);
    assert_eq!(refused("# nobody\n\nweb # this one\n", &["x", "web"]), None);
    assert_eq!(refused("web\n", &["alice"]), Some(NoAuthorizedPrincipal), "the user's own name is not enough");
    assert_eq!(refused("", &["alice"]), Some(NoAuthorizedPrincipal));
    assert_eq!(refused("web,db\n", &["web"]), Some(NoAuthorizedPrincipal));
    assert_eq!(refused("web,db\n", &["web,db"]), None, "one name");
    assert_eq!(refused("web*\n", &["web1"]), Some(NoAuthorizedPrincipal));
    assert_eq!(refused("from=\"192.0.2.7\" web\n", &["web"]), None);
    assert_eq!(refused("from=\"10.0.0.1\" web\n", &["web"]), Some(RefusedByPrincipalsOptions));
    // The first line of a name counts, also when it refuses.
    assert_eq!(refused("from=\"10.0.0.1\" web\nweb\n", &["web"]), Some(RefusedByPrincipalsOptions));
    assert_eq!(refused("expiry-time=\"20200101\" web\n", &["web"]), Some(RefusedByPrincipalsOptions));
    assert_eq!(refused("cert-authority web\n", &["web"]), Some(RefusedByPrincipalsOptions));
    assert_eq!(refused("principals=\"web\" web\n", &["web"]), Some(RefusedByPrincipalsOptions));
    assert_eq!(refused("frobnicate web\nweb\n", &["web"]), None, "a line that cannot be used is none");
    // Without a list of its own the name counts, and neither file nor program is asked.
    let lists = InMemory { principals: vec![file("/p/alice", "web\n")], ..trusting(&authority) };
    let credential = authority.credential(&names(&["web"]));
    assert_eq!(refusal_of(&settings(&[TRUSTED]), &credential, &lists), Some(NotAPrincipal));
    assert_eq!(lists.asked.take(), ["/ca"]);
    // The program is asked when the file has no answer; one of the two is enough.
    let both = InMemory { principals: vec![file("/p", "x\n"), file("(command)", "web\n")], ..trusting(&authority) };
    assert_eq!(refusal_of(&effective, &credential, &both), None);
    let command = settings(&[TRUSTED, "AuthorizedPrincipalsCommand /bin/x"]);
    assert_eq!(refusal_of(&command, &credential, &InMemory { ..trusting(&authority) }), Some(NoAuthorizedPrincipal));
}

#[test]
fn options_of_both_hold() {
    let open = ["X11Forwarding yes", "PermitTunnel yes", "AuthorizedPrincipalsFile /p"];
    let authority = Authority::new();
    let effective = settings(&open);
    let by_line = |parts: &CertificateParts, options: &str| {
        granted(&effective, &authority, parts, &line(&authority, &format!("cert-authority{options}")))
    };
    let all = by_line(&CertificateParts::for_alice(), "");
    assert!(all.terminal && all.user_rc && all.agent_forwarding && all.x11_forwarding && all.tcp_forwarding.local);
    for (name, has) in [
        ("permit-pty", (|grants: &Grants| grants.terminal) as fn(&Grants) -> bool),
        ("permit-user-rc", |grants| grants.user_rc),
        ("permit-agent-forwarding", |grants| grants.agent_forwarding),
        ("permit-X11-forwarding", |grants| grants.x11_forwarding),
        ("permit-port-forwarding", |grants| grants.tcp_forwarding.local || grants.stream_local_forwarding.remote),
    ] {
        let without = with(|parts| parts.extensions.retain(|extension| extension != name));
        let narrowed = by_line(&without, "");
        assert!(has(&all) && !has(&narrowed), "{name}");
        assert!(!has(&by_line(&CertificateParts::for_alice(), ",restrict")), "{name}");
        assert!(!has(&by_line(&without, ",restrict,pty,user-rc,agent-forwarding,X11-forwarding,port-forwarding")));
    }
    let forced = CertificateParts::for_alice().critical("force-command", "date");
    assert_eq!(by_line(&forced, "").forced_command.unwrap().command, "date");
    assert_eq!(by_line(&forced, ",command=\"date\"").forced_command.unwrap().command, "date");
    let lists = line(&authority, "cert-authority,command=\"uptime\"");
    let refused = refusal_of(&effective, &authority.credential(&forced), &lists);
    assert_eq!(refused, Some(CertificateRefusal::ForcedCommandsDiffer));

    let trusted = settings(&[TRUSTED, open[0], open[1], open[2]]);
    let by_principal = |text: &str| InMemory { principals: vec![file("/p", text)], ..trusting(&authority) };
    let narrowed = granted(&trusted, &authority, &forced, &by_principal("no-pty,permitopen=\"a:1\" alice\n"));
    assert!(!narrowed.terminal && narrowed.user_rc && narrowed.may_open("a", 1) && !narrowed.may_open("b", 1));
    assert_eq!(narrowed.forced_command.unwrap().command, "date");
    let differs = refusal_of(&trusted, &authority.credential(&forced), &by_principal("command=\"uptime\" alice\n"));
    assert_eq!(differs, Some(CertificateRefusal::ForcedCommandsDiffer));
    // ForceCommand of the settings beats both.
    let configured = settings(&[TRUSTED, "ForceCommand id"]);
    assert_eq!(granted(&configured, &authority, &forced, &trusting(&authority)).forced_command.unwrap().command, "id");
}

#[test]
fn the_algorithm_of_the_authority_is_asked_before_its_key() {
    let authority = Authority::new();
    let whole = authority.certify_key(authority.login.public(), &CertificateParts::for_alice());
    let ask =
        |lines: &[&str], algorithm: &str, blob: &[u8]| offered_credential(&settings(lines), algorithm, blob).outcome;
    assert!(ask(&[], ALGORITHM, &whole).is_ok());
    let refused = ask(&["CASignatureAlgorithms rsa-sha2-512"], ALGORITHM, &whole).unwrap_err();
    let text = "certificate signature algorithm ssh-ed25519: signature algorithm not supported";
    assert_eq!(refused.to_string(), text);
    // The same certificate under a configuration that changed meanwhile.
    let credential = authority.credential(&CertificateParts::for_alice());
    let verdict = offer(
        &settings(&[TRUSTED, "CASignatureAlgorithms rsa-sha2-512"]),
        &credential,
        ALGORITHM,
        &trusting(&authority),
    );
    assert!(matches!(verdict.outcome, Err(Refusal::AuthorityAlgorithmNotAccepted { .. })));
    // Nothing is parsed as what it is not announced as.
    assert!(matches!(ask(&[], "ssh-ed25519", &whole), Err(Refusal::NoKey { .. })));
    assert!(matches!(ask(&[], ALGORITHM, authority.login.public().blob()), Err(Refusal::NoKey { .. })));
    let other = offer(&settings(&[TRUSTED]), &credential, "ssh-ed25519", &trusting(&authority)).outcome;
    assert!(matches!(other, Err(Refusal::AlgorithmOfAnotherType { .. })));
    let accepted = ["PubkeyAcceptedAlgorithms ssh-ed25519"];
    assert!(matches!(ask(&accepted, ALGORITHM, &whole), Err(Refusal::AlgorithmNotAccepted { .. })));
}

#[test]
fn rsa_sizes_of_key_and_authority() {
    let key = |bits: usize| {
        let mut modulus = vec![0xff; bits / 8];
        modulus.insert(0, 0);
        keys::PublicKey::parse(&strings(&[b"ssh-rsa", &[1, 0, 1], &modulus])).unwrap()
    };
    let authority = Authority::new();
    for (bits, let_in) in [(2048, true), (1024, false)] {
        let whole = authority.certify_key(&key(bits), &CertificateParts::for_alice());
        let algorithm = "rsa-sha2-512-cert-v01@openssh.com";
        let effective = settings(&[TRUSTED, "RequiredRSASize 2048"]);
        let credential = offered_credential(&effective, algorithm, &whole).outcome.unwrap();
        let verdict = offer(&effective, &credential, algorithm, &trusting(&authority));
        assert_eq!(verdict.is_allowed(), let_in, "{:?}", verdict.outcome);
    }
}

#[test]
fn a_certificate_is_no_second_key() {
    let authority = Authority::new();
    let credential = authority.credential(&CertificateParts::for_alice());
    let used = [authority.login.public().clone()];
    let offer = KeyOffer { credential: &credential, algorithm: ALGORITHM, used_before: &used };
    let verdict = public_key(&settings(&[TRUSTED]), &alice(), &connection(), now(), offer, &trusting(&authority));
    assert_eq!(verdict.outcome.unwrap_err().to_string(), "refusing previously-used ED25519-CERT key");
}

#[test]
fn revoked_by_key_by_authority_and_by_number() {
    let authority = Authority::new();
    let credential = authority.credential(&with(|parts| parts.serial = 5));
    let revoked = |text: Vec<u8>| {
        let files = [("/revoked".to_owned(), Ok(text))];
        not_revoked(&settings(&[]), &credential, files).outcome.err()
    };
    assert_eq!(revoked(key_text(KeyLogin::of(alice()).key()).into_bytes()), None);
    for key in [authority.login.public(), authority.private.public()] {
        let refused = revoked(key_text(key).into_bytes()).unwrap().to_string();
        assert!(refused.starts_with("Authentication key ED25519-CERT SHA256:"), "{refused}");
        assert!(refused.ends_with(" revoked by file /revoked"), "{refused}");
    }
    let numbers = |serial: u64| {
        let section =
            [&strings(&[authority.private.public().blob(), b""])[..], &[0x20], &strings(&[&serial.to_be_bytes()])];
        let header = [b"SSHKRL\n\0\0\0\0\x01".to_vec(), vec![0; 24], strings(&[b"", b""]), vec![1]].concat();
        [header, strings(&[&section.concat()])].concat()
    };
    assert!(revoked(numbers(5)).is_some());
    assert_eq!(revoked(numbers(6)), None);
}

#[test]
fn forced_commands_only_counts_the_command_of_a_certificate() {
    let authority = Authority::new();
    let for_root = |parts: CertificateParts| CertificateParts { principals: vec!["root".to_owned()], ..parts };
    let effective = settings(&[TRUSTED, "PermitRootLogin forced-commands-only"]);
    for (parts, let_in) in [
        (CertificateParts::for_alice(), false),
        (CertificateParts::for_alice().critical("force-command", "date"), true),
    ] {
        let credential = authority.credential(&for_root(parts));
        let offer = KeyOffer { credential: &credential, algorithm: ALGORITHM, used_before: &[] };
        let query = public_key(&effective, &root(), &connection(), now(), offer, &trusting(&authority));
        let signature = authority.login.sign("ssh-ed25519", b"request").unwrap();
        let proven = authority.login.public().verify("ssh-ed25519", b"request", &signature).unwrap();
        let verdict = public_key_signed(&effective, &root(), &connection(), &query.outcome.unwrap(), &proven);
        assert_eq!(verdict.is_allowed(), let_in);
    }
}

#[test]
fn texts_are_theirs() {
    let authority = Authority::new();
    let parts = with(|parts| parts.serial = 7);
    let fingerprint = authority.private.public().fingerprint(keys::FingerprintHash::Sha256);
    let texts = |effective: &Effective, parts: &CertificateParts, lists: &InMemory| -> Vec<String> {
        let verdict = offer(effective, &authority.credential(parts), ALGORITHM, lists);
        verdict.steps.iter().map(ToString::to_string).collect()
    };
    let trusted = settings(&[TRUSTED]);
    let accepted = format!("Accepted certificate ID \"an id\" (serial 7) signed by ED25519 CA {fingerprint} via /ca");
    assert!(texts(&trusted, &parts, &trusting(&authority)).contains(&accepted));
    let by_line = texts(&settings(&[]), &parts, &line(&authority, "cert-authority"));
    let found =
        format!("Accepted certificate ID \"an id\" (serial 7) signed by CA ED25519 {fingerprint} found at /keys:1");
    assert!(by_line.contains(&found), "{by_line:?}");
    let expired = CertificateParts { valid_before: 1, valid_after: 0, ..parts };
    let refused = format!("Refusing certificate ID \"an id\" serial=7 signed by ED25519 CA {fingerprint}");
    let expected = format!("{refused}: Certificate invalid: expired");
    assert!(texts(&trusted, &expired, &trusting(&authority)).contains(&expected));
    let expected = format!("{refused} via /keys:1: Certificate invalid: expired");
    assert!(texts(&settings(&[]), &expired, &line(&authority, "cert-authority")).contains(&expected));
    let elsewhere = CertificateParts::for_alice().critical("source-address", "10.0.0.1");
    let expected = "cert: Authentication tried for alice with valid certificate but not from a permitted source \
                    address (192.0.2.7).";
    assert!(texts(&trusted, &elsewhere, &trusting(&authority)).iter().any(|text| text == expected));
    // Fingerprints as FingerprintHash says, where theirs asks it.
    let md5 = texts(&settings(&[TRUSTED, "FingerprintHash md5"]), &expired, &trusting(&authority));
    assert!(md5.iter().any(|text| text.contains("signed by ED25519 CA MD5:")), "{md5:?}");

    let says = "the certificate is for users, valid from 2026-11-22 11:59:00 UTC until before 2026-11-22 12:01:00 UTC, \
                for [\"alice\"]";
    assert!(texts(&trusted, &CertificateParts::for_alice(), &trusting(&authority)).iter().any(|text| text == says));

    let shown = policy::credential_in_attempts(&trusted, &authority.credential(&with(|parts| parts.serial = 7)));
    let key = authority.login.public().fingerprint(keys::FingerprintHash::Sha256);
    assert_eq!(shown, format!("ED25519-CERT {key} ID an id (serial 7) CA ED25519 {fingerprint}"));
}

#[test]
fn a_certificate_without_a_right_signature_is_never_looked_at() {
    let authority = Authority::new();
    let mut whole = authority.certify_key(authority.login.public(), &CertificateParts::for_alice());
    let last = whole.len() - 1;
    whole[last] ^= 1;
    let algorithms = settings(&[]).ca_signature_algorithms.clone();
    assert_eq!(Certificate::parse(&whole, &algorithms), Err(KeyError::SignatureIncorrect));
    assert!(matches!(offered_credential(&settings(&[]), ALGORITHM, &whole).outcome, Err(Refusal::NoKey { .. })));
}
