//! Which signature algorithm goes with which key, and what a FIDO authenticator must have signed.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keys::{KeyError, LoginAlgorithm, PrivateKey, PublicKey};
use wire::Write as _;

const MESSAGE: &[u8] = b"session id and login request";

fn blob(fields: &[&[u8]]) -> Vec<u8> {
    let mut blob = Vec::new();
    fields.iter().for_each(|field| blob.put_string(field));
    blob
}

fn mpints(fixed: &[u8]) -> Vec<u8> {
    let (r, s) = fixed.split_at(fixed.len() / 2);
    let mut signature = Vec::new();
    signature.put_mpint(r);
    signature.put_mpint(s);
    signature
}

/// An authenticator in software.
struct Authenticator {
    pair: Ed25519KeyPair,
    ecdsa: EcdsaKeyPair,
}

impl Authenticator {
    fn new() -> Self {
        Self {
            pair: Ed25519KeyPair::generate().unwrap(),
            ecdsa: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
        }
    }

    fn ed25519_key(&self) -> PublicKey {
        let public = self.pair.public_key().as_ref();
        PublicKey::parse(&blob(&[b"sk-ssh-ed25519@openssh.com", public, b"ssh:"])).unwrap()
    }

    fn ecdsa_key(&self) -> PublicKey {
        let point = self.ecdsa.public_key().as_ref();
        PublicKey::parse(&blob(&[b"sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", point, b"ssh:"])).unwrap()
    }

    fn report(application: &[u8], flags: u8, counter: u32, extensions: &[u8], signed: &[u8]) -> Vec<u8> {
        let mut report = digest(&SHA256, application).as_ref().to_vec();
        report.push(flags);
        report.put_u32(counter);
        report.extend_from_slice(extensions);
        report.extend_from_slice(digest(&SHA256, signed).as_ref());
        report
    }

    fn sign_ed25519(&self, application: &[u8], flags: u8, counter: u32) -> Vec<u8> {
        let signature = self.pair.sign(&Self::report(application, flags, counter, b"", MESSAGE));
        let mut signature = blob(&[b"sk-ssh-ed25519@openssh.com", signature.as_ref()]);
        signature.push(flags);
        signature.put_u32(counter);
        signature
    }

    fn sign_ecdsa(&self, flags: u8, counter: u32) -> Vec<u8> {
        let report = Self::report(b"ssh:", flags, counter, b"", MESSAGE);
        let fixed = self.ecdsa.sign(&SystemRandom::new(), &report).unwrap();
        let mut signature = blob(&[b"sk-ecdsa-sha2-nistp256@openssh.com", &mpints(fixed.as_ref())]);
        signature.push(flags);
        signature.put_u32(counter);
        signature
    }

    fn sign_webauthn(&self, flags: u8, client_data: &str, origin: &str, extensions: &[u8]) -> Vec<u8> {
        let report = Self::report(b"ssh:", flags, 9, extensions, client_data.as_bytes());
        let fixed = self.ecdsa.sign(&SystemRandom::new(), &report).unwrap();
        let mut signature = blob(&[b"webauthn-sk-ecdsa-sha2-nistp256@openssh.com", &mpints(fixed.as_ref())]);
        signature.push(flags);
        signature.put_u32(9);
        signature.extend(blob(&[origin.as_bytes(), client_data.as_bytes(), extensions]));
        signature
    }
}

#[test]
fn authenticators_report_touch_and_verification() {
    let authenticator = Authenticator::new();
    for (flags, presence, user_verified) in [(0, false, false), (1, true, false), (4, false, true), (5, true, true)] {
        let ed25519 = authenticator.ed25519_key().verify(
            "sk-ssh-ed25519@openssh.com",
            MESSAGE,
            &authenticator.sign_ed25519(b"ssh:", flags, 7),
        );
        let ecdsa = authenticator.ecdsa_key().verify(
            "sk-ecdsa-sha2-nistp256@openssh.com",
            MESSAGE,
            &authenticator.sign_ecdsa(flags, 7),
        );
        for proven in [ed25519.unwrap(), ecdsa.unwrap()] {
            assert_eq!(
                (proven.presence(), proven.user_verified(), proven.counter()),
                (presence, user_verified, Some(7))
            );
        }
    }
}

/// A touch cannot be claimed after the fact, and a signature for a web site is none for us.
#[test]
fn flags_counter_and_application_are_signed() {
    let authenticator = Authenticator::new();
    let key = authenticator.ed25519_key();
    let verify = |signature: &[u8]| key.verify("sk-ssh-ed25519@openssh.com", MESSAGE, signature);
    let genuine = authenticator.sign_ed25519(b"ssh:", 0, 7);
    verify(&genuine).unwrap();
    for from_end in 1..=5 {
        let mut forged = genuine.clone();
        let position = forged.len() - from_end;
        forged[position] ^= 1;
        assert_eq!(verify(&forged), Err(KeyError::SignatureIncorrect));
    }
    assert_eq!(verify(&authenticator.sign_ed25519(b"https://example.org", 1, 7)), Err(KeyError::SignatureIncorrect));
    assert!(verify(&genuine[..genuine.len() - 1]).is_err());
    assert!(verify(&[&genuine[..], &[0]].concat()).is_err());
}

#[test]
fn browsers_sign_a_wrapped_challenge() {
    const ALGORITHM: &str = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com";
    let authenticator = Authenticator::new();
    let key = authenticator.ecdsa_key();
    let challenge = URL_SAFE_NO_PAD.encode(MESSAGE);
    let client_data =
        format!(r#"{{"type":"webauthn.get","challenge":"{challenge}","origin":"https://h","crossOrigin":false}}"#);
    let verify = |signature: &[u8]| key.verify(ALGORITHM, MESSAGE, signature);
    assert!(verify(&authenticator.sign_webauthn(1, &client_data, "https://h", b"")).unwrap().presence());
    verify(&authenticator.sign_webauthn(0x81, &client_data, "https://h", b"\xa0")).unwrap();

    let quoted_origin = client_data.replace("https://h", "https://h\\\"x");
    for (what, signature) in [
        ("another origin", authenticator.sign_webauthn(1, &client_data, "https://i", b"")),
        ("a quote in the origin", authenticator.sign_webauthn(1, &quoted_origin, "https://h\\\"x", b"")),
        (
            "another challenge",
            authenticator.sign_webauthn(1, &client_data.replace(&challenge, "AAAA"), "https://h", b""),
        ),
        ("a creation", authenticator.sign_webauthn(1, &client_data.replace(".get", ".create"), "https://h", b"")),
        ("extensions without their flag", authenticator.sign_webauthn(1, &client_data, "https://h", b"\xa0")),
        ("the flag without extensions", authenticator.sign_webauthn(0x81, &client_data, "https://h", b"")),
        ("an attested credential", authenticator.sign_webauthn(0x41, &client_data, "https://h", b"")),
        ("the plain form", authenticator.sign_ecdsa(1, 9)),
    ] {
        assert!(verify(&signature).is_err(), "{what}");
    }
    let plain = key.verify("sk-ecdsa-sha2-nistp256@openssh.com", MESSAGE, &authenticator.sign_ecdsa(1, 9));
    assert!(plain.is_ok());
}

#[test]
fn an_algorithm_of_another_key_type_is_refused() {
    let key = PrivateKey::generate_ed25519().unwrap();
    for algorithm in ["ssh-rsa", "rsa-sha2-256", "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com", "", "SSH-ED25519"]
    {
        assert_eq!(key.sign(algorithm, MESSAGE).unwrap_err(), KeyError::WrongAlgorithm);
        let signature = blob(&[algorithm.as_bytes(), &[0; 64]]);
        assert_eq!(key.public().verify(algorithm, MESSAGE, &signature).unwrap_err(), KeyError::WrongAlgorithm);
    }
}

/// The name of one curve must not open the door to keys on another.
#[test]
fn cve_2026_35387_each_curve_has_its_own_name() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let key = PublicKey::parse(&blob(&[b"ecdsa-sha2-nistp384", b"nistp384", pair.public_key().as_ref()])).unwrap();
    let signature = mpints(pair.sign(&SystemRandom::new(), MESSAGE).unwrap().as_ref());
    let under = |name: &str| blob(&[name.as_bytes(), &signature]);
    assert!(key.verify("ecdsa-sha2-nistp384", MESSAGE, &under("ecdsa-sha2-nistp384")).is_ok());
    assert_ne!(LoginAlgorithm::from_name("ecdsa-sha2-nistp256").unwrap().key_type, key.key_type());
    assert_eq!(
        key.verify("ecdsa-sha2-nistp256", MESSAGE, &under("ecdsa-sha2-nistp256")),
        Err(KeyError::WrongAlgorithm)
    );
    assert_eq!(
        key.verify("ecdsa-sha2-nistp384", MESSAGE, &under("ecdsa-sha2-nistp256")),
        Err(KeyError::SignatureAlgorithmMismatch)
    );
}

/// Somebody who may only use SHA-2 cannot hand in a SHA-1 signature under its name.
#[test]
fn a_signature_blob_names_the_requested_algorithm() {
    let mut modulus = vec![0xff; 256];
    modulus.insert(0, 0);
    let key = PublicKey::parse(&blob(&[b"ssh-rsa", &[3], &modulus])).unwrap();
    for (asked, made) in [("rsa-sha2-512", "ssh-rsa"), ("rsa-sha2-512", "rsa-sha2-256"), ("ssh-rsa", "rsa-sha2-256")] {
        let signature = blob(&[made.as_bytes(), &[1; 256]]);
        assert_eq!(key.verify(asked, MESSAGE, &signature), Err(KeyError::SignatureAlgorithmMismatch));
    }
    assert_eq!(
        key.verify("rsa-sha2-512", MESSAGE, &blob(&[b"rsa-sha2-512", &[1; 256]])),
        Err(KeyError::SignatureIncorrect)
    );
    assert!(matches!(
        key.verify("rsa-sha2-512", MESSAGE, &blob(&[b"rsa-sha2-512", b""])),
        Err(KeyError::BadSignature(_))
    ));
    assert!(matches!(
        key.verify("rsa-sha2-512", MESSAGE, &blob(&[b"rsa-sha2-512", &[1; 257]])),
        Err(KeyError::BadSignature(_))
    ));
}
