//! OpenSSH certificates (PROTOCOL.certkeys): a key, what it may be used for, and the signature of an authority.

mod options;

pub use options::{CriticalOptions, Extensions, OptionsError};

use serde::{Deserialize, Serialize};
use wire::Reader;

use crate::revocation::CertificateFacts;
use crate::{FingerprintHash, KeyError, KeyType, PublicKey};

/// No certificate that is accepted here is longer: 256 names of 200 bytes fit.
const LONGEST_BLOB: usize = 64 * 1024;
/// As theirs.
const MOST_PRINCIPALS: usize = 256;

/// A certificate whose authority's signature is right. Whether anybody trusts that authority is another question.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    blob: Vec<u8>,
    key: PublicKey,
    serial: u64,
    kind: CertificateKind,
    key_id: String,
    principals: Vec<String>,
    valid_after: u64,
    valid_before: u64,
    critical_options: Vec<u8>,
    extensions: Vec<u8>,
    authority: PublicKey,
    signature_algorithm: String,
}

/// Whom a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CertificateKind {
    /// It proves a user to hosts.
    User,
    /// It proves a host to users.
    Host,
}

impl Certificate {
    /// Reads a certificate and checks its signature. The signature's algorithm must be one of `accepted`
    /// (CASignatureAlgorithms), which is asked before the authority's key is parsed.
    ///
    /// # Errors
    /// Everything that cannot be understood; names that are not UTF-8; an authority that is itself a certificate; an
    /// algorithm that is not accepted; a wrong signature.
    pub fn parse(blob: &[u8], accepted: &[String]) -> Result<Self, KeyError> {
        if blob.len() > LONGEST_BLOB {
            return Err(KeyError::BadKey("certificate is too long"));
        }
        let mut reader = Reader::new(blob);
        let key_type = KeyType::from_certificate_name(reader.utf8()?).ok_or(KeyError::UnknownType)?;
        let _nonce = reader.string()?;
        let key = PublicKey::read_fields(key_type, &mut reader)?;
        let (serial, kind) = (reader.u64()?, CertificateKind::from_number(reader.u32()?)?);
        let (key_id, principals) = (name(&mut reader)?, names(reader.string()?)?);
        let (valid_after, valid_before) = (reader.u64()?, reader.u64()?);
        let (critical_options, extensions) = (reader.string()?.to_vec(), reader.string()?.to_vec());
        let (_reserved, authority) = (reader.string()?, reader.string()?);
        let signed = blob.get(..blob.len().saturating_sub(reader.remaining())).unwrap_or_default();
        let signature = reader.string()?;
        reader.finish()?;
        options::check_encoding(&critical_options)?;
        options::check_encoding(&extensions)?;

        let signature_algorithm = Reader::new(signature).utf8()?.to_owned();
        if !accepted.contains(&signature_algorithm) {
            return Err(KeyError::AuthorityAlgorithm(signature_algorithm));
        }
        let authority = PublicKey::parse(authority).map_err(|_| KeyError::BadAuthority)?;
        authority.verify(&signature_algorithm, signed, signature)?;
        Ok(Self {
            blob: blob.to_vec(),
            key,
            serial,
            kind,
            key_id,
            principals,
            valid_after,
            valid_before,
            critical_options,
            extensions,
            authority,
            signature_algorithm,
        })
    }

    /// The blob it was parsed from.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// The key that is certified.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The number that its authority gave it; 0 if none.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// Whom it is for.
    #[must_use]
    pub fn kind(&self) -> CertificateKind {
        self.kind
    }

    /// The text that its authority tells it from others by.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Names of users or hosts. One with a comma in it is one name (CVE-2026-35414).
    #[must_use]
    pub fn principals(&self) -> &[String] {
        &self.principals
    }

    /// The first second at which it is valid, since 1970 in UTC.
    #[must_use]
    pub fn valid_after(&self) -> u64 {
        self.valid_after
    }

    /// The first second at which it is no longer valid.
    #[must_use]
    pub fn valid_before(&self) -> u64 {
        self.valid_before
    }

    /// What whoever accepts it must understand and obey.
    ///
    /// # Errors
    /// An option that is not known, or with a value that it cannot have: the certificate must not be accepted.
    pub fn critical_options(&self) -> Result<CriticalOptions, OptionsError> {
        CriticalOptions::parse(&self.critical_options)
    }

    /// Whether there is any critical option: none is defined for hosts.
    #[must_use]
    pub fn has_critical_options(&self) -> bool {
        !self.critical_options.is_empty()
    }

    /// What it permits.
    ///
    /// # Errors
    /// A known extension with a value that it cannot have. Unknown ones permit nothing that there is.
    pub fn extensions(&self) -> Result<Extensions, OptionsError> {
        Extensions::parse(&self.extensions)
    }

    /// The key that signed it.
    #[must_use]
    pub fn authority(&self) -> &PublicKey {
        &self.authority
    }

    /// The algorithm that the authority signed with.
    #[must_use]
    pub fn signature_algorithm(&self) -> &str {
        &self.signature_algorithm
    }

    /// What a revocation list can know it by.
    #[must_use]
    pub fn revocation_facts(&self) -> CertificateFacts<'_> {
        CertificateFacts { authority: &self.authority, serial: self.serial, key_id: self.key_id.as_bytes() }
    }
}

impl CertificateKind {
    fn from_number(number: u32) -> Result<Self, KeyError> {
        match number {
            1 => Ok(Self::User),
            2 => Ok(Self::Host),
            _ => Err(KeyError::BadKey("certificate is neither a user's nor a host's")),
        }
    }
}

/// A NUL would end the name for everybody who writes in C.
fn name(reader: &mut Reader<'_>) -> Result<String, KeyError> {
    let name = reader.utf8()?;
    if name.contains('\0') { Err(KeyError::BadKey("name in a certificate holds a NUL")) } else { Ok(name.to_owned()) }
}

fn names(list: &[u8]) -> Result<Vec<String>, KeyError> {
    let mut reader = Reader::new(list);
    let mut names = Vec::new();
    while reader.remaining() > 0 {
        if names.len() >= MOST_PRINCIPALS {
            return Err(KeyError::BadKey("certificate has more than 256 principals"));
        }
        names.push(name(&mut reader)?);
    }
    Ok(names)
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hash = FingerprintHash::Sha256;
        write!(out, "{:?} ID {} (serial {})", self.key, self.key_id, self.serial)?;
        write!(out, " CA {} {}", self.authority.key_type().short_name(), self.authority.fingerprint(hash))
    }
}
