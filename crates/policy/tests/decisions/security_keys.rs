//! What FIDO authenticators must prove: settings and line each can only ask for more.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use keys::{Credential, PublicKey};
use policy::{Refusal, SignatureDemand, offered_credential, public_key_signed};

use crate::authority::{Authority, CertificateParts};
use crate::scene::{InMemory, alice, connection, key_text, offer, settings, strings};

const ALGORITHM: &str = "sk-ssh-ed25519@openssh.com";

fn sign(pair: &Ed25519KeyPair, flags: u8, message: &[u8]) -> Vec<u8> {
    let report = [&[flags][..], &7u32.to_be_bytes()].concat();
    let signed = [digest(&SHA256, b"ssh:").as_ref(), &report, digest(&SHA256, message).as_ref()].concat();
    [strings(&[ALGORITHM.as_bytes(), pair.sign(&signed).as_ref()]), report].concat()
}

#[test]
fn touch_and_verification() {
    let pair = Ed25519KeyPair::generate().unwrap();
    let blob = strings(&[ALGORITHM.as_bytes(), pair.public_key().as_ref(), b"ssh:"]);
    let key = PublicKey::parse(&blob).unwrap();
    for setting in ["none", "touch-required", "verify-required", "touch-required verify-required"] {
        let effective = settings(&[&format!("PubkeyAuthOptions {setting}")]);
        for options in ["", "no-touch-required", "verify-required", "no-touch-required,verify-required"] {
            let text = format!("{options} {}", key_text(&key));
            let query = offer(&effective, &Credential::Key(key.clone()), ALGORITHM, &InMemory::keys(text));
            let allowed = query.outcome.unwrap();
            let touch = setting.contains("touch") || !options.contains("no-touch");
            let verification = setting.contains("verify") || options.contains("verify");
            for flags in [0u8, 1, 4, 5] {
                let expected = if touch && flags & 1 == 0 {
                    Some(SignatureDemand::Presence)
                } else if verification && flags & 4 == 0 {
                    Some(SignatureDemand::UserVerification)
                } else {
                    None
                };
                let proven = key.verify(ALGORITHM, b"request", &sign(&pair, flags, b"request")).unwrap();
                let verdict = public_key_signed(&effective, &alice(), &connection(), &allowed, &proven);
                let demand = verdict.outcome.err().map(|refusal| match refusal {
                    Refusal::SignatureDemand { demand, .. } => demand,
                    other => panic!("{other:?}"),
                });
                assert_eq!(demand, expected, "{setting} | {options} | {flags}");
            }
        }
    }
}

/// A certificate, its extensions and its line: not being touched must be permitted by all of them, and every one of
/// them can demand verification.
#[test]
fn touch_and_verification_of_certificates() {
    let pair = Ed25519KeyPair::generate().unwrap();
    let key = PublicKey::parse(&strings(&[ALGORITHM.as_bytes(), pair.public_key().as_ref(), b"ssh:"])).unwrap();
    let authority = Authority::new();
    let certified = "sk-ssh-ed25519-cert-v01@openssh.com";
    for setting in ["none", "touch-required", "verify-required"] {
        let effective = settings(&[&format!("PubkeyAuthOptions {setting}")]);
        for options in ["", ",no-touch-required", ",verify-required"] {
            for untouched in [false, true] {
                for verify in [false, true] {
                    let mut parts = CertificateParts::for_alice();
                    parts.extensions.extend(untouched.then(|| "no-touch-required".to_owned()));
                    let parts = if verify { parts.critical("verify-required", "") } else { parts };
                    let blob = authority.certify_key(&key, &parts);
                    let credential = offered_credential(&effective, certified, &blob).outcome.unwrap();
                    let line = format!("cert-authority{options} {}", key_text(authority.private.public()));
                    let query = offer(&effective, &credential, certified, &InMemory::keys(line));
                    let allowed = query.outcome.unwrap();
                    let touch = setting == "touch-required" || !untouched || options != ",no-touch-required";
                    let verification = setting == "verify-required" || verify || options == ",verify-required";
                    for flags in [0u8, 1, 4, 5] {
                        let proven = key.verify(ALGORITHM, b"request", &sign(&pair, flags, b"request")).unwrap();
                        let verdict = public_key_signed(&effective, &alice(), &connection(), &allowed, &proven);
                        let missing = (touch && flags & 1 == 0) || (verification && flags & 4 == 0);
                        assert_eq!(verdict.is_allowed(), !missing, "{setting} {options} {parts:?} {flags}");
                    }
                }
            }
        }
    }
}

/// A browser signs for a certified key. What an authenticator signs by itself is another algorithm, and no answer to that.
#[test]
fn browsers_sign_for_certificates() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let name = "sk-ecdsa-sha2-nistp256@openssh.com";
    let key = PublicKey::parse(&strings(&[name.as_bytes(), b"nistp256", pair.public_key().as_ref(), b"ssh:"])).unwrap();
    let authority = Authority::new();
    let effective = settings(&[]);
    let certified = "webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com";
    let blob = authority.certify_key(&key, &CertificateParts::for_alice());
    let credential = offered_credential(&effective, certified, &blob).outcome.unwrap();
    let line = format!("cert-authority {}", key_text(authority.private.public()));
    let allowed = offer(&effective, &credential, certified, &InMemory::keys(line)).outcome.unwrap();

    let report = [&[1u8][..], &7u32.to_be_bytes()].concat();
    let signed_by = |message: &[u8]| {
        let signed = [digest(&SHA256, b"ssh:").as_ref(), &report, digest(&SHA256, message).as_ref()].concat();
        let fixed = pair.sign(&SystemRandom::new(), &signed).unwrap();
        let (r, s) = fixed.as_ref().split_at(32);
        strings(&[&mpint(r), &mpint(s)])
    };
    let origin = "https://example.org";
    let client_data = format!(r#"{{"type":"webauthn.get","challenge":"cmVxdWVzdA","origin":"{origin}"}}"#);
    let webauthn = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com";
    let in_browser = [
        strings(&[webauthn.as_bytes(), &signed_by(client_data.as_bytes())]),
        report.clone(),
        strings(&[origin.as_bytes(), client_data.as_bytes(), b""]),
    ];
    let proven = key.verify(webauthn, b"request", &in_browser.concat()).unwrap();
    let verdict = |proven| public_key_signed(&effective, &alice(), &connection(), &allowed, proven);
    assert!(verdict(&proven).is_allowed());
    let alone = [strings(&[name.as_bytes(), &signed_by(b"request")]), report.clone()].concat();
    let proven = key.verify(name, b"request", &alone).unwrap();
    assert_eq!(verdict(&proven).outcome, Err(Refusal::SignatureOfAnother));
}

/// The content of an mpint for a number in big-endian order.
fn mpint(number: &[u8]) -> Vec<u8> {
    let start = number.iter().position(|byte| *byte != 0).unwrap();
    let sign_byte = &[0][..usize::from(number[start] >= 0x80)];
    [sign_byte, &number[start..]].concat()
}
