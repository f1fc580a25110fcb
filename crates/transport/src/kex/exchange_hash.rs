//! What the host key signs (RFC 4253 section 8, RFC 5656 section 4) and the keys derived from it (RFC 4253 section 7.2).

use aws_lc_rs::digest;
use wire::Write;
use zeroize::Zeroizing;

use super::{ExchangedGroup, KexMethod};
use crate::{
    ciphers::{CipherName, DirectionKeys},
    macs::MacName,
    secret::Secret,
};

/// The fields of the exchange hash in their order.
pub(crate) struct HashInput<'a> {
    /// V_C, without CR LF
    pub(crate) client_version: &'a [u8],
    /// V_S, without CR LF
    pub(crate) server_version: &'a [u8],
    /// I_C: the payload of the client's KEXINIT
    pub(crate) client_kexinit: &'a [u8],
    /// I_S: the payload of our KEXINIT
    pub(crate) server_kexinit: &'a [u8],
    /// K_S
    pub(crate) host_key: &'a [u8],
    /// What a group exchange (RFC 4419 section 3) puts here: the sizes as the client sent them, p and g.
    pub(crate) exchanged_group: Option<&'a ExchangedGroup>,
    /// e, Q_C or C_INIT
    pub(crate) client_value: &'a [u8],
    /// f, Q_S or S_REPLY
    pub(crate) server_value: &'a [u8],
    /// K, encoded
    pub(crate) shared_secret: &'a Secret,
}

/// H. Public values are strings; those over finite fields (RFC 4253 section 8) are contents of mpints, which makes
/// mpints of them.
pub(crate) fn exchange_hash(method: KexMethod, input: &HashInput<'_>) -> Vec<u8> {
    let mut hashed = Zeroizing::new(Vec::with_capacity(8192));
    hashed.put_string(input.client_version);
    hashed.put_string(input.server_version);
    hashed.put_string(input.client_kexinit);
    hashed.put_string(input.server_kexinit);
    hashed.put_string(input.host_key);
    if let Some(ExchangedGroup { sizes, group }) = input.exchanged_group {
        hashed.put_u32(sizes.minimum);
        hashed.put_u32(sizes.wanted);
        hashed.put_u32(sizes.maximum);
        hashed.put_mpint(&group.prime);
        hashed.put_mpint(&group.generator);
    }
    hashed.put_string(input.client_value);
    hashed.put_string(input.server_value);
    hashed.put_bytes(input.shared_secret.bytes());
    digest::digest(method.hash(), &hashed).as_ref().to_vec()
}

/// The letters that tell the keys of one direction apart.
struct Letters {
    iv: u8,
    key: u8,
    mac_key: u8,
}

const CLIENT_TO_SERVER: Letters = Letters { iv: b'A', key: b'C', mac_key: b'E' };
const SERVER_TO_CLIENT: Letters = Letters { iv: b'B', key: b'D', mac_key: b'F' };

/// What all keys of one key exchange are derived from.
pub(crate) struct KeySource<'a> {
    pub(crate) method: KexMethod,
    /// K, encoded
    pub(crate) shared_secret: &'a Secret,
    /// H
    pub(crate) exchange_hash: &'a [u8],
    pub(crate) session_id: &'a [u8],
}

impl KeySource<'_> {
    /// The keys for what the client sends.
    pub(crate) fn client_to_server(&self, cipher: CipherName, mac: Option<MacName>) -> DirectionKeys {
        self.direction(&CLIENT_TO_SERVER, cipher, mac)
    }

    /// The keys for what the server sends.
    pub(crate) fn server_to_client(&self, cipher: CipherName, mac: Option<MacName>) -> DirectionKeys {
        self.direction(&SERVER_TO_CLIENT, cipher, mac)
    }

    fn direction(&self, letters: &Letters, cipher: CipherName, mac: Option<MacName>) -> DirectionKeys {
        DirectionKeys {
            cipher,
            mac,
            key: self.key(letters.key, cipher.key_length()),
            iv: self.key(letters.iv, cipher.iv_length()),
            mac_key: self.key(letters.mac_key, mac.map_or(0, MacName::key_length)),
        }
    }

    /// HASH(K ‖ H ‖ letter ‖ session_id), then HASH(K ‖ H ‖ what there is so far) until `length` bytes are there.
    fn key(&self, letter: u8, length: usize) -> Secret {
        // Enough capacity from the start: growing would leave key bytes behind in freed memory.
        let mut key = Zeroizing::new(Vec::with_capacity(length.saturating_add(digest::MAX_OUTPUT_LEN)));
        if length > 0 {
            key.extend_from_slice(self.hash_with(&[&[letter], self.session_id]).as_ref());
        }
        while key.len() < length {
            let more = self.hash_with(&[&key]);
            key.extend_from_slice(more.as_ref());
        }
        key.get(..length).unwrap_or_default().into()
    }

    fn hash_with(&self, rest: &[&[u8]]) -> digest::Digest {
        let mut context = digest::Context::new(self.method.hash());
        context.update(self.shared_secret.bytes());
        context.update(self.exchange_hash);
        rest.iter().for_each(|part| context.update(part));
        context.finish()
    }
}
