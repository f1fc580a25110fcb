//! Key revocation lists (OpenSSH's PROTOCOL.krl).

use std::collections::HashSet;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use wire::Reader;

use super::RevocationError::{self, Malformed, Unsupported};
use crate::PublicKey;

const MAGIC: &[u8] = b"SSHKRL\n\0";
const FORMAT_VERSION: u32 = 1;

/// Kinds of sections.
mod section {
    pub(super) const CERTIFICATES: u8 = 1;
    pub(super) const EXPLICIT_KEY: u8 = 2;
    pub(super) const FINGERPRINT_SHA1: u8 = 3;
    pub(super) const SIGNATURE: u8 = 4;
    pub(super) const FINGERPRINT_SHA256: u8 = 5;
    pub(super) const EXTENSION: u8 = 255;
}

/// Kinds of sections within a section of certificates.
mod certificate_section {
    pub(super) const SERIAL_LIST: u8 = 0x20;
    pub(super) const SERIAL_RANGE: u8 = 0x21;
    pub(super) const SERIAL_BITMAP: u8 = 0x22;
    pub(super) const KEY_ID: u8 = 0x23;
    pub(super) const EXTENSION: u8 = 0x39;
}

/// A key revocation list, understood to its last byte.
#[derive(Debug, Clone, Default)]
pub(super) struct Krl {
    keys: HashSet<Vec<u8>>,
    sha1: HashSet<Vec<u8>>,
    sha256: HashSet<Vec<u8>>,
    certificates: Vec<OfAuthority>,
}

/// What a list says about the certificates of one authority.
#[derive(Debug, Clone)]
struct OfAuthority {
    /// The blob of its key; empty: every authority.
    authority: Vec<u8>,
    serials: Vec<Serials>,
    key_ids: HashSet<Vec<u8>>,
}

/// Serial numbers of certificates.
#[derive(Debug, Clone)]
enum Serials {
    /// From the first to the second, both included.
    Range(u64, u64),
    /// Number `first + n` for every bit `n` that is set; the last bit of the bytes is bit 0.
    Bitmap { first: u64, bits: Vec<u8> },
}

/// What a list can know a certificate by, beside its key.
#[derive(Debug, Clone, Copy)]
pub struct CertificateFacts<'a> {
    /// The key that signed it.
    pub authority: &'a PublicKey,
    /// Its serial number; 0 is that of certificates without one, and is never revoked.
    pub serial: u64,
    /// Its key id.
    pub key_id: &'a [u8],
}

impl Krl {
    /// Reads a list; `None` when the magic in front is missing.
    pub(super) fn parse(file: &[u8]) -> Result<Option<Self>, RevocationError> {
        let Some(behind) = file.strip_prefix(MAGIC) else { return Ok(None) };
        let mut reader = Reader::new(behind);
        if reader.u32()? != FORMAT_VERSION {
            return Err(Malformed("unknown version of the format"));
        }
        let (_list_version, _generated, _flags) = (reader.u64()?, reader.u64()?, reader.u64()?);
        let (_reserved, _comment) = (reader.string()?, reader.string()?);
        let mut krl = Self::default();
        while reader.remaining() > 0 {
            let (kind, content) = (reader.u8()?, Reader::new(reader.string()?));
            match kind {
                section::CERTIFICATES => krl.certificates.push(OfAuthority::parse(content)?),
                section::EXPLICIT_KEY => blobs(content, &mut krl.keys, None)?,
                section::FINGERPRINT_SHA1 => blobs(content, &mut krl.sha1, Some(20))?,
                section::FINGERPRINT_SHA256 => blobs(content, &mut krl.sha256, Some(32))?,
                section::EXTENSION => extension(content)?,
                // The signing key was `content`. As theirs, which never checked a signature here.
                section::SIGNATURE => drop(reader.string()?),
                _ => return Err(Unsupported),
            }
        }
        Ok(Some(krl))
    }

    /// Whether the list revokes a key: by itself or by one of its hashes.
    pub(super) fn revokes_key(&self, key: &PublicKey) -> bool {
        let blob = key.blob();
        self.sha1.contains(digest(&SHA1_FOR_LEGACY_USE_ONLY, blob).as_ref())
            || self.sha256.contains(digest(&SHA256, blob).as_ref())
            || self.keys.contains(blob)
    }

    /// Whether the list revokes a certificate by serial number or key id.
    pub(super) fn revokes_certificate(&self, certificate: CertificateFacts<'_>) -> bool {
        self.certificates
            .iter()
            .filter(|section| section.authority.is_empty() || section.authority == certificate.authority.blob())
            .any(|section| section.revokes(certificate))
    }
}

impl OfAuthority {
    fn parse(mut reader: Reader<'_>) -> Result<Self, RevocationError> {
        let (authority, _reserved) = (reader.string()?.to_vec(), reader.string()?);
        let mut section = Self { authority, serials: Vec::new(), key_ids: HashSet::new() };
        while reader.remaining() > 0 {
            let (kind, mut content) = (reader.u8()?, Reader::new(reader.string()?));
            match kind {
                certificate_section::SERIAL_LIST => {
                    while content.remaining() > 0 {
                        let serial = content.u64()?;
                        section.serials.push(Serials::Range(serial, serial));
                    }
                }
                certificate_section::SERIAL_RANGE => section.serials.push(range(content)?),
                certificate_section::SERIAL_BITMAP => section.serials.push(bitmap(content)?),
                certificate_section::KEY_ID => blobs(content, &mut section.key_ids, None)?,
                certificate_section::EXTENSION => extension(content)?,
                _ => return Err(Unsupported),
            }
        }
        Ok(section)
    }

    fn revokes(&self, certificate: CertificateFacts<'_>) -> bool {
        self.key_ids.contains(certificate.key_id)
            || (certificate.serial != 0 && self.serials.iter().any(|serials| serials.hold(certificate.serial)))
    }
}

impl Serials {
    fn hold(&self, serial: u64) -> bool {
        match self {
            Self::Range(first, last) => (*first..=*last).contains(&serial),
            Self::Bitmap { first, bits } => serial.checked_sub(*first).is_some_and(|bit| is_set(bits, bit)),
        }
    }
}

/// `bits` is a number without leading zeros, the most significant byte first.
fn is_set(bits: &[u8], bit: u64) -> bool {
    let (from_the_end, within) = (bit.checked_div(8), bit.checked_rem(8));
    let byte = from_the_end.and_then(|byte| bits.iter().rev().nth(usize::try_from(byte).ok()?));
    byte.zip(within).is_some_and(|(byte, within)| byte.checked_shr(within as u32).unwrap_or(0) & 1 == 1)
}

fn range(mut reader: Reader<'_>) -> Result<Serials, RevocationError> {
    let (first, last) = (reader.u64()?, reader.u64()?);
    reader.finish()?;
    if first > last {
        return Err(Malformed("range of serial numbers ends before it begins"));
    }
    Ok(Serials::Range(first, last))
}

fn bitmap(mut reader: Reader<'_>) -> Result<Serials, RevocationError> {
    let (first, bits) = (reader.u64()?, reader.positive_mpint()?.to_vec());
    reader.finish()?;
    let length = u64::try_from(bits.len()).ok().and_then(|bytes| bytes.checked_mul(8));
    if length.and_then(|length| first.checked_add(length)).is_none() {
        return Err(Malformed("bitmap of serial numbers goes beyond the largest"));
    }
    Ok(Serials::Bitmap { first, bits })
}

/// Strings up to the end of a section.
fn blobs(mut reader: Reader<'_>, found: &mut HashSet<Vec<u8>>, length: Option<usize>) -> Result<(), RevocationError> {
    while reader.remaining() > 0 {
        let blob = reader.string()?;
        if length.is_some_and(|length| blob.len() != length) {
            return Err(Malformed("hash of a wrong length"));
        }
        found.insert(blob.to_vec());
    }
    Ok(())
}

/// None is known; only those that are not critical may be passed over.
fn extension(mut reader: Reader<'_>) -> Result<(), RevocationError> {
    let (_name, critical, _content) = (reader.string()?, reader.boolean()?, reader.string()?);
    reader.finish()?;
    if critical { Err(Unsupported) } else { Ok(()) }
}
