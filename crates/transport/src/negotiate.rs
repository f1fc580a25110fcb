//! SSH_MSG_KEXINIT and what two of them agree on (RFC 4253 section 7.1).

use serde::{Deserialize, Serialize};
use wire::{NameList, Reader, WireError, Write, msg};

use crate::{Compression, HostKey, ServerSettings, TransportError, ciphers::CipherName, kex::KexMethod, macs::MacName};

/// Ours, in KEXINIT: strict key exchange (OpenSSH's PROTOCOL section 1.9, against CVE-2023-48795).
const STRICT_SERVER: &str = "kex-strict-s-v00@openssh.com";
/// The client's.
const STRICT_CLIENT: &str = "kex-strict-c-v00@openssh.com";
/// RFC 8308 section 2.1
const EXT_INFO_SERVER: &str = "ext-info-s";
/// RFC 8308 section 2.1
const EXT_INFO_CLIENT: &str = "ext-info-c";

const NO_COMPRESSION: &str = "none";
pub(crate) const DELAYED_COMPRESSION: &str = "zlib@openssh.com";

/// What a MAC is called where an AEAD cipher makes none necessary.
const IMPLICIT: &str = "<implicit>";

/// What the latest key exchange agreed on, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Negotiated {
    /// The key exchange method.
    pub kex: String,
    /// The host key's signature algorithm.
    pub host_key: String,
    /// Client to server.
    pub cipher_in: String,
    /// Server to client.
    pub cipher_out: String,
    /// Client to server; `<implicit>` for an AEAD cipher.
    pub mac_in: String,
    /// Server to client; `<implicit>` for an AEAD cipher.
    pub mac_out: String,
    /// Client to server.
    pub compression_in: String,
    /// Server to client.
    pub compression_out: String,
}

impl Negotiated {
    /// One line each for the method, the host key and the two directions, in theirs' words.
    #[must_use]
    pub fn lines(&self) -> [String; 4] {
        let direction = |way: &str, cipher: &str, mac: &str, compression: &str| {
            format!("kex: {way} cipher: {cipher} MAC: {mac} compression: {compression}")
        };
        [
            format!("kex: algorithm: {}", self.kex),
            format!("kex: host key algorithm: {}", self.host_key),
            direction("client->server", &self.cipher_in, &self.mac_in, &self.compression_in),
            direction("server->client", &self.cipher_out, &self.mac_out, &self.compression_out),
        ]
    }
}

/// Cipher, MAC and compression of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AgreedDirection {
    pub(crate) cipher: CipherName,
    pub(crate) mac: Option<MacName>,
    pub(crate) compresses: bool,
}

/// The outcome of a negotiation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Agreed {
    pub(crate) names: Negotiated,
    pub(crate) method: KexMethod,
    /// [`HostKey::index`]
    pub(crate) host_key_index: u32,
    pub(crate) incoming: AgreedDirection,
    pub(crate) outgoing: AgreedDirection,
    /// A guessed packet follows (first_kex_packet_follows) and the guess is wrong.
    pub(crate) skip_guess: bool,
    /// The client asks for strict key exchange. Counts in the first exchange only.
    pub(crate) client_is_strict: bool,
    /// The client wants SSH_MSG_EXT_INFO. Counts in the first exchange only.
    pub(crate) client_wants_ext_info: bool,
}

fn offered_kex(settings: &ServerSettings) -> impl Iterator<Item = &str> {
    settings.kex_algorithms.iter().map(String::as_str).filter(|name| KexMethod::by_name(name).is_some())
}

fn offered_ciphers(settings: &ServerSettings) -> impl Iterator<Item = &str> {
    settings.ciphers.iter().map(String::as_str).filter(|name| CipherName::by_name(name).is_some())
}

fn offered_macs(settings: &ServerSettings) -> impl Iterator<Item = &str> {
    settings.macs.iter().map(String::as_str).filter(|name| MacName::by_name(name).is_some())
}

fn offered_host_keys(settings: &ServerSettings) -> impl Iterator<Item = &str> {
    settings.host_keys.iter().map(|key| key.algorithm.as_str())
}

fn offered_compression(settings: &ServerSettings) -> impl Iterator<Item = &'static str> + Clone {
    let delayed = (settings.compression == Compression::Delayed).then_some(DELAYED_COMPRESSION);
    [Some(NO_COMPRESSION), delayed].into_iter().flatten()
}

/// Our KEXINIT's payload.
pub(crate) fn our_kexinit(settings: &ServerSettings, cookie: [u8; 16], first_exchange: bool) -> Vec<u8> {
    let signals: &[&str] = if first_exchange { &[EXT_INFO_SERVER, STRICT_SERVER] } else { &[] };
    let mut payload = Vec::with_capacity(1024);
    payload.put_u8(msg::SSH_MSG_KEXINIT);
    payload.put_bytes(&cookie);
    payload.put_name_list(offered_kex(settings).chain(signals.iter().copied()));
    payload.put_name_list(offered_host_keys(settings));
    for _direction in ["client to server", "server to client"] {
        payload.put_name_list(offered_ciphers(settings));
    }
    for _direction in ["client to server", "server to client"] {
        payload.put_name_list(offered_macs(settings));
    }
    for _direction in ["client to server", "server to client"] {
        payload.put_name_list(offered_compression(settings));
    }
    for _languages in ["client to server", "server to client"] {
        payload.put_name_list([]);
    }
    let first_kex_packet_follows = false;
    payload.put_boolean(first_kex_packet_follows);
    payload.put_u32(0);
    payload
}

/// The client's KEXINIT.
struct ClientOffer<'a> {
    kex: NameList<'a>,
    host_keys: NameList<'a>,
    ciphers: [NameList<'a>; 2],
    macs: [NameList<'a>; 2],
    compression: [NameList<'a>; 2],
    first_kex_packet_follows: bool,
}

impl<'a> ClientOffer<'a> {
    fn parse(payload: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(payload);
        reader.u8()?;
        let _cookie = reader.bytes(16)?;
        let offer = Self {
            kex: reader.name_list()?,
            host_keys: reader.name_list()?,
            ciphers: [reader.name_list()?, reader.name_list()?],
            macs: [reader.name_list()?, reader.name_list()?],
            compression: [reader.name_list()?, reader.name_list()?],
            first_kex_packet_follows: {
                // Languages are nobody's concern, but they stand in front of the flag.
                let (_in, _out) = (reader.string()?, reader.string()?);
                reader.boolean()?
            },
        };
        let _reserved = reader.u32()?;
        reader.finish()?;
        Ok(offer)
    }
}

/// The first name of the client's list that is ours too.
fn choose<'o>(
    what: &'static str,
    theirs: NameList<'_>,
    ours: impl Iterator<Item = &'o str> + Clone,
) -> Result<&'o str, TransportError> {
    theirs
        .iter()
        .find_map(|name| ours.clone().find(|known| *known == name))
        .ok_or_else(|| TransportError::NoMatch { what, theirs: theirs.as_str().to_owned() })
}

/// Decides every algorithm from the client's KEXINIT payload.
pub(crate) fn negotiate(settings: &ServerSettings, client_kexinit: &[u8]) -> Result<Agreed, TransportError> {
    let malformed = |why| TransportError::Malformed { number: msg::SSH_MSG_KEXINIT, why };
    let offer = ClientOffer::parse(client_kexinit).map_err(malformed)?;
    let kex: Vec<&str> = offered_kex(settings).collect();
    let kex_name = choose("key exchange method", offer.kex, kex.iter().copied())?;
    let host_keys: Vec<&str> = offered_host_keys(settings).collect();
    let host_key_name = choose("host key type", offer.host_keys, host_keys.iter().copied())?;
    let host_key =
        find_host_key(settings, host_key_name).ok_or(TransportError::CryptoFailed { what: "finding the host key" })?;
    let method =
        KexMethod::by_name(kex_name).ok_or(TransportError::CryptoFailed { what: "finding the key exchange method" })?;

    let [ciphers_in, ciphers_out] = offer.ciphers;
    let [macs_in, macs_out] = offer.macs;
    let [compression_in, compression_out] = offer.compression;
    let incoming = choose_direction(settings, ciphers_in, macs_in, compression_in)?;
    let outgoing = choose_direction(settings, ciphers_out, macs_out, compression_out)?;

    let guessed_right =
        offer.kex.iter().next() == kex.first().copied() && offer.host_keys.iter().next() == host_keys.first().copied();
    Ok(Agreed {
        method,
        host_key_index: host_key.index,
        incoming: incoming.agreed,
        outgoing: outgoing.agreed,
        skip_guess: offer.first_kex_packet_follows && !guessed_right,
        client_is_strict: offer.kex.contains(STRICT_CLIENT),
        client_wants_ext_info: offer.kex.contains(EXT_INFO_CLIENT),
        names: Negotiated {
            kex: kex_name.to_owned(),
            host_key: host_key_name.to_owned(),
            cipher_in: incoming.cipher,
            cipher_out: outgoing.cipher,
            mac_in: incoming.mac,
            mac_out: outgoing.mac,
            compression_in: incoming.compression,
            compression_out: outgoing.compression,
        },
    })
}

pub(crate) fn find_host_key<'s>(settings: &'s ServerSettings, algorithm: &str) -> Option<&'s HostKey> {
    settings.host_keys.iter().find(|key| key.algorithm == algorithm)
}

struct ChosenDirection {
    agreed: AgreedDirection,
    cipher: String,
    mac: String,
    compression: String,
}

fn choose_direction(
    settings: &ServerSettings,
    ciphers: NameList<'_>,
    macs: NameList<'_>,
    compression: NameList<'_>,
) -> Result<ChosenDirection, TransportError> {
    let ours: Vec<&str> = offered_ciphers(settings).collect();
    let cipher_name = choose("cipher", ciphers, ours.iter().copied())?;
    let cipher = CipherName::by_name(cipher_name).ok_or(TransportError::CryptoFailed { what: "finding the cipher" })?;
    let mac_name = if cipher.is_aead() {
        IMPLICIT
    } else {
        let ours: Vec<&str> = offered_macs(settings).collect();
        choose("MAC", macs, ours.iter().copied())?
    };
    let compression_name = choose("compression method", compression, offered_compression(settings))?;
    Ok(ChosenDirection {
        agreed: AgreedDirection {
            cipher,
            mac: MacName::by_name(mac_name),
            compresses: compression_name == DELAYED_COMPRESSION,
        },
        cipher: cipher_name.to_owned(),
        mac: mac_name.to_owned(),
        compression: compression_name.to_owned(),
    })
}
