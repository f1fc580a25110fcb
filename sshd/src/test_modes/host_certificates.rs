//! Do the host certificates belong to the host keys?

use std::io::{self, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keys::PrivateKey;
use settings::Effective;
use wire::Reader;

/// Largest certificate file in bytes.
const LARGEST_FILE: u64 = 1 << 20;
/// What the type of every certificate ends with (PROTOCOL.certkeys).
const CERTIFICATE: &str = "-cert-v01@openssh.com";

/// What is wrong with the certificates, each naming its file.
pub(super) fn check(global: &Effective, host_keys: &[PrivateKey]) -> Vec<String> {
    let files = global.host_certificate.iter().filter(|file| !file.is_empty());
    files.filter_map(|file| problem(file, host_keys).map(|why| format!("{}: {why}", file.display()))).collect()
}

fn problem(path: &Path, host_keys: &[PrivateKey]) -> Option<String> {
    let blob = match read(path) {
        Ok(blob) => blob,
        Err(error) => return Some(format!("could not load host certificate: {error}")),
    };
    match blob.as_deref().and_then(certified) {
        None => Some("is not a certificate".to_owned()),
        Some((key_type, _)) if !key_type.ends_with(CERTIFICATE) => Some("is not a certificate".to_owned()),
        Some(certified) if host_keys.iter().any(|key| belongs(certified, key)) => None,
        Some(_) => Some("no matching private key for this certificate".to_owned()),
    }
}

/// Whether a file holds the certificate of a user. (Behind the key's own fields stand a serial number and the type.)
pub(super) fn is_user_certificate(path: &Path) -> bool {
    const USER: u32 = 1;
    let kind = |blob: &[u8]| {
        let mut reader = Reader::new(blob);
        let key_type = reader.utf8().ok()?;
        let fields = match key_type.strip_suffix(CERTIFICATE)? {
            "ssh-ed25519" => 1,
            "sk-ssh-ed25519" | "ssh-rsa" => 2,
            name if name.starts_with("ecdsa-sha2-") => 2,
            "sk-ecdsa-sha2-nistp256" => 3,
            _ => return None,
        };
        // The nonce stands before the fields.
        for _ in 0..=fields {
            reader.string().ok()?;
        }
        reader.u64().ok()?;
        reader.u32().ok()
    };
    read(path).ok().flatten().as_deref().and_then(kind) == Some(USER)
}

/// The blob in a file like `TYPE BASE64 COMMENT`, if there is one.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(LARGEST_FILE).read_to_string(&mut text)?;
    Ok(text.split_ascii_whitespace().nth(1).and_then(|base64| STANDARD.decode(base64).ok()))
}

/// The type of a certificate, and what stands behind its nonce: the fields of the key, then the rest.
fn certified(blob: &[u8]) -> Option<(&str, &[u8])> {
    let mut reader = Reader::new(blob);
    let key_type = reader.utf8().ok()?;
    if key_type.ends_with(CERTIFICATE) {
        reader.string().ok()?;
    }
    Some((key_type, reader.rest()))
}

fn belongs((key_type, fields): (&str, &[u8]), key: &PrivateKey) -> bool {
    let mut plain = Reader::new(key.public().blob());
    let plain_type = plain.utf8().unwrap_or_default();
    let same_type = key_type.strip_suffix(CERTIFICATE) == Some(plain_type.trim_end_matches("@openssh.com"));
    same_type && fields.starts_with(plain.rest())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &[u8]) -> Vec<u8> {
        [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text].concat()
    }

    #[test]
    fn a_certificate_belongs_to_the_key_whose_fields_it_repeats() {
        let key = PrivateKey::generate_ed25519().unwrap();
        let mut plain = Reader::new(key.public().blob());
        plain.string().unwrap();
        let name = format!("ssh-ed25519{CERTIFICATE}");
        let blob = [string(name.as_bytes()), string(b"nonce"), plain.rest().to_vec(), vec![0; 8]].concat();
        assert!(belongs(certified(&blob).unwrap(), &key));
        assert!(!belongs(certified(&blob).unwrap(), &PrivateKey::generate_ed25519().unwrap()));
    }
}
