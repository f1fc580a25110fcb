//! What FIDO authenticators must prove: settings and line each can only ask for more.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use keys::PublicKey;
use policy::{KeyFile, KeyOffer, Refusal, SignatureDemand, public_key, public_key_signed};

use crate::scene::{alice, connection, key_text, now, settings, strings};

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
            let file = [KeyFile { name: "/keys".to_owned(), text: text.into_bytes() }];
            let offer = KeyOffer { key: &key, algorithm: ALGORITHM, used_before: &[] };
            let query = public_key(&effective, &alice(), &connection(), now(), offer, file);
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
