//! Plain lists of keys: a public key a line, as in `.pub` files.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wire::Reader;

use super::RevocationError;
use crate::{KeyError, KeyType, PublicKey};

/// The keys of a plain list.
#[derive(Debug, Clone)]
pub(super) struct KeyList(Vec<PublicKey>);

impl KeyList {
    /// Every line must be understood. Keys of other types than those that can log in here are passed over.
    pub(super) fn parse(text: &[u8]) -> Result<Self, RevocationError> {
        let mut keys = Vec::new();
        for (number, line) in (1_u32..).zip(text.split(|byte| *byte == b'\n')) {
            let line = line.trim_ascii();
            if !matches!(line, [] | [b'#', ..]) {
                keys.extend(key_of(line).ok_or(RevocationError::Line(number))?);
            }
        }
        Ok(Self(keys))
    }

    pub(super) fn holds(&self, key: &PublicKey) -> bool {
        self.0.contains(key)
    }
}

/// `TYPE BASE64 [COMMENT]`. The inner `None` is a key that nobody can log in with.
fn key_of(line: &[u8]) -> Option<Option<PublicKey>> {
    let mut words = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    let (name, base64) = (words.next()?, words.next()?);
    let blob = STANDARD.decode(base64).ok()?;
    if Reader::new(&blob).string() != Ok(name) {
        return None;
    }
    match PublicKey::parse(&blob) {
        Ok(key) => Some(Some(key)),
        Err(KeyError::Certificate) => certified_key(&blob).map(Some),
        // Theirs passes over keys of a length that it does not accept; types that it does not know are an error there,
        // but its types and ours differ.
        Err(KeyError::UnknownType | KeyError::RsaLength) => Some(None),
        Err(_) => None,
    }
}

/// A list that holds a certificate means its key, whoever has certified it.
fn certified_key(blob: &[u8]) -> Option<PublicKey> {
    let mut reader = Reader::new(blob);
    let key_type = KeyType::from_certificate_name(reader.utf8().ok()?)?;
    let _nonce = reader.string().ok()?;
    PublicKey::read_fields(key_type, &mut reader).ok()
}
