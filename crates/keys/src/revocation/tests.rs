use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use wire::Write as _;

use super::*;
use crate::PrivateKey;

fn key() -> PublicKey {
    PrivateKey::generate_ed25519().unwrap().public().clone()
}

fn line(key: &PublicKey) -> String {
    format!("{} {} somebody's\n", key.key_type().name(), STANDARD.encode(key.blob()))
}

/// A list with one section.
fn krl(kind: u8, section: &[u8]) -> Vec<u8> {
    let mut file = b"SSHKRL\n\0".to_vec();
    file.put_u32(1);
    (0..3).for_each(|_| file.put_u64(7));
    file.put_string(b"");
    file.put_string(b"a comment");
    file.put_u8(kind);
    file.put_string(section);
    file
}

fn strings(strings: &[&[u8]]) -> Vec<u8> {
    let mut section = Vec::new();
    strings.iter().for_each(|string| section.put_string(string));
    section
}

/// A list with one section about certificates of `authority`.
fn certificates(authority: Option<&PublicKey>, kind: u8, content: &[u8]) -> Vec<u8> {
    let mut section = strings(&[authority.map_or(&[][..], PublicKey::blob), b""]);
    section.put_u8(kind);
    section.put_string(content);
    krl(1, &section)
}

fn serials(numbers: &[u64]) -> Vec<u8> {
    let mut content = Vec::new();
    numbers.iter().for_each(|number| content.put_u64(*number));
    content
}

fn bitmap(first: u64, bits: &[u8]) -> Vec<u8> {
    let mut content = serials(&[first]);
    content.put_string(bits);
    content
}

fn revokes_certificate(file: &[u8], authority: &PublicKey, serial: u64, key_id: &str) -> bool {
    let krl = Krl::parse(file).unwrap().unwrap();
    krl.revokes_certificate(CertificateFacts { authority, serial, key_id: key_id.as_bytes() })
}

#[test]
fn plain_lists_hold_what_stands_in_them() {
    let (lost, other, kept) = (key(), key(), key());
    let text = format!("# lost\n\n  {}{}\t", line(&lost), line(&other).replace('\n', "\r\n"));
    let revoked = Revoked::parse(text.as_bytes()).unwrap();
    assert!(revoked.holds(&lost) && revoked.holds(&other) && !revoked.holds(&kept));
    assert!(!Revoked::parse(b"").unwrap().holds(&kept));
}

#[test]
fn one_line_that_is_no_key_spoils_the_list() {
    let lost = line(&key());
    let broken = lost.replacen("AAAA", "AAA", 1);
    let misnamed = lost.replacen("ssh-ed25519", "ssh-rsa", 1);
    for bad in ["nonsense", "ssh-ed25519", &format!("no-pty {lost}"), &broken, &misnamed] {
        let refused = Revoked::parse(format!("{lost}{bad}").as_bytes());
        assert_eq!(refused.unwrap_err(), RevocationError::Line(2), "{bad}");
    }
}

#[test]
fn keys_of_types_that_nobody_logs_in_with_are_passed_over() {
    let lost = key();
    let unknown = format!("ssh-dss {}\n", STANDARD.encode(strings(&[b"ssh-dss", b"x"])));
    let revoked = Revoked::parse(format!("{unknown}{}", line(&lost)).as_bytes()).unwrap();
    assert!(revoked.holds(&lost));
}

#[test]
fn a_certificate_in_a_plain_list_means_its_key() {
    let (lost, kept) = (key(), key());
    let name = b"ssh-ed25519-cert-v01@openssh.com";
    let fields = &lost.blob()[4 + "ssh-ed25519".len()..];
    let certificate = [strings(&[name, b"nonce"]), fields.to_vec(), vec![0; 40]].concat();
    let text = |blob: &[u8]| format!("{} {}\n", String::from_utf8_lossy(name), STANDARD.encode(blob));
    let revoked = Revoked::parse(text(&certificate).as_bytes()).unwrap();
    assert!(revoked.holds(&lost) && !revoked.holds(&kept));
    assert_eq!(Revoked::parse(text(&certificate[..60]).as_bytes()).unwrap_err(), RevocationError::Line(1));
}

#[test]
fn keys_are_revoked_by_blob_and_by_either_hash() {
    use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
    let (lost, kept) = (key(), key());
    let (sha1, sha256) = (digest(&SHA1_FOR_LEGACY_USE_ONLY, lost.blob()), digest(&SHA256, lost.blob()));
    for (kind, content) in [(2, lost.blob()), (3, sha1.as_ref()), (5, sha256.as_ref())] {
        let revoked = Revoked::parse(&krl(kind, &strings(&[content]))).unwrap();
        assert!(revoked.holds(&lost) && !revoked.holds(&kept), "section {kind}");
    }
}

#[test]
fn certificates_are_revoked_by_serial_and_key_id_of_their_authority() {
    let (authority, another) = (key(), key());
    let list = certificates(Some(&authority), 0x20, &serials(&[3, 9]));
    let range = certificates(Some(&authority), 0x21, &serials(&[3, 9]));
    // 0x0103: bits 0, 1 and 8.
    let bits = certificates(Some(&authority), 0x22, &bitmap(100, &[1, 3]));
    let revoked = |file: &[u8]| {
        let numbers = (0..=200).chain([u64::MAX]);
        numbers.filter(|serial| revokes_certificate(file, &authority, *serial, "id")).collect::<Vec<_>>()
    };
    assert_eq!(revoked(&list), [3, 9]);
    assert_eq!(revoked(&range), (3..=9).collect::<Vec<_>>());
    assert_eq!(revoked(&bits), [100, 101, 108]);
    assert!(!revokes_certificate(&range, &another, 5, "id"));

    let id = certificates(Some(&authority), 0x23, &strings(&[b"old laptop"]));
    assert!(revokes_certificate(&id, &authority, 0, "old laptop"));
    assert!(!revokes_certificate(&id, &authority, 0, "old") && !revokes_certificate(&id, &another, 0, "old laptop"));
}

#[test]
fn a_section_without_an_authority_is_about_all_of_them_and_serial_0_is_none() {
    let file = certificates(None, 0x21, &serials(&[0, u64::MAX]));
    assert!(revokes_certificate(&file, &key(), 5, ""));
    assert!(!revokes_certificate(&file, &key(), 0, ""));
}

#[test]
fn what_is_not_understood_spoils_the_list() {
    let critical = |critical: u8| [strings(&[b"new@example.org"]), vec![critical], strings(&[b""])].concat();
    assert!(Revoked::parse(&krl(255, &critical(0))).is_ok());
    assert!(Revoked::parse(&certificates(None, 0x39, &critical(0))).is_ok());
    let signed = [krl(4, b"signing key"), strings(&[b"signature"])].concat();
    assert!(Revoked::parse(&signed).is_ok());
    for bad in [
        krl(255, &critical(1)),
        certificates(None, 0x39, &critical(1)),
        krl(77, b""),
        certificates(None, 0x77, b""),
        krl(3, &strings(&[&[0; 32]])),
        krl(5, &strings(&[&[0; 20]])),
        certificates(None, 0x21, &serials(&[9, 3])),
        certificates(None, 0x22, &bitmap(u64::MAX, &[1])),
        certificates(None, 0x22, &[bitmap(1, &[1]), vec![0]].concat()),
        krl(4, b"signing key without a signature"),
        b"SSHKRL\n\0\0\0\0\x02".to_vec(),
        b"SSHKRL\n\0".to_vec(),
    ] {
        assert!(Revoked::parse(&bad).is_err(), "{bad:?}");
    }
    // No beginning of a list is a list: what was cut off might be what matters.
    let whole = krl(2, &strings(&[key().blob()]));
    let header = whole.len() - 5 - 4 - key().blob().len();
    for length in (8..whole.len()).filter(|length| *length != header) {
        assert!(Revoked::parse(&whole[..length]).is_err(), "{length}");
    }
}

proptest! {
    #[test]
    fn no_bytes_are_a_panic(rest in prop::collection::vec(any::<u8>(), 0..300), kind in 0..7_u8) {
        let _ = Revoked::parse(&rest);
        let _ = Revoked::parse(&krl(kind, &rest));
        let _ = Revoked::parse(&certificates(None, 0x1f + kind, &rest));
    }
}
