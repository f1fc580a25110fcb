//! Texts that tools match: letter by letter as OpenSSH writes them, at its levels.

use policy::{ListRefusal, Refusal, SignatureDemand, Step, Weight};

use crate::scene::{KeyLogin, alice, settings};

fn user() -> String {
    "alice".to_owned()
}

#[test]
fn refusals() {
    let list = |because| Refusal::AccountList { user: user(), from: "192.0.2.7".to_owned(), because };
    let demand = |demand| Refusal::SignatureDemand {
        demand,
        key: "ED25519-SK SHA256:x".to_owned(),
        user: user(),
        address: "192.0.2.7".to_owned(),
        port: 5,
    };
    for (refusal, weight, text) in [
        (Refusal::AccountLocked { user: user() }, Weight::Info, "User alice not allowed because account is locked"),
        (
            Refusal::ShellMissing { user: user(), shell: "/bin/x".into() },
            Weight::Info,
            "User alice not allowed because shell /bin/x does not exist",
        ),
        (
            Refusal::ShellNotExecutable { user: user(), shell: "/bin/x".into() },
            Weight::Info,
            "User alice not allowed because shell /bin/x is not executable",
        ),
        (
            list(ListRefusal::DenyUsers),
            Weight::Info,
            "User alice from 192.0.2.7 not allowed because listed in DenyUsers",
        ),
        (
            list(ListRefusal::AllowUsers),
            Weight::Info,
            "User alice from 192.0.2.7 not allowed because not listed in AllowUsers",
        ),
        (list(ListRefusal::NoGroup), Weight::Info, "User alice from 192.0.2.7 not allowed because not in any group"),
        (
            list(ListRefusal::DenyGroups),
            Weight::Info,
            "User alice from 192.0.2.7 not allowed because a group is listed in DenyGroups",
        ),
        (
            list(ListRefusal::AllowGroups),
            Weight::Info,
            "User alice from 192.0.2.7 not allowed because none of user's groups are listed in AllowGroups",
        ),
        (
            Refusal::RootLogin { address: "192.0.2.7".to_owned(), port: 5 },
            Weight::Info,
            "ROOT LOGIN REFUSED FROM 192.0.2.7 port 5",
        ),
        (
            demand(SignatureDemand::Presence),
            Weight::Error,
            "public key ED25519-SK SHA256:x signature for alice from 192.0.2.7 port 5 rejected: user presence \
             (authenticator touch) requirement not met",
        ),
        (
            demand(SignatureDemand::UserVerification),
            Weight::Error,
            "public key ED25519-SK SHA256:x signature for alice from 192.0.2.7 port 5 rejected: user verification \
             requirement not met",
        ),
    ] {
        assert_eq!((refusal.to_string().as_str(), refusal.weight()), (text, weight));
        let step = Step::Refused(refusal);
        assert_eq!((step.to_string().as_str(), step.weight()), (text, weight));
    }
}

#[test]
fn a_key_login_tells_its_story() {
    let login = KeyLogin::of(alice());
    let file = format!("# mine\nbroken\n{}{}", login.line("from=\"10.0.0.0/8\""), login.line("restrict"));
    let (_, steps) = login.try_file(&settings(&[]), &file);
    let fingerprint = login.key().fingerprint(keys::FingerprintHash::Sha256);
    let told: Vec<String> = steps
        .iter()
        .filter(|step| step.weight() < Weight::Debug)
        .map(|step| format!("{:?} {step}", step.weight()))
        .collect();
    assert_eq!(
        told,
        [
            "Info /keys:3: Authentication tried for alice with correct key but not from a permitted host \
             (host=192.0.2.7, ip=192.0.2.7, required=10.0.0.0/8)."
                .to_owned(),
            "Error Refused by key options at /keys:3".to_owned(),
            format!("Verbose Accepted key ED25519 {fingerprint} found at /keys:4"),
        ]
    );
    let all: Vec<String> = steps.iter().map(ToString::to_string).collect();
    assert!(all.contains(&"/keys:2: no key found".to_owned()), "{all:?}");
}
