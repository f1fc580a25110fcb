//! Keys that `ssh-keygen` made, in every file format it knows: read, sign, verify, and be found right by `ssh-keygen`.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Scratch, run};
use keys::revocation::{CertificateFacts, Revoked};
use keys::{FingerprintHash, KeyError, KeyType, PrivateKey, PublicKey};
use wire::Write as _;

fn public_file(private: &Path) -> PublicKey {
    let text = fs::read_to_string(private.with_extension("pub")).unwrap();
    PublicKey::parse(&STANDARD.decode(text.split(' ').nth(1).unwrap()).unwrap()).unwrap()
}

const TYPES: [(&str, &str, KeyType); 7] = [
    ("ed25519", "256", KeyType::Ed25519),
    ("ecdsa", "256", KeyType::EcdsaP256),
    ("ecdsa", "384", KeyType::EcdsaP384),
    ("ecdsa", "521", KeyType::EcdsaP521),
    ("rsa", "2048", KeyType::Rsa),
    ("rsa", "2055", KeyType::Rsa),
    ("rsa", "3072", KeyType::Rsa),
];

#[test]
fn every_type_in_every_file_format() {
    let scratch = Scratch::new("formats");
    for (type_name, bits, key_type) in TYPES {
        for format in ["RFC4716", "PEM", "PKCS8"] {
            if type_name == "ed25519" && format != "RFC4716" {
                continue; // ssh-keygen writes these in its own format only
            }
            let name = format!("{type_name}{bits}{format}");
            let path = scratch.make_key(&name, &["-t", type_name, "-b", bits, "-m", format, "-N", ""]);
            let private = PrivateKey::parse_file(&fs::read(&path).unwrap()).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(private.public(), &public_file(&path), "{name}");
            assert_eq!(private.public().key_type(), key_type, "{name}");

            let listed = |hash: &str| {
                let listed = run(Command::new("ssh-keygen").args(["-E", hash, "-lf"]).arg(path.with_extension("pub")));
                listed.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
            };
            let words = listed("sha256");
            assert_eq!(words[0], private.public().bits().to_string(), "{name}");
            for (hash, ours) in [
                ("sha1", FingerprintHash::Sha1),
                ("sha256", FingerprintHash::Sha256),
                ("sha384", FingerprintHash::Sha384),
                ("sha512", FingerprintHash::Sha512),
            ] {
                assert_eq!(listed(hash)[1], private.public().fingerprint(ours), "{name}");
            }
            assert_eq!(*words.last().unwrap(), format!("({})", key_type.short_name()), "{name}");

            let sealed = postcard::to_allocvec(&private).unwrap();
            let unsealed: PrivateKey = postcard::from_bytes(&sealed).unwrap();
            for algorithm in private.algorithms() {
                let signature = unsealed.sign(algorithm, b"message").unwrap();
                let proven = private.public().verify(algorithm, b"message", &signature).unwrap();
                assert!(proven.presence() && proven.user_verified() && proven.counter().is_none());
                assert_eq!(
                    private.public().verify(algorithm, b"massage", &signature),
                    Err(KeyError::SignatureIncorrect),
                    "{name} {algorithm}"
                );
            }
        }
    }
}

/// `ssh-keygen -Y verify` judges our signatures, and we judge those of `ssh-keygen -Y sign` (PROTOCOL.sshsig).
#[test]
fn ssh_keygen_agrees_on_signatures() {
    let scratch = Scratch::new("sshsig");
    let message = scratch.0.join("message");
    fs::write(&message, "hello").unwrap();
    for (type_name, bits, _) in TYPES {
        let path = scratch.make_key(&format!("{type_name}{bits}"), &["-t", type_name, "-b", bits, "-N", ""]);
        let private = PrivateKey::parse_file(&fs::read(&path).unwrap()).unwrap();
        let algorithm = private.algorithms()[0];
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, b"hello");
        let mut signed = b"SSHSIG".to_vec();
        for field in [&b"file"[..], b"", b"sha512", hash.as_ref()] {
            signed.put_string(field);
        }

        let mut ours = b"SSHSIG".to_vec();
        ours.put_u32(1);
        let signature = private.sign(algorithm, &signed).unwrap();
        for field in [private.public().blob(), b"file", b"", b"sha512", &signature] {
            ours.put_string(field);
        }
        let armoured =
            format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", STANDARD.encode(&ours));
        let signature_file = scratch.0.join("ours.sig");
        fs::write(&signature_file, armoured).unwrap();
        let output = Command::new("ssh-keygen")
            .args(["-Y", "check-novalidate", "-n", "file", "-s"])
            .arg(&signature_file)
            .stdin(fs::File::open(&message).unwrap())
            .output()
            .unwrap();
        assert!(output.status.success(), "{type_name} {bits}: {}", String::from_utf8_lossy(&output.stderr));

        let _ = fs::remove_file(message.with_extension("sig"));
        run(Command::new("ssh-keygen").args(["-Y", "sign", "-n", "file", "-f"]).arg(&path).arg(&message));
        let theirs = fs::read_to_string(message.with_extension("sig")).unwrap();
        let base64: String = theirs.lines().filter(|line| !line.starts_with("-----")).collect();
        let theirs = STANDARD.decode(base64).unwrap();
        let mut reader = wire::Reader::new(&theirs[6 + 4..]);
        for _ in 0..4 {
            reader.string().unwrap();
        }
        let signature = reader.string().unwrap();
        private.public().verify(algorithm, &signed, signature).unwrap();
    }
}

#[test]
fn passphrases_are_named_as_the_reason() {
    let scratch = Scratch::new("encrypted");
    for (index, format) in ["RFC4716", "PEM", "PKCS8"].into_iter().enumerate() {
        let path = scratch.make_key(&format!("k{index}"), &["-t", "rsa", "-b", "2048", "-m", format, "-N", "secret"]);
        assert_eq!(PrivateKey::parse_file(&fs::read(path).unwrap()).unwrap_err(), KeyError::Encrypted, "{format}");
    }
}

#[test]
fn damaged_files_are_refused() {
    let scratch = Scratch::new("damaged");
    let path = scratch.make_key("ed25519", &["-t", "ed25519", "-N", ""]);
    let text = fs::read_to_string(path).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    let content = STANDARD.decode(body).unwrap();
    let undamaged = PrivateKey::parse_file(text.as_bytes()).unwrap().public().clone();
    for position in 0..content.len() {
        let mut damaged = content.clone();
        damaged[position] ^= 0x10;
        let text = format!(
            "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----\n",
            STANDARD.encode(&damaged)
        );
        // The comment and the options of the key derivation that is not used mean nothing here.
        if let Ok(key) = PrivateKey::parse_file(text.as_bytes()) {
            assert_eq!(key.public(), &undamaged, "byte {position}");
        }
    }
    for length in 0..text.len() - 1 {
        assert!(PrivateKey::parse_file(&text.as_bytes()[..length]).is_err(), "cut at {length}");
    }
}

#[test]
fn debug_output_shows_no_secret() {
    let key = PrivateKey::generate_ed25519().unwrap();
    assert_eq!(
        format!("{key:?}"),
        format!("private half of ED25519 {}", key.public().fingerprint(FingerprintHash::Sha256))
    );
}

/// Lists that `ssh-keygen -k` wrote, of everything that it can put into one; `ssh-keygen -Q` has the same opinion of
/// every key.
#[test]
fn revocation_lists_mean_what_ssh_keygen_means() {
    let scratch = Scratch::new("krl");
    let key = |name: &str| scratch.make_key(name, &["-t", "ed25519", "-N", ""]);
    let (lost, hashed, sha1, authority, kept) = (key("lost"), key("hashed"), key("sha1"), key("ca"), key("kept"));
    let public = |private: &Path| fs::read_to_string(private.with_extension("pub")).unwrap();
    let fingerprint = public_file(&hashed).fingerprint(FingerprintHash::Sha256);
    let specification = scratch.0.join("specification");
    let text = format!(
        "serial: 5\nserial: 100-3000\nserial: 5000\nserial: 5001\nserial: 5003\nid: old laptop\n\
         key: {}sha1: {}hash: {fingerprint}\n",
        public(&lost),
        public(&sha1),
    );
    fs::write(&specification, text).unwrap();
    let list = scratch.0.join("list.krl");
    run(Command::new("ssh-keygen")
        .args(["-k", "-f"])
        .arg(&list)
        .arg("-s")
        .arg(authority.with_extension("pub"))
        .args(["-z", "7"])
        .arg(&specification));
    let revoked = Revoked::parse(&fs::read(&list).unwrap()).unwrap();
    for private in [&lost, &hashed, &sha1, &authority, &kept] {
        let asked =
            Command::new("ssh-keygen").args(["-Q", "-f"]).arg(&list).arg(private.with_extension("pub")).output();
        let revoked_by_theirs = !asked.unwrap().status.success();
        assert_eq!(revoked.holds(&public_file(private)), revoked_by_theirs, "{private:?}");
        assert_eq!(revoked_by_theirs, [&lost, &hashed, &sha1].contains(&private), "{private:?}");
    }
    for (serial, key_id, expected) in [
        (5, "x", true),
        (99, "x", false),
        (100, "x", true),
        (3000, "x", true),
        (3001, "x", false),
        (5001, "x", true),
        (5002, "x", false),
        (5003, "x", true),
        (1, "old laptop", true),
    ] {
        let certificate = CertificateFacts { authority: &public_file(&authority), serial, key_id: key_id.as_bytes() };
        assert_eq!(revoked.holds_certificate(certificate), expected, "{serial} {key_id}");
        let foreign = CertificateFacts { authority: &public_file(&kept), serial, key_id: key_id.as_bytes() };
        assert!(!revoked.holds_certificate(foreign), "{serial} {key_id}");
    }
}
