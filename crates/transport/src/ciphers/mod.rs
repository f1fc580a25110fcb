//! What protects packets: one [`PacketCipher`] for each direction, which opens and seals whole packets in place.
//!
//! None of them but CBC keeps a position of its own: where a direction stands is in [`Position`], so that a hand-over
//! moves three numbers and the keys.

mod cbc_and_mac;
mod chacha_poly;
mod ctr_and_mac;
mod gcm;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{TransportError, macs::MacName, secret::Secret};
use cbc_and_mac::CbcAndMac;
use chacha_poly::ChaChaPoly;
use ctr_and_mac::CtrAndMac;
use gcm::Gcm;

/// Bytes of packet_length, the first field of a packet (RFC 4253 section 6).
pub(crate) const LENGTH_FIELD: usize = 4;

/// Bytes of the longest tag or MAC: that of hmac-sha2-512.
pub(crate) const LONGEST_TAG: usize = 64;

/// A cipher's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum CipherName {
    ChaCha20Poly1305,
    Aes128Gcm,
    Aes256Gcm,
    Aes128Ctr,
    Aes192Ctr,
    Aes256Ctr,
    Aes128Cbc,
    Aes192Cbc,
    Aes256Cbc,
    TripleDesCbc,
}

impl CipherName {
    const NAMES: [(&'static str, Self); 10] = [
        ("chacha20-poly1305@openssh.com", Self::ChaCha20Poly1305),
        ("aes128-gcm@openssh.com", Self::Aes128Gcm),
        ("aes256-gcm@openssh.com", Self::Aes256Gcm),
        ("aes128-ctr", Self::Aes128Ctr),
        ("aes192-ctr", Self::Aes192Ctr),
        ("aes256-ctr", Self::Aes256Ctr),
        ("aes128-cbc", Self::Aes128Cbc),
        ("aes192-cbc", Self::Aes192Cbc),
        ("aes256-cbc", Self::Aes256Cbc),
        ("3des-cbc", Self::TripleDesCbc),
    ];

    pub(crate) fn by_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, cipher)| *cipher)
    }

    pub(crate) fn is_aead(self) -> bool {
        matches!(self, Self::ChaCha20Poly1305 | Self::Aes128Gcm | Self::Aes256Gcm)
    }

    /// Bytes of key that the key exchange must yield.
    pub(crate) fn key_length(self) -> usize {
        match self {
            Self::ChaCha20Poly1305 => 64,
            Self::Aes256Gcm | Self::Aes256Ctr | Self::Aes256Cbc => 32,
            Self::Aes192Ctr | Self::Aes192Cbc | Self::TripleDesCbc => 24,
            Self::Aes128Gcm | Self::Aes128Ctr | Self::Aes128Cbc => 16,
        }
    }

    /// Bytes of initial IV that the key exchange must yield.
    pub(crate) fn iv_length(self) -> usize {
        match self {
            Self::ChaCha20Poly1305 => 0,
            Self::TripleDesCbc => 8,
            Self::Aes128Gcm | Self::Aes256Gcm => 12,
            Self::Aes128Ctr
            | Self::Aes192Ctr
            | Self::Aes256Ctr
            | Self::Aes128Cbc
            | Self::Aes192Cbc
            | Self::Aes256Cbc => 16,
        }
    }

    /// Bytes in one direction after which new keys are due: RFC 4344 section 3.2 says 2^(L/4) blocks of L bits for
    /// L ≥ 128 (2³² blocks of AES are 64 GiB) and 1 GiB for shorter blocks; ChaCha20's counts as 64 bits.
    pub(crate) fn bytes_before_rekey(self) -> u64 {
        match self {
            Self::ChaCha20Poly1305 | Self::TripleDesCbc => 1 << 30,
            _ => 16 << 32,
        }
    }
}

/// The keys of one direction as the key exchange yields them.
#[derive(Debug, Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct DirectionKeys {
    #[zeroize(skip)]
    pub(crate) cipher: CipherName,
    /// `None` with an AEAD cipher.
    #[zeroize(skip)]
    pub(crate) mac: Option<MacName>,
    pub(crate) key: Secret,
    pub(crate) iv: Secret,
    pub(crate) mac_key: Secret,
}

/// Where one direction stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// The next packet's sequence number (RFC 4253 section 6.4).
    pub(crate) sequence: u32,
    /// Packets under the present keys.
    pub(crate) packets: u64,
    /// Enciphered bytes under the present keys.
    pub(crate) bytes: u64,
}

impl Position {
    /// One packet further, of which `enciphered` bytes went through the cipher.
    pub(crate) fn advance(&mut self, enciphered: usize) {
        self.sequence = self.sequence.wrapping_add(1);
        self.packets = self.packets.saturating_add(1);
        self.bytes = self.bytes.saturating_add(enciphered as u64);
    }
}

/// The protection of one direction.
#[derive(Debug)]
pub(crate) enum PacketCipher {
    /// Before the first key exchange.
    None,
    ChaChaPoly(Box<ChaChaPoly>),
    Gcm(Box<Gcm>),
    CtrAndMac(Box<CtrAndMac>),
    CbcAndMac(Box<CbcAndMac>),
}

impl PacketCipher {
    pub(crate) fn new(keys: &DirectionKeys) -> Result<Self, TransportError> {
        let built = match keys.cipher {
            CipherName::ChaCha20Poly1305 => ChaChaPoly::new(keys).map(|cipher| Self::ChaChaPoly(Box::new(cipher))),
            CipherName::Aes128Gcm | CipherName::Aes256Gcm => Gcm::new(keys).map(|cipher| Self::Gcm(Box::new(cipher))),
            CipherName::Aes128Ctr | CipherName::Aes192Ctr | CipherName::Aes256Ctr => {
                CtrAndMac::new(keys).map(|cipher| Self::CtrAndMac(Box::new(cipher)))
            }
            CipherName::Aes128Cbc | CipherName::Aes192Cbc | CipherName::Aes256Cbc | CipherName::TripleDesCbc => {
                CbcAndMac::new(keys).map(|cipher| Self::CbcAndMac(Box::new(cipher)))
            }
        };
        built.ok_or(TransportError::CryptoFailed { what: "cipher set-up" })
    }

    /// Bytes that padding fills up to.
    pub(crate) fn block_size(&self) -> usize {
        match self {
            Self::None | Self::ChaChaPoly(_) => 8,
            Self::Gcm(_) | Self::CtrAndMac(_) => 16,
            Self::CbcAndMac(cipher) => cipher.block_size(),
        }
    }

    /// Whether the length field is enciphered together with the rest and counts for the padding (RFC 4253 section 6), or
    /// stands before it (AEAD, encrypt-then-MAC).
    pub(crate) fn pads_length_field(&self) -> bool {
        match self {
            Self::None => true,
            Self::ChaChaPoly(_) | Self::Gcm(_) => false,
            Self::CtrAndMac(cipher) => !cipher.is_etm(),
            Self::CbcAndMac(cipher) => !cipher.is_etm(),
        }
    }

    /// Bytes behind the padding.
    pub(crate) fn tag_length(&self) -> usize {
        match self {
            Self::None => 0,
            Self::ChaChaPoly(_) | Self::Gcm(_) => 16,
            Self::CtrAndMac(cipher) => cipher.tag_length(),
            Self::CbcAndMac(cipher) => cipher.tag_length(),
        }
    }

    /// Bytes that must be there to tell a packet's length.
    pub(crate) fn bytes_to_tell_length(&self) -> usize {
        if matches!(self, Self::None) || !self.pads_length_field() { LENGTH_FIELD } else { self.block_size() }
    }

    /// packet_length, from the first [`PacketCipher::bytes_to_tell_length`] bytes, which stay as they are.
    pub(crate) fn packet_length(&self, position: &Position, first: &[u8]) -> Option<u32> {
        match self {
            Self::None | Self::Gcm(_) => first.first_chunk().map(|field| u32::from_be_bytes(*field)),
            Self::ChaChaPoly(cipher) => cipher.packet_length(position, first),
            Self::CtrAndMac(cipher) => cipher.packet_length(position, first),
            Self::CbcAndMac(cipher) => cipher.packet_length(first),
        }
    }

    /// Checks and deciphers a whole packet in place, from the length field to the tag.
    pub(crate) fn open(&mut self, position: &Position, packet: &mut [u8]) -> Result<(), TransportError> {
        let opened = match self {
            Self::None => Some(()),
            Self::ChaChaPoly(cipher) => cipher.open(position, packet),
            Self::Gcm(cipher) => cipher.open(position, packet),
            Self::CtrAndMac(cipher) => cipher.open(position, packet),
            Self::CbcAndMac(cipher) => cipher.open(position, packet),
        };
        opened.ok_or(TransportError::MacIncorrect)
    }

    /// Enciphers a whole packet in place, whose length field is filled in, and writes the tag into its last bytes.
    pub(crate) fn seal(&mut self, position: &Position, packet: &mut [u8]) -> Result<(), TransportError> {
        let sealed = match self {
            Self::None => Some(()),
            Self::ChaChaPoly(cipher) => cipher.seal(position, packet),
            Self::Gcm(cipher) => cipher.seal(position, packet),
            Self::CtrAndMac(cipher) => cipher.seal(position, packet),
            Self::CbcAndMac(cipher) => cipher.seal(position, packet),
        };
        sealed.ok_or(TransportError::CryptoFailed { what: "sealing a packet" })
    }

    /// The keys with which another process goes on.
    pub(crate) fn keys_to_go_on(&self, mut keys: DirectionKeys) -> DirectionKeys {
        if let Self::CbcAndMac(cipher) = self {
            keys.iv = cipher.iv();
        }
        keys
    }

    /// Whether the peer may learn from when and how a forged packet is refused what it deciphers to (CVE-2008-5161):
    /// CBC lets anybody put enciphered blocks of before in front, where the length is.
    pub(crate) fn tells_by_refusing(&self) -> bool {
        matches!(self, Self::CbcAndMac(cipher) if !cipher.is_etm())
    }

    /// The work of a MAC over `length` bytes, for nothing.
    pub(crate) fn waste_mac(&self, length: usize) {
        if let Self::CbcAndMac(cipher) = self {
            cipher.waste_mac(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{ALL_CIPHERS, ALL_MACS, keys_for_a_test};
    use proptest::prelude::*;

    fn every_protection() -> Vec<(String, DirectionKeys)> {
        let mut all = Vec::new();
        for cipher in ALL_CIPHERS {
            let aead = CipherName::by_name(cipher).unwrap().is_aead();
            for mac in if aead { &[""] } else { ALL_MACS } {
                all.push((format!("{cipher} {mac}"), keys_for_a_test(cipher, mac)));
            }
        }
        all
    }

    fn packet_with_length(cipher: &PacketCipher, blocks: usize) -> Vec<u8> {
        let inside = blocks * cipher.block_size() - if cipher.pads_length_field() { LENGTH_FIELD } else { 0 };
        let mut packet = (inside as u32).to_be_bytes().to_vec();
        packet.extend((0..inside).map(|place| place as u8));
        packet.resize(packet.len() + cipher.tag_length(), 0);
        packet
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn what_is_sealed_opens_and_nothing_else_does(
            blocks in 1usize..70, sequence: u32, packets in 0u64..1 << 40, at: prop::sample::Index, bit in 0u8..8,
        ) {
            for (name, keys) in every_protection() {
                // Each packet is its chain's first one.
                let fresh = || PacketCipher::new(&keys).unwrap();
                let cipher = fresh();
                let position = Position { sequence, packets, bytes: packets * 32 };
                let plain = packet_with_length(&cipher, blocks);
                let mut sealed = plain.clone();
                fresh().seal(&position, &mut sealed).unwrap();
                let until_tag = plain.len() - cipher.tag_length();
                prop_assert_ne!(&sealed[4..until_tag], &plain[4..until_tag], "{}", name);

                let told = cipher.packet_length(&position, &sealed[..cipher.bytes_to_tell_length()]);
                prop_assert_eq!(&told.unwrap().to_be_bytes(), &plain[..4], "{}", name);
                let mut opened = sealed.clone();
                prop_assert!(fresh().open(&position, &mut opened).is_ok(), "{}", name);
                prop_assert_eq!(&opened[4..until_tag], &plain[4..until_tag], "{}", name);

                let mut forged = sealed.clone();
                forged[at.index(sealed.len())] ^= 1 << bit;
                prop_assert_eq!(fresh().open(&position, &mut forged), Err(TransportError::MacIncorrect), "{}", name);
                let elsewhere = Position { sequence: sequence.wrapping_add(1), packets: packets + 1, bytes: position.bytes + 16 };
                prop_assert_eq!(fresh().open(&elsewhere, &mut sealed), Err(TransportError::MacIncorrect), "{}", name);
            }
        }
    }

    #[test]
    fn short_packets_are_errors_not_panics() {
        for (name, keys) in every_protection() {
            let mut cipher = PacketCipher::new(&keys).unwrap();
            for length in 0..24 {
                let mut packet = vec![0; length];
                assert!(cipher.open(&Position::default(), &mut packet).is_err(), "{name} {length}");
            }
        }
    }
}
