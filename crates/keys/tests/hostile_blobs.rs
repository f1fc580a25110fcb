//! Key and signature blobs that no honest peer sends, and other libraries' opinion on those that one could.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use keys::{FingerprintHash, KeyError, PrivateKey, PublicKey};
use proptest::prelude::*;
use wire::Write as _;

fn blob(name: &str, fields: &[&[u8]]) -> Vec<u8> {
    let mut blob = Vec::new();
    blob.put_string(name);
    fields.iter().for_each(|field| blob.put_string(field));
    blob
}

fn point() -> Vec<u8> {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap().public_key().as_ref().to_vec()
}

/// An odd number with `bits` bits, as an mpint's content.
fn modulus(bits: usize) -> Vec<u8> {
    let mut number = vec![0xff; bits.div_ceil(8)];
    number[0] >>= (8 - bits % 8) % 8;
    if number[0] >= 0x80 {
        number.insert(0, 0);
    }
    number
}

fn sound_blobs() -> Vec<Vec<u8>> {
    vec![
        PrivateKey::generate_ed25519().unwrap().public().blob().to_vec(),
        blob("ecdsa-sha2-nistp256", &[b"nistp256", &point()]),
        blob("ssh-rsa", &[&[1, 0, 1], &modulus(2048)]),
        blob("sk-ssh-ed25519@openssh.com", &[&[7; 32], b"ssh:"]),
        blob("sk-ecdsa-sha2-nistp256@openssh.com", &[b"nistp256", &point(), b"ssh:"]),
    ]
}

#[test]
fn values_that_no_type_allows() {
    let good = point();
    let mut off_curve = good.clone();
    off_curve[40] ^= 1;
    let mut compressed = good[..33].to_vec();
    compressed[0] = 2 + (good[64] & 1);
    let mut hybrid = good.clone();
    hybrid[0] = 6 + (good[64] & 1);
    let negative = &modulus(2048)[1..];
    for (what, bad) in [
        ("ed25519 short", blob("ssh-ed25519", &[&[1; 31]])),
        ("ed25519 long", blob("ssh-ed25519", &[&[1; 33]])),
        ("ed25519 empty", blob("ssh-ed25519", &[b""])),
        ("ed25519 trailing", blob("ssh-ed25519", &[&[1; 32], b""])),
        ("ecdsa other curve's name", blob("ecdsa-sha2-nistp256", &[b"nistp384", &good])),
        ("ecdsa other curve's point", blob("ecdsa-sha2-nistp384", &[b"nistp384", &good])),
        ("ecdsa off the curve", blob("ecdsa-sha2-nistp256", &[b"nistp256", &off_curve])),
        ("ecdsa compressed", blob("ecdsa-sha2-nistp256", &[b"nistp256", &compressed])),
        ("ecdsa hybrid", blob("ecdsa-sha2-nistp256", &[b"nistp256", &hybrid])),
        ("ecdsa infinity", blob("ecdsa-sha2-nistp256", &[b"nistp256", &[0]])),
        ("ecdsa empty point", blob("ecdsa-sha2-nistp256", &[b"nistp256", b""])),
        ("ecdsa zero point", blob("ecdsa-sha2-nistp256", &[b"nistp256", &[&[4][..], &[0; 64]].concat()])),
        ("rsa empty e", blob("ssh-rsa", &[b"", &modulus(2048)])),
        ("rsa e = 1", blob("ssh-rsa", &[&[1], &modulus(2048)])),
        ("rsa even e", blob("ssh-rsa", &[&[4], &modulus(2048)])),
        ("rsa huge e", blob("ssh-rsa", &[&modulus(2047), &modulus(2048)])),
        ("rsa padded e", blob("ssh-rsa", &[&[0, 3], &modulus(2048)])),
        ("rsa empty n", blob("ssh-rsa", &[&[3], b""])),
        ("rsa short n", blob("ssh-rsa", &[&[3], &modulus(1023)])),
        ("rsa long n", blob("ssh-rsa", &[&[3], &modulus(16385)])),
        ("rsa negative n", blob("ssh-rsa", &[&[3], negative])),
        ("rsa n and e swapped", blob("ssh-rsa", &[&modulus(2048), &[3]])),
        ("sk without application", blob("sk-ssh-ed25519@openssh.com", &[&[7; 32]])),
        ("sk NUL in application", blob("sk-ssh-ed25519@openssh.com", &[&[7; 32], b"ssh:\0"])),
        ("sk long application", blob("sk-ssh-ed25519@openssh.com", &[&[7; 32], &[b'a'; 1025]])),
        ("too long", blob("ssh-ed25519", &[&[1; 20_000]])),
        ("dss", blob("ssh-dss", &[b"", b"", b"", b""])),
        ("empty", vec![]),
        ("length beyond the end", vec![0xff; 8]),
    ] {
        assert!(PublicKey::parse(&bad).is_err(), "{what}");
    }
    let mut even = modulus(2048);
    *even.last_mut().unwrap() = 0xfe;
    assert!(PublicKey::parse(&blob("ssh-rsa", &[&[3], &even])).is_err());
    for bits in [1024, 1025, 8192, 16384] {
        let key = PublicKey::parse(&blob("ssh-rsa", &[&[3], &modulus(bits)])).unwrap();
        assert_eq!(key.bits() as usize, bits);
    }
}

#[test]
fn certificates_are_refused_by_name() {
    let certificate = blob("ssh-ed25519-cert-v01@openssh.com", &[b"nonce"]);
    assert_eq!(PublicKey::parse(&certificate).unwrap_err(), KeyError::Certificate);
}

#[test]
fn other_libraries_agree_on_sound_keys() {
    for blob in sound_blobs() {
        let ours = PublicKey::parse(&blob).unwrap();
        // Built without its elliptic curves, ssh-key knows the other types.
        if !ours.key_type().name().contains("ecdsa") {
            let ssh_key = ssh_key::PublicKey::from_bytes(&blob).unwrap();
            assert_eq!(ours.key_type().name(), ssh_key.algorithm().as_str());
            let fingerprint = ssh_key.fingerprint(ssh_key::HashAlg::Sha256).to_string();
            assert_eq!(ours.fingerprint(FingerprintHash::Sha256), fingerprint);
        }
        let sshkeys = sshkeys::PublicKey::from_bytes(&blob).unwrap();
        assert_eq!(ours.bits() as usize, sshkeys.bits(), "{}", ours.key_type().name());
        assert_eq!(
            ours.fingerprint(FingerprintHash::Sha256),
            format!("SHA256:{}", sshkeys.fingerprint_with(sshkeys::FingerprintKind::Sha256).hash)
        );
    }
}

proptest! {
    #[test]
    fn any_blob_is_read_without_panic(bytes: Vec<u8>) {
        let _ = PublicKey::parse(&bytes);
    }

    /// A damaged blob is refused, or it is another sound key in the eyes of another library too.
    #[test]
    fn whatever_is_accepted_is_canonical(which in 0usize..5, position: prop::sample::Index, bit in 0u8..8, cut: Option<prop::sample::Index>) {
        let mut damaged = sound_blobs()[which].clone();
        let position = position.index(damaged.len());
        damaged[position] ^= 1 << bit;
        if let Some(cut) = cut {
            damaged.truncate(cut.index(damaged.len()));
        }
        if let Ok(ours) = PublicKey::parse(&damaged) {
            let theirs = sshkeys::PublicKey::from_bytes(&damaged);
            // An authenticator's application is bytes; the other library wants text.
            if format!("{theirs:?}").contains("Utf8Error") {
                return Ok(());
            }
            prop_assert!(theirs.is_ok(), "{ours:?}: {theirs:?}");
            prop_assert_eq!(theirs.unwrap().encode(), damaged);
        }
    }

    #[test]
    fn any_signature_is_judged_without_panic(which in 0usize..5, tail: Vec<u8>) {
        let key = PublicKey::parse(&sound_blobs()[which]).unwrap();
        for algorithm in key.key_type().algorithms() {
            let mut signature = blob(algorithm, &[]);
            signature.extend_from_slice(&tail);
            prop_assert!(key.verify(algorithm, b"message", &signature).is_err());
            prop_assert!(key.verify(algorithm, b"message", &blob(algorithm, &[&tail])).is_err());
        }
    }

    /// Any one bit of a signature matters.
    #[test]
    fn damaged_signatures_are_refused(position: prop::sample::Index, bit in 0u8..8) {
        let key = PrivateKey::generate_ed25519().unwrap();
        let mut signature = key.sign("ssh-ed25519", b"message").unwrap();
        let position = position.index(signature.len());
        signature[position] ^= 1 << bit;
        prop_assert!(key.public().verify("ssh-ed25519", b"message", &signature).is_err());
    }
}
