//! Certificates that `ssh-keygen` made: read, checked, and found in its revocation lists as it finds them.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Scratch, run};
use keys::revocation::Revoked;
use keys::{
    Certificate, CertificateKind, Credential, FingerprintHash, KeyError, KeyType, LoginAlgorithm, PrivateKey, PublicKey,
};
use proptest::prelude::*;
use wire::Write as _;

const TYPES: [(&str, &str); 5] =
    [("ed25519", "256"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521"), ("rsa", "2048")];

/// The blob in a `.pub` file.
fn blob(path: &Path) -> Vec<u8> {
    STANDARD.decode(fs::read_to_string(path).unwrap().split(' ').nth(1).unwrap()).unwrap()
}

fn public(private: &Path) -> PublicKey {
    PublicKey::parse(&blob(&private.with_extension("pub"))).unwrap()
}

/// Certifies a key; the certificate stands in `KEY-cert.pub`.
fn certify(authority: &Path, key: &Path, arguments: &[&str]) -> Vec<u8> {
    run(Command::new("ssh-keygen").args(["-q", "-s"]).arg(authority).args(arguments).arg(key.with_extension("pub")));
    blob(&certificate_file(key))
}

fn certificate_file(key: &Path) -> PathBuf {
    PathBuf::from(format!("{}-cert.pub", key.display()))
}

fn accepted(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn everything_but_sha1() -> Vec<String> {
    settings_default(&[
        KeyType::Ed25519,
        KeyType::EcdsaP256,
        KeyType::EcdsaP384,
        KeyType::EcdsaP521,
        KeyType::Rsa,
        KeyType::MlDsa44Ed25519,
    ])
}

fn settings_default(types: &[KeyType]) -> Vec<String> {
    let all = types.iter().flat_map(|key_type| key_type.algorithms());
    all.filter(|name| **name != "ssh-rsa").map(|name| (*name).to_owned()).collect()
}

#[test]
fn every_type_certified_by_every_type() {
    let scratch = Scratch::new("cert-types");
    let make = |name: &str, (kind, bits): (&str, &str)| scratch.make_key(name, &["-t", kind, "-b", bits, "-N", ""]);
    let authorities: Vec<_> = TYPES.iter().map(|kind| make(&format!("ca-{}{}", kind.0, kind.1), *kind)).collect();
    for kind in TYPES {
        let key = make(&format!("key-{}{}", kind.0, kind.1), kind);
        for authority in &authorities {
            let whole = certify(
                authority,
                &key,
                &[
                    "-I",
                    "the id",
                    "-n",
                    "alice,bob",
                    "-z",
                    "77",
                    "-V",
                    "20260101000000Z:20270101000000Z",
                    "-O",
                    "force-command=date",
                    "-O",
                    "no-pty",
                ],
            );
            let certificate = Certificate::parse(&whole, &everything_but_sha1()).unwrap();
            assert_eq!(certificate.key(), &public(&key));
            assert_eq!(certificate.authority(), &public(authority));
            assert_eq!((certificate.serial(), certificate.key_id()), (77, "the id"));
            assert_eq!(certificate.kind(), CertificateKind::User);
            assert_eq!(certificate.principals(), ["alice", "bob"]);
            assert_eq!((certificate.valid_after(), certificate.valid_before()), (1_767_225_600, 1_798_761_600));
            assert_eq!(certificate.critical_options().unwrap().force_command.as_deref(), Some("date"));
            let extensions = certificate.extensions().unwrap();
            assert!(!extensions.pty && extensions.user_rc && extensions.x11_forwarding);

            // The name in front of the file is the one in the blob.
            let text = fs::read_to_string(certificate_file(&key)).unwrap();
            let name = text.split(' ').next().unwrap();
            assert_eq!(KeyType::from_certificate_name(name), Some(certificate.key().key_type()));
            if kind.0 != "rsa" {
                assert_eq!(LoginAlgorithm::from_name(name).unwrap().key_type.certificate_name(), name);
            }
            let refused = Certificate::parse(&whole, &[]);
            assert_eq!(refused, Err(KeyError::AuthorityAlgorithm(certificate.signature_algorithm().to_owned())));
        }
    }
}

#[test]
fn a_sha1_signature_counts_only_where_it_is_asked_for() {
    let scratch = Scratch::new("cert-sha1");
    let authority = scratch.make_key("ca", &["-t", "rsa", "-b", "2048", "-N", ""]);
    let key = scratch.make_key("key", &["-t", "ed25519", "-N", ""]);
    let whole = certify(&authority, &key, &["-t", "ssh-rsa", "-I", "i", "-n", "a"]);
    assert_eq!(
        Certificate::parse(&whole, &everything_but_sha1()),
        Err(KeyError::AuthorityAlgorithm("ssh-rsa".to_owned()))
    );
    let certificate = Certificate::parse(&whole, &accepted(&["ssh-rsa"])).unwrap();
    assert_eq!(certificate.signature_algorithm(), "ssh-rsa");
}

#[test]
fn names_with_commas_stay_one_and_hosts_are_told_from_users() {
    let scratch = Scratch::new("cert-names");
    let authority = scratch.make_key("ca", &["-t", "ed25519", "-N", ""]);
    let key = scratch.make_key("key", &["-t", "ed25519", "-N", ""]);
    let parse = |arguments: &[&str]| Certificate::parse(&certify(&authority, &key, arguments), &everything_but_sha1());
    let host = parse(&["-h", "-I", "i", "-n", "host.example"]).unwrap();
    assert_eq!(host.kind(), CertificateKind::Host);
    assert!(parse(&["-I", "i"]).unwrap().principals().is_empty());
    let critical = parse(&["-I", "i", "-n", "a", "-O", "critical:frobnicate@example.org=x"]).unwrap();
    assert!(critical.has_critical_options());
    assert_eq!(
        critical.critical_options().unwrap_err().to_string(),
        "Certificate critical option \"frobnicate@example.org\" is not supported"
    );
    let extension = parse(&["-I", "i", "-n", "a", "-O", "extension:login@example.org=x"]).unwrap();
    assert_eq!(extension.extensions().unwrap().unknown, ["login@example.org"]);
}

/// A certificate as `private` signs it, with nothing left out that ssh-keygen would not let one leave out.
fn sign_certificate(
    private: &PrivateKey,
    authority: &[u8],
    key: &PublicKey,
    kind: u32,
    principals: &[&[u8]],
) -> Vec<u8> {
    let mut whole = Vec::new();
    whole.put_string(key.key_type().certificate_name());
    whole.put_string(b"nonce");
    whole.put_bytes(&key.blob()[4 + key.key_type().name().len()..]);
    whole.put_u64(1);
    whole.put_u32(kind);
    whole.put_string(b"id");
    let mut list = Vec::new();
    principals.iter().for_each(|name| list.put_string(name));
    whole.put_string(&list);
    whole.put_u64(0);
    whole.put_u64(u64::MAX);
    (0..3).for_each(|_| whole.put_string(b""));
    whole.put_string(authority);
    let signature = private.sign(private.algorithms()[0], &whole).unwrap();
    whole.put_string(&signature);
    whole
}

#[test]
fn what_no_honest_authority_makes() {
    let (authority, other) = (PrivateKey::generate_ed25519().unwrap(), PrivateKey::generate_ed25519().unwrap());
    let key = other.public();
    let parse = |whole: &[u8]| Certificate::parse(whole, &everything_but_sha1());
    let blob = authority.public().blob();
    let sound = sign_certificate(&authority, blob, key, 1, &[b"pl,ain"]);
    assert_eq!(parse(&sound).unwrap().principals(), ["pl,ain"]);

    // A certificate as the authority of a certificate.
    assert_eq!(parse(&sign_certificate(&authority, &sound, key, 1, &[b"a"])), Err(KeyError::BadAuthority));
    // Another authority than the one that has signed.
    let foreign = sign_certificate(&authority, other.public().blob(), key, 1, &[b"a"]);
    assert_eq!(parse(&foreign), Err(KeyError::SignatureIncorrect));
    for kind in [0, 3, u32::MAX] {
        assert!(parse(&sign_certificate(&authority, blob, key, kind, &[b"a"])).is_err(), "{kind}");
    }
    assert!(parse(&sign_certificate(&authority, blob, key, 1, &[b"a\0b"])).is_err());
    assert!(parse(&sign_certificate(&authority, blob, key, 1, &[b"\xff"])).is_err());
    let many: Vec<&[u8]> = vec![b"a"; 257];
    assert!(parse(&sign_certificate(&authority, blob, key, 1, &many[1..])).is_ok());
    assert!(parse(&sign_certificate(&authority, blob, key, 1, &many)).is_err());
    let long = vec![b'a'; 70_000];
    assert!(parse(&sign_certificate(&authority, blob, key, 1, &[&long])).is_err());
    assert!(parse(&[sound.clone(), vec![0]].concat()).is_err());
    // No bit of it can be changed. (The list of algorithms is asked before the signature is looked at.)
    for position in 0..sound.len() {
        let mut damaged = sound.clone();
        damaged[position] ^= 1;
        assert!(parse(&damaged).is_err(), "byte {position}");
        assert!(parse(&sound[..position]).is_err(), "cut at {position}");
    }
    assert_eq!(PublicKey::parse(&sound).unwrap_err(), KeyError::Certificate);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(tail: Vec<u8>, name in 0usize..3) {
        let mut bytes = Vec::new();
        bytes.put_string(["ssh-ed25519-cert-v01@openssh.com", "ssh-rsa-cert-v01@openssh.com", "x"][name]);
        bytes.put_bytes(&tail);
        prop_assert!(Certificate::parse(&bytes, &everything_but_sha1()).is_err());
        let _ = Certificate::parse(&tail, &everything_but_sha1());
    }
}

/// Every way in which `ssh-keygen -k` can revoke a certificate; `ssh-keygen -Q` has the same opinion of each.
#[test]
fn revocation_lists_mean_what_ssh_keygen_means() {
    let scratch = Scratch::new("cert-krl");
    let make = |name: &str| scratch.make_key(name, &["-t", "ed25519", "-N", ""]);
    let (authority, other_authority) = (make("ca"), make("other-ca"));
    let certificates: Vec<(PathBuf, Credential)> = [
        ("a", &authority, "5", "one"),
        ("b", &authority, "6", "two"),
        ("c", &authority, "0", "three"),
        ("d", &other_authority, "5", "one"),
        ("e", &authority, "18446744073709551615", "one"),
    ]
    .into_iter()
    .map(|(name, signer, serial, id)| {
        let key = make(name);
        let whole = certify(signer, &key, &["-I", id, "-n", "x", "-z", serial]);
        let certificate = Certificate::parse(&whole, &everything_but_sha1()).unwrap();
        (certificate_file(&key), Credential::Certificate(Box::new(certificate)))
    })
    .collect();
    let file = |path: &Path| fs::read_to_string(path.with_extension("pub")).unwrap();
    let list = scratch.0.join("list.krl");
    let ca_option = |path: &Path| ["-s".to_owned(), path.with_extension("pub").display().to_string()];
    let fingerprint = certificates[1].1.key().fingerprint(FingerprintHash::Sha256);
    let mut revoked_at_all = 0;
    for (specification, signer) in [
        ("serial: 5\n".to_owned(), Some(&authority)),
        ("serial: 1-100\n".to_owned(), Some(&authority)),
        ("serial: 5\nserial: 6\nserial: 9\n".to_owned(), Some(&other_authority)),
        ("serial: 18446744073709551615\n".to_owned(), Some(&authority)),
        ("id: one\n".to_owned(), Some(&authority)),
        ("id: one\n".to_owned(), None),
        ("serial: 1-6\n".to_owned(), None),
        (format!("key: {}", file(&authority)), None),
        (format!("sha1: {}", file(&authority)), None),
        (format!("key: {}", file(&scratch.0.join("a"))), None),
        (format!("sha256: {}", file(&scratch.0.join("b"))), None),
        (format!("hash: {fingerprint}\n"), None),
    ] {
        let text = scratch.0.join("specification");
        fs::write(&text, &specification).unwrap();
        let mut make = Command::new("ssh-keygen");
        make.args(["-k", "-f"]).arg(&list);
        match signer {
            Some(signer) => make.args(ca_option(signer)),
            None if specification.starts_with("id") || specification.starts_with("serial") => make.args(["-s", "none"]),
            None => &mut make,
        };
        run(make.arg(&text));
        let revoked = Revoked::parse(&fs::read(&list).unwrap()).unwrap();
        for (path, certificate) in &certificates {
            let asked = Command::new("ssh-keygen").args(["-Q", "-f"]).arg(&list).arg(path).output().unwrap();
            let by_theirs = !asked.status.success();
            let ours = revoked.revokes(certificate);
            assert_eq!(ours, by_theirs, "{specification} {signer:?} {certificate:?} {asked:?}");
            revoked_at_all += u32::from(ours);
        }
    }
    assert!(revoked_at_all > 12, "{revoked_at_all}");
    // A plain list revokes by the key and by the authority.
    for (listed, expected) in [("a", [true, false, false, false, false]), ("ca", [true, true, true, false, true])] {
        let revoked = Revoked::parse(file(&scratch.0.join(listed)).as_bytes()).unwrap();
        let found: Vec<_> = certificates.iter().map(|(_, certificate)| revoked.revokes(certificate)).collect();
        assert_eq!(found, expected);
    }
}

/// A key, its certificate and a signature that OpenSSH 10.5 made with the experimental composite algorithm.
#[test]
fn composite_keys_of_openssh() {
    let private = PrivateKey::parse_file(include_bytes!("vectors/mldsa44_ed25519")).unwrap();
    let decode = |text: &str| STANDARD.decode(text.split(' ').nth(1).unwrap()).unwrap();
    let public = PublicKey::parse(&decode(include_str!("vectors/mldsa44_ed25519.pub"))).unwrap();
    assert_eq!(private.public(), &public);
    assert_eq!(public.key_type().name(), "ssh-mldsa44-ed25519@openssh.com");
    let fingerprint = "SHA256:MHrtMS/Vf35zxTemIBpFyKqv9rT1bd1XMLqM9CnT8WY";
    assert_eq!(public.fingerprint(FingerprintHash::Sha256), fingerprint);

    let whole = decode(include_str!("vectors/mldsa44_ed25519-cert.pub"));
    let certificate = Certificate::parse(&whole, &everything_but_sha1()).unwrap();
    assert_eq!(certificate.key(), &public);

    // PROTOCOL.sshsig: magic, version, key, namespace, reserved, hash, signature.
    let armoured = include_str!("vectors/mldsa44-ed25519.sshsig");
    let base64: String = armoured.lines().filter(|line| !line.starts_with("-----")).collect();
    let signature_file = STANDARD.decode(base64).unwrap();
    let mut reader = wire::Reader::new(&signature_file[6 + 4..]);
    let signer = PublicKey::parse(reader.string().unwrap()).unwrap();
    let namespace = reader.string().unwrap().to_vec();
    let (_reserved, hash) = (reader.string().unwrap(), reader.utf8().unwrap());
    assert_eq!((&namespace[..], hash), (&b"unittest"[..], "sha512"));
    let signature = reader.string().unwrap();
    let mut signed = b"SSHSIG".to_vec();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, b"This is a test, this is only a test");
    for field in [&namespace[..], b"", b"sha512", digest.as_ref()] {
        signed.put_string(field);
    }
    let algorithm = "ssh-mldsa44-ed25519@openssh.com";
    signer.verify(algorithm, &signed, signature).unwrap();
    assert_eq!(signer.verify(algorithm, b"other", signature), Err(KeyError::SignatureIncorrect));

    let ours = private.sign(algorithm, b"message").unwrap();
    public.verify(algorithm, b"message", &ours).unwrap();
    assert!(signer.verify(algorithm, b"message", &ours).is_err());
}
