//! Just enough of a client for one key exchange: curve25519-sha256, and packets sealed with aes128-gcm@openssh.com.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use transport::Transport;
use wire::{Reader, Write, msg};

use crate::server;

const VERSION: &str = "SSH-2.0-fuzz";

/// A client that has its keys.
#[derive(Clone)]
pub struct Client {
    key: Vec<u8>,
    /// RFC 5647 section 7.1: four fixed bytes and a counter of eight.
    fixed: [u8; 4],
    counter: u64,
}

impl Client {
    /// Takes `transport`, which is new, through its first key exchange.
    ///
    /// # Panics
    /// When the two do not understand each other.
    pub fn shake_hands(transport: &mut Transport) -> Self {
        let mine = EphemeralPrivateKey::generate(&X25519, &SystemRandom::new()).expect("a key");
        let my_value = mine.compute_public_key().expect("its public half");
        let my_kexinit = kexinit();
        let mut init = vec![msg::SSH_MSG_KEX_ECDH_INIT];
        init.put_string(my_value.as_ref());
        let hello = [format!("{VERSION}\r\n").into_bytes(), plain(&my_kexinit), plain(&init)].concat();
        server::take(transport, &hello).expect("a good handshake");

        let said = transport.output().to_vec();
        transport.output_written(said.len());
        let end = said.windows(2).position(|window| window == b"\r\n").expect("an identification");
        let mut rest = &said[end + 2..];
        let their_kexinit = next_plain(&mut rest);
        let reply = next_plain(&mut rest);
        let mut reader = Reader::new(&reply[1..]);
        let (host_key, their_value) = (reader.string().expect("a host key"), reader.string().expect("a value"));
        let secret =
            agree_ephemeral(mine, UnparsedPublicKey::new(&X25519, their_value), (), |secret| Ok(secret.to_vec()));
        let mut shared = Vec::new();
        shared.put_mpint(&secret.expect("an agreement"));

        let mut hashed = Vec::new();
        for part in
            [VERSION.as_bytes(), &said[..end], &my_kexinit, their_kexinit, host_key, my_value.as_ref(), their_value]
        {
            hashed.put_string(part);
        }
        hashed.put_bytes(&shared);
        let hash = digest(&SHA256, &hashed);
        // The "signature" is the hash as the server has computed it.
        assert_eq!(reader.string().expect("a signature"), hash.as_ref());

        // RFC 4253 section 7.2
        let derive = |letter: u8| digest(&SHA256, &[&shared, hash.as_ref(), &[letter], hash.as_ref()].concat());
        let (iv, key) = (derive(b'A'), derive(b'C'));
        server::take(transport, &plain(&[msg::SSH_MSG_NEWKEYS])).expect("keys of the client");
        let (fixed, behind) = iv.as_ref().split_first_chunk().expect("an IV");
        let counter = u64::from_be_bytes(*behind.first_chunk().expect("a counter"));
        Self { key: key.as_ref()[..16].to_vec(), fixed: *fixed, counter }
    }

    /// The packet that carries this payload.
    ///
    /// # Panics
    /// Never, with payloads of less than 4 GiB.
    #[must_use]
    pub fn seal(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut sealed = framed(payload, 16, 1);
        let mut nonce = [0; 12];
        nonce[..4].copy_from_slice(&self.fixed);
        nonce[4..].copy_from_slice(&self.counter.to_be_bytes());
        self.counter = self.counter.wrapping_add(1);
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &self.key).expect("16 bytes"));
        let (length, body) = sealed.split_at_mut(4);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(length), body).expect("sealed");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }
}

fn kexinit() -> Vec<u8> {
    let mut payload = vec![msg::SSH_MSG_KEXINIT];
    payload.put_bytes(&[9; 16]);
    payload.put_name_list(["curve25519-sha256", "ext-info-c"]);
    payload.put_name_list(["ssh-ed25519"]);
    for name in ["aes128-gcm@openssh.com", "aes128-gcm@openssh.com", "hmac-sha2-256", "hmac-sha2-256", "none", "none"] {
        payload.put_name_list([name]);
    }
    payload.put_name_list([]);
    payload.put_name_list([]);
    payload.put_boolean(false);
    payload.put_u32(0);
    payload
}

fn plain(payload: &[u8]) -> Vec<u8> {
    framed(payload, 8, 5)
}

/// RFC 4253 section 6; the length counts to the multiple of `block` when `length_counts` is 5, not when it is 1.
fn framed(payload: &[u8], block: usize, length_counts: usize) -> Vec<u8> {
    let padding = block - (payload.len() + length_counts) % block;
    let padding = if padding < 4 { padding + block } else { padding };
    let mut packet = Vec::new();
    packet.put_u32(u32::try_from(payload.len() + padding + 1).expect("a length"));
    packet.put_u8(u8::try_from(padding).expect("at most two blocks"));
    packet.put_bytes(payload);
    packet.resize(packet.len() + padding, 0);
    packet
}

fn next_plain<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let (length, behind) = rest.split_first_chunk().expect("a length");
    let (packet, behind) = behind.split_at(u32::from_be_bytes(*length) as usize);
    *rest = behind;
    &packet[1..packet.len() - usize::from(packet[0])]
}
