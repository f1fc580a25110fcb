//! Host-based logins: which host may vouch for whom, decided on files that exist in these tests only.

use std::collections::HashMap;

use keys::Credential;
use policy::{
    AccountFacts, ConnectionFacts, HostAllowed, HostOffer, HostbasedRefusal, NetgroupMember, PathFacts, PathKind,
    Refusal, Step, TrustFile, TrustOwner, TrustSources, TrustText, Verdict, host_algorithm_accepted, hostbased,
    hostbased_signed,
};
use settings::Effective;
use settings::paths::SYSCONFDIR;

use crate::authority::{Authority, CertificateParts};
use crate::scene::{KeyLogin, NOON, alice, connection, ecdsa_key, key_text, root, settings};

const HOST: &str = "pc.example.org";
const ON: &str = "HostbasedAuthentication yes";
const NOW: u64 = NOON as u64;

/// Files, a home directory and a netgroup.
struct World {
    login: KeyLogin,
    files: HashMap<String, (String, u32, u32)>,
    home: Option<(u32, u32)>,
    account: AccountFacts,
    connection: ConnectionFacts,
}

impl World {
    /// Alice is trusted on [`HOST`], whose key is known.
    fn where_all_is_well() -> Self {
        let connection = ConnectionFacts { host_name: Some(HOST.to_owned()), ..connection() };
        let mut world = Self {
            login: KeyLogin::of(alice()),
            files: HashMap::new(),
            home: Some((1000, 0o755)),
            account: alice(),
            connection,
        };
        world.write("@/shosts.equiv", HOST);
        world.write("@/ssh_known_hosts", &world.known(HOST));
        world
    }

    /// `@` stands for the directory of the server's own files.
    fn write(&mut self, path: &str, text: &str) {
        self.files.insert(path.replace('@', SYSCONFDIR), (text.to_owned(), 0, 0o644));
    }

    fn remove(&mut self, path: &str) {
        self.files.remove(&path.replace('@', SYSCONFDIR));
    }

    fn mode(&mut self, path: &str, uid: u32, mode: u32) {
        let file = self.files.get_mut(path).unwrap();
        (file.1, file.2) = (uid, mode);
    }

    /// A line of known_hosts with the host's key.
    fn known(&self, hosts: &str) -> String {
        format!("{hosts} {}\n", key_text(self.login.key()))
    }

    fn asked(&self, effective: &Effective, client_host: &str, client_user: &str) -> Verdict<HostAllowed> {
        let credential = &Credential::Key(self.login.key().clone());
        let offer = HostOffer { credential, algorithm: "ssh-ed25519", client_host, client_user, used_before: &[] };
        hostbased(effective, &self.account, &self.connection, NOW, offer, self)
    }

    /// With these settings and nothing unusual.
    fn lets_in(&self, lines: &[&str]) -> bool {
        self.asked(&settings(lines), HOST, "alice").is_allowed()
    }

    fn refusal(&self, lines: &[&str]) -> Refusal {
        self.asked(&settings(lines), HOST, "alice").outcome.unwrap_err()
    }

    fn trusts(&mut self, line: &str, client_user: &str) -> bool {
        self.write("@/shosts.equiv", line);
        self.asked(&settings(&[ON]), HOST, client_user).is_allowed()
    }
}

impl TrustSources for World {
    fn read(&self, file: &TrustFile) -> Option<TrustText> {
        let is_below_home = file.path.starts_with(&self.account.home);
        assert_eq!(file.owner == TrustOwner::Account, is_below_home, "{file:?}");
        let (text, uid, mode) = self.files.get(file.path.to_str().unwrap())?;
        let facts = PathFacts { path: file.path.clone(), kind: PathKind::File, uid: *uid, mode: *mode };
        Some(TrustText { facts, text: text.clone().into_bytes() })
    }

    fn home(&self) -> Option<PathFacts> {
        let (uid, mode) = self.home?;
        Some(PathFacts { path: self.account.home.clone(), kind: PathKind::Directory, uid, mode })
    }

    fn netgroup_has(&self, netgroup: &str, member: NetgroupMember<'_>) -> bool {
        match member {
            NetgroupMember::Host(host) => netgroup == "hosts" && (host == HOST || host == "192.0.2.8"),
            NetgroupMember::User(user) => netgroup == "users" && user == "alice",
        }
    }
}

fn not_trusted() -> Refusal {
    let (user, host, address) = ("alice".to_owned(), HOST.to_owned(), "192.0.2.7".to_owned());
    HostbasedRefusal::NotTrusted { user, host, address }.into()
}

fn key_not_known() -> Refusal {
    HostbasedRefusal::KeyNotKnown { host: HOST.to_owned() }.into()
}

#[test]
fn a_trusted_host_with_a_known_key_vouches_for_its_users() {
    let world = World::where_all_is_well();
    let verdict = world.asked(&settings(&[ON]), HOST, "alice");
    let said: Vec<String> = verdict.steps.iter().map(Step::to_string).collect();
    assert!(verdict.is_allowed(), "{said:?}");
    assert!(said.contains(&format!("Accepted by {SYSCONFDIR}/shosts.equiv:1.")), "{said:?}");
    let fingerprint = world.login.key().fingerprint(keys::FingerprintHash::Sha256);
    assert!(said.contains(&format!("Accepted ED25519 public key {fingerprint} from alice@{HOST}")), "{said:?}");
    assert!(!world.lets_in(&[]), "it is off by default");
    assert!(!world.asked(&settings(&[ON]), HOST, "bob").is_allowed(), "bob there is not alice here");
}

#[test]
fn only_accepted_algorithms_are_looked_at() {
    let effective = settings(&[ON, "HostbasedAcceptedAlgorithms ecdsa-sha2-nistp256"]);
    assert!(host_algorithm_accepted(&effective, "ecdsa-sha2-nistp256").is_allowed());
    for algorithm in ["ssh-ed25519", "ecdsa-sha2-nistp384", "ssh-dss", "ECDSA-sha2-nistp256", ""] {
        assert!(!host_algorithm_accepted(&effective, algorithm).is_allowed(), "{algorithm}");
    }
    assert!(!host_algorithm_accepted(&settings(&[]), "ssh-ed25519").is_allowed());
}

#[test]
fn lines_name_hosts_and_users() {
    let mut world = World::where_all_is_well();
    for (line, trusted) in [
        ("pc.example.org", true),
        ("PC.Example.Org alice", true),
        ("  \tpc.example.org\talice \r", true),
        ("192.0.2.7", true),
        ("+pc.example.org +alice", true),
        ("other.example.org\npc.example.org", true),
        ("# comment\n\nNO_PLUS\npc.example.org", true),
        ("pc.example.org bob", false),
        ("pc.example.org ALICE", false),
        ("example.org", false),
        ("*.example.org", false),
        ("#pc.example.org", false),
        ("", false),
        // Once these let everybody in.
        ("+", false),
        ("+ +", false),
        ("+ alice", false),
        ("pc.example.org +", false),
        ("- alice", false),
        // Refused before it is trusted.
        ("-pc.example.org\npc.example.org", false),
        ("pc.example.org -alice\npc.example.org", false),
        ("pc.example.org\n-pc.example.org", true),
        // Not what anybody meant.
        ("pc.example.org alice # comment", false),
        ("+@hosts", true),
        ("@hosts @users", true),
        ("-@hosts\npc.example.org", false),
        ("@hosts -@users\npc.example.org", false),
        ("@users", false),
        ("@none\npc.example.org", true),
    ] {
        assert_eq!(world.trusts(line, "alice"), trusted, "{line:?}");
    }
    assert!(!world.trusts("@hosts @users", "bob"));
    assert!(world.trusts("pc.example.org bob", "bob"), "the client's user need not have the account's name");
}

#[test]
fn the_end_of_a_long_line_is_no_line() {
    let mut world = World::where_all_is_well();
    for padding in [1000, 1020, 1022, 1023, 1024, 2046, 5000] {
        let line = format!("#{}{HOST}", " ".repeat(padding));
        assert!(!world.trusts(&line, "alice"), "{padding}");
        let line = format!("{}{HOST}", " ".repeat(padding));
        assert_eq!(world.trusts(&line, "alice"), line.len() <= 1022, "{padding}");
    }
}

#[test]
fn a_refusal_in_one_file_is_none_in_the_next() {
    let mut world = World::where_all_is_well();
    world.write("/etc/hosts.equiv", &format!("-{HOST}"));
    assert!(world.lets_in(&[ON]));
    world.write("@/shosts.equiv", &format!("-{HOST}"));
    assert_eq!(world.refusal(&[ON]), not_trusted());
}

#[test]
fn root_comes_in_by_its_own_files_alone() {
    let mut world = World::where_all_is_well();
    world.account = root();
    world.home = Some((0, 0o700));
    world.write("@/shosts.equiv", &format!("{HOST} alice"));
    assert!(!world.lets_in(&[ON, "IgnoreRhosts no"]));
    world.write("/root/.shosts", &format!("{HOST} alice"));
    assert!(world.lets_in(&[ON, "IgnoreRhosts no"]));
}

#[test]
fn the_accounts_own_files_count_as_ignore_rhosts_says() {
    for (file, no, shosts_only) in [("/home/alice/.shosts", true, true), ("/home/alice/.rhosts", true, false)] {
        let mut world = World::where_all_is_well();
        world.remove("@/shosts.equiv");
        world.write(file, HOST);
        assert!(!world.lets_in(&[ON]), "the default is to ignore them");
        assert!(!world.lets_in(&[ON, "IgnoreRhosts yes"]));
        assert_eq!(world.lets_in(&[ON, "IgnoreRhosts no"]), no, "{file}");
        assert_eq!(world.lets_in(&[ON, "IgnoreRhosts shosts-only"]), shosts_only, "{file}");
    }
}

#[test]
fn files_that_others_could_have_written_are_not_believed() {
    let mut world = World::where_all_is_well();
    world.remove("@/shosts.equiv");
    world.write("/home/alice/.shosts", HOST);
    let on = [ON, "IgnoreRhosts no"];
    for (uid, mode, sound) in
        [(1000, 0o644, true), (0, 0o600, true), (1001, 0o644, false), (1000, 0o664, false), (1000, 0o646, false)]
    {
        world.mode("/home/alice/.shosts", uid, mode);
        assert_eq!(world.lets_in(&on), sound, "{uid} {mode:o}");
        assert!(world.lets_in(&[ON, "IgnoreRhosts no", "StrictModes no"]));
    }
    world.mode("/home/alice/.shosts", 1000, 0o644);
    for (home, sound) in [((1000, 0o755), true), ((1001, 0o755), false), ((1000, 0o775), false), ((1000, 0o757), false)]
    {
        world.home = Some(home);
        assert_eq!(world.lets_in(&on), sound, "{home:?}");
    }
    let refusal = world.refusal(&on).to_string();
    assert_eq!(refusal, "Rhosts authentication refused for alice: bad ownership or modes for home directory.");
    world.home = None;
    let refusal = world.refusal(&on).to_string();
    assert_eq!(refusal, "Rhosts authentication refused for alice: no home directory /home/alice");
}

#[test]
fn the_key_must_be_the_hosts() {
    let other = key_text(&ecdsa_key());
    let hashed = "|1|OlRQCP+ilMA2U/e+su0LKOJjysg=|wrWRoyEdDiYqCubcujKRkUcSI6M=";
    for (line, known) in [
        ("pc.example.org", true),
        ("PC.example.org", true),
        ("*.example.org", true),
        ("other,pc.example.???", true),
        (hashed, true),
        ("*", true),
        ("*.example.org,!pc.example.org", false),
        ("!pc.example.org,*", false),
        ("other.example.org", false),
        // Clients write ports; hosts that vouch have none.
        ("[pc.example.org]:22", false),
        ("192.0.2.7", false),
        ("|1|OlRQCP+ilMA2U/e+su0LKOJjysg=|OlRQCP+ilMA2U/e+su0LKOJjysg=", false),
        ("@cert-authority pc.example.org", false),
        ("@owner pc.example.org", false),
    ] {
        let mut world = World::where_all_is_well();
        world.write("@/ssh_known_hosts", &format!("{HOST} {other}\n{}", world.known(line)));
        assert_eq!(world.lets_in(&[ON]), known, "{line}");
        if !known {
            assert_eq!(world.refusal(&[ON]), key_not_known());
        }
    }
}

#[test]
fn a_revoked_key_is_out_wherever_it_is_revoked() {
    for file in ["@/ssh_known_hosts", "/home/alice/.ssh/known_hosts"] {
        for pattern in ["pc.example.org", "*"] {
            let mut world = World::where_all_is_well();
            let revoked = world.known(&format!("@revoked {pattern}"));
            let text = format!("{}{revoked}", world.known(HOST));
            world.write(file, &text);
            let refusal = world.refusal(&[ON]);
            assert_eq!(refusal.to_string(), format!("WARNING: revoked key for {HOST} attempted authentication"));
        }
    }
    let mut world = World::where_all_is_well();
    let text = format!("{}{}", world.known("@revoked other.example.org"), world.known(HOST));
    world.write("@/ssh_known_hosts", &text);
    assert!(world.lets_in(&[ON]), "revoked for another host");
}

#[test]
fn the_accounts_known_hosts_count_unless_they_are_ignored_or_unsound() {
    let mut world = World::where_all_is_well();
    world.remove("@/ssh_known_hosts");
    let known = world.known(HOST);
    world.write("/home/alice/.ssh/known_hosts", &known);
    assert!(world.lets_in(&[ON]));
    assert!(!world.lets_in(&[ON, "IgnoreUserKnownHosts yes"]));
    world.mode("/home/alice/.ssh/known_hosts", 1000, 0o666);
    assert!(!world.lets_in(&[ON]));
    let steps = world.asked(&settings(&[ON]), HOST, "alice").steps;
    let told = "Authentication refused for alice: bad owner or modes for /home/alice/.ssh/known_hosts";
    assert!(steps.iter().any(|step| step.to_string() == told), "{steps:?}");
}

#[test]
fn the_second_generation_of_files_is_for_hosts_that_the_first_does_not_know() {
    let mut world = World::where_all_is_well();
    let known = world.known(HOST);
    world.write("@/ssh_known_hosts2", &known);
    world.remove("@/ssh_known_hosts");
    assert!(world.lets_in(&[ON]));
    world.write("@/ssh_known_hosts", &format!("{HOST} {}\n", key_text(&ecdsa_key())));
    assert!(!world.lets_in(&[ON]), "the first generation knows another key");
}

#[test]
fn what_the_client_calls_itself_counts_only_if_it_is_told_to() {
    let world = World::where_all_is_well();
    let verdict = world.asked(&settings(&[ON]), "elsewhere.", "alice");
    assert!(verdict.is_allowed(), "the name of its address is what counts");
    let told = "userauth_hostbased mismatch: client sends elsewhere, but we resolve 192.0.2.7 to pc.example.org";
    assert!(verdict.steps.iter().any(|step| step.to_string() == told), "{:?}", verdict.steps);

    let from_packet = settings(&[ON, "HostbasedUsesNameFromPacketOnly yes"]);
    for (sent, allowed) in
        [("pc.example.org.", true), ("PC.example.org", true), ("elsewhere", false), ("192.0.2.7", false)]
    {
        let verdict = world.asked(&from_packet, sent, "alice");
        assert_eq!(verdict.is_allowed(), allowed, "{sent}");
        assert!(!verdict.steps.iter().any(|step| step.to_string().contains("mismatch")), "{sent}");
    }
}

#[test]
fn without_a_name_the_address_is_the_name() {
    let mut world = World::where_all_is_well();
    world.connection.host_name = None;
    assert!(!world.lets_in(&[ON]), "what UseDNS does not look up, nobody knows");
    world.write("@/shosts.equiv", "192.0.2.7");
    assert!(!world.lets_in(&[ON]));
    let known = world.known("192.0.2.7");
    world.write("@/ssh_known_hosts", &known);
    assert!(world.lets_in(&[ON]));
}

#[test]
fn permit_root_login_holds_for_hosts_too() {
    let mut world = World::where_all_is_well();
    world.account = root();
    world.home = Some((0, 0o700));
    world.write("/root/.shosts", &format!("{HOST} alice"));
    for (setting, allowed) in
        [("yes", true), ("prohibit-password", true), ("forced-commands-only", false), ("no", false)]
    {
        let effective = settings(&[ON, "IgnoreRhosts no", &format!("PermitRootLogin {setting}")]);
        let trusted = world.asked(&effective, HOST, "alice").outcome.unwrap();
        let signed = hostbased_signed(&effective, &world.account, &world.connection, &trusted, &proof(&world.login));
        assert_eq!(signed.is_allowed(), allowed, "{setting}");
    }
}

/// As CVE-2006-5794 for users' keys.
#[test]
fn a_proof_of_one_host_is_none_of_another() {
    let world = World::where_all_is_well();
    let effective = settings(&[ON]);
    let trusted = world.asked(&effective, HOST, "alice").outcome.unwrap();
    let verdict = |proof| hostbased_signed(&effective, &alice(), &world.connection, &trusted, &proof).outcome;
    assert_eq!(verdict(proof(&KeyLogin::of(alice()))), Err(Refusal::SignatureOfAnother));
    assert!(verdict(proof(&world.login)).is_ok());
}

/// What a host's certificate comes to where an authority for `names` is known.
fn certified(authority: &Authority, names: &str, parts: &CertificateParts) -> Verdict<HostAllowed> {
    let mut world = World::where_all_is_well();
    let line = format!("@cert-authority {names} {}\n", key_text(authority.private.public()));
    world.write("@/ssh_known_hosts", &line);
    let credential = &authority.credential(parts);
    let algorithm = "ssh-ed25519-cert-v01@openssh.com";
    let offer = HostOffer { credential, algorithm, client_host: HOST, client_user: "alice", used_before: &[] };
    hostbased(&settings(&[ON]), &world.account, &world.connection, NOW, offer, &world)
}

fn for_host() -> CertificateParts {
    CertificateParts {
        kind: 2,
        principals: vec![HOST.to_owned()],
        extensions: Vec::new(),
        ..CertificateParts::for_alice()
    }
}

#[test]
fn an_authority_certifies_hosts() {
    let authority = Authority::new();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    for (parts, objection) in [
        (for_host(), None),
        (CertificateParts { principals: names(&["other", "*.example.org"]), ..for_host() }, None),
        (CertificateParts { kind: 1, ..for_host() }, Some("Certificate invalid: not a host certificate")),
        (CertificateParts { valid_after: NOW + 1, ..for_host() }, Some("Certificate invalid: not yet valid")),
        (CertificateParts { valid_before: NOW, ..for_host() }, Some("Certificate invalid: expired")),
        (CertificateParts { principals: Vec::new(), ..for_host() }, Some("Certificate lacks principal list")),
        (
            CertificateParts { principals: names(&["other.example.org"]), ..for_host() },
            Some("Certificate invalid: name is not a listed principal"),
        ),
        (
            CertificateParts { principals: names(&["pc.example.org,other"]), ..for_host() },
            Some("Certificate invalid: name is not a listed principal"),
        ),
        (for_host().critical("any", "thing"), Some("Certificate contains unsupported critical options")),
    ] {
        let refusal = certified(&authority, HOST, &parts).outcome.err().map(|refusal| refusal.to_string());
        assert_eq!(refusal.is_some(), objection.is_some(), "{parts:?}: {refusal:?}");
        if let (Some(refusal), Some(objection)) = (refusal, objection) {
            assert!(refusal.starts_with("Refusing certificate ID \"an id\" serial=0 signed by ED25519 CA SHA256:"));
            assert!(refusal.ends_with(objection), "{refusal}");
        }
    }
    let steps = certified(&authority, "*.example.org", &for_host()).steps;
    let told =
        |step: &Step| step.to_string().starts_with("Accepted certificate ID \"an id\" signed by ED25519 CA SHA256:");
    assert!(steps.iter().any(told), "{steps:?}");
    assert!(!certified(&authority, "*.example.com", &for_host()).is_allowed(), "an authority for other hosts");
}

#[test]
fn an_authority_is_no_host_and_a_host_no_authority() {
    let authority = Authority::new();
    let algorithm = "ssh-ed25519-cert-v01@openssh.com";
    let credential = &authority.credential(&for_host());
    let offer = HostOffer { credential, algorithm, client_host: HOST, client_user: "alice", used_before: &[] };
    for (marker, allowed) in [("@cert-authority ", true), ("", false)] {
        let mut world = World::where_all_is_well();
        let line = format!("{marker}{HOST} {}\n", key_text(authority.private.public()));
        world.write("@/ssh_known_hosts", &line);
        let verdict = hostbased(&settings(&[ON]), &alice(), &world.connection, NOW, offer, &world);
        assert_eq!(verdict.is_allowed(), allowed, "{marker}");
        for revoked in [authority.private.public(), authority.login.public()] {
            world.write("@/ssh_known_hosts", &format!("{line}@revoked * {}\n", key_text(revoked)));
            let verdict = hostbased(&settings(&[ON]), &alice(), &world.connection, NOW, offer, &world);
            assert_eq!(verdict.outcome, Err(HostbasedRefusal::KeyRevoked { host: HOST.to_owned() }.into()));
        }
    }
}

#[test]
fn a_key_that_was_used_before_proves_nothing_new() {
    let world = World::where_all_is_well();
    let key = world.login.key();
    let used_before = [key.clone()];
    let offer = HostOffer {
        credential: &Credential::Key(key.clone()),
        algorithm: "ssh-ed25519",
        client_host: HOST,
        client_user: "alice",
        used_before: &used_before,
    };
    let verdict = hostbased(&settings(&[ON]), &alice(), &world.connection, NOW, offer, &world);
    assert!(matches!(verdict.outcome, Err(Refusal::KeyAlreadyUsed { .. })));
}

fn proof(login: &KeyLogin) -> keys::SignatureProven {
    let signature = login.private.sign("ssh-ed25519", b"request").unwrap();
    login.key().verify("ssh-ed25519", b"request", &signature).unwrap()
}
