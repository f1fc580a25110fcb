//! The client's role, for tests: it uses the packets of this crate with the directions exchanged, and makes its own half
//! of every key exchange.

use aws_lc_rs::{
    agreement::{self, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral},
    digest, kem,
    rand::SystemRandom,
};
use wire::{Reader, Write, msg};

use super::Choice;
use crate::{
    buffer::Buffer,
    ciphers::CipherName,
    kex::{ExchangedGroup, HashInput, KexMethod, KeySource, ModpGroup, PrimeSizes, exchange_hash},
    limits::LARGEST_PACKET,
    macs::MacName,
    packets::{Direction, Incoming, Outgoing, PACKET_HEADER},
    secret::Secret,
};

pub(super) const CLIENT_VERSION: &str = "SSH-2.0-test_client";

pub(super) struct Client {
    pub(super) choice: Choice,
    /// Bytes for the server.
    pub(super) out: Buffer,
    incoming: Incoming,
    pub(super) outgoing: Outgoing,
    input: Buffer,
    server_version: Option<Vec<u8>>,
    my_kexinit: Option<Vec<u8>>,
    server_kexinit: Option<Vec<u8>>,
    /// With the public value.
    secret: Option<(Ephemeral, Vec<u8>)>,
    pub(super) exchanged_group: Option<ExchangedGroup>,
    next_incoming: Option<crate::ciphers::DirectionKeys>,
    session_id: Option<Vec<u8>>,
    /// Payloads that are not about key exchange.
    pub(super) received: Vec<Vec<u8>>,
    pub(super) key_exchanges: u32,
    /// Payloads to be sent once the key exchange is over.
    later: Vec<Vec<u8>>,
    authenticated: bool,
}

enum Ephemeral {
    Curve(EphemeralPrivateKey),
    MlKem(Box<kem::DecapsulationKey<kem::AlgorithmId>>, EphemeralPrivateKey),
    Sntrup(Box<sntrup::sntrup761::DecapsulationKey>, EphemeralPrivateKey),
    Modp(crypto_ffi::DiffieHellman),
}

impl Client {
    pub(super) fn new(choice: Choice) -> Self {
        let mut client = Self {
            choice,
            out: Buffer::default(),
            incoming: Incoming::new(Direction::unprotected()),
            outgoing: Outgoing::new(Direction::unprotected()),
            input: Buffer::default(),
            server_version: None,
            my_kexinit: None,
            server_kexinit: None,
            secret: None,
            exchanged_group: None,
            next_incoming: None,
            session_id: None,
            received: Vec::new(),
            key_exchanges: 0,
            later: Vec::new(),
            authenticated: false,
        };
        client.out.append(CLIENT_VERSION.as_bytes());
        client.out.append(b"\r\n");
        client
    }

    /// Everything to be sent, at once.
    pub(super) fn take_output(&mut self) -> Vec<u8> {
        let bytes = self.out.waiting().to_vec();
        self.out.consume(bytes.len());
        bytes
    }

    /// Seals a packet whatever the state is.
    pub(super) fn send_now(&mut self, payload: &[u8]) {
        self.out.begin_draft(PACKET_HEADER);
        self.out.extend_draft(payload);
        self.outgoing.seal(&mut self.out).unwrap();
    }

    /// Sends a message as a well-behaved client: not between its KEXINIT and NEWKEYS.
    pub(super) fn send(&mut self, payload: &[u8]) {
        if self.my_kexinit.is_some() || self.session_id.is_none() {
            self.later.push(payload.to_vec());
        } else {
            self.send_now(payload);
        }
    }

    pub(super) fn start_key_exchange(&mut self) {
        if self.my_kexinit.is_none() {
            let kexinit = self.kexinit();
            self.send_now(&kexinit);
            self.my_kexinit = Some(kexinit);
        }
    }

    pub(super) fn kexinit(&self) -> Vec<u8> {
        let choice = &self.choice;
        let mut payload = vec![msg::SSH_MSG_KEXINIT];
        payload.put_bytes(&[9; 16]);
        let signals = [("kex-strict-c-v00@openssh.com", choice.strict), ("ext-info-c", choice.ext_info)];
        let signals = signals.iter().filter(|(_, wanted)| *wanted).map(|(name, _)| *name);
        payload.put_name_list(choice.guess.into_iter().chain([choice.kex]).chain(signals));
        payload.put_name_list(["ssh-ed25519"]);
        for list in [choice.cipher, choice.cipher, choice.mac, choice.mac, choice.compression, choice.compression] {
            payload.put_name_list([list]);
        }
        payload.put_name_list([]);
        payload.put_name_list([]);
        payload.put_boolean(choice.first_kex_packet_follows);
        payload.put_u32(0);
        payload
    }

    /// SSH_MSG_USERAUTH_SUCCESS has been read.
    pub(super) fn authenticated(&mut self) {
        self.authenticated = true;
        self.begin_compression_if_due();
    }

    fn begin_compression_if_due(&mut self) {
        if self.authenticated {
            self.incoming.direction.begin_compression_if_agreed();
            self.outgoing.direction.begin_compression_if_agreed();
        }
    }

    /// Reads what the server sent; answers the key exchange.
    pub(super) fn take_input(&mut self, bytes: &[u8]) {
        self.input.append(bytes);
        if self.server_version.is_none() {
            let Some(end) = self.input.waiting().iter().position(|byte| *byte == b'\n') else { return };
            self.server_version = Some(self.input.waiting()[..end - 1].to_vec());
            self.input.consume(end + 1);
            self.start_key_exchange();
        }
        while let Some(opened) = self.incoming.open(&mut self.input, LARGEST_PACKET).unwrap() {
            let payload = self.incoming.payload(&self.input, &opened).to_vec();
            self.take_message(payload);
        }
    }

    fn take_message(&mut self, payload: Vec<u8>) {
        match payload[0] {
            msg::SSH_MSG_KEXINIT => {
                self.start_key_exchange();
                self.server_kexinit = Some(payload);
                let method = KexMethod::by_name(self.choice.kex).unwrap();
                if method.exchanges_group() {
                    let PrimeSizes { minimum, wanted, maximum } = self.choice.prime_sizes;
                    let mut request = vec![msg::SSH_MSG_KEX_DH_GEX_REQUEST];
                    [minimum, wanted, maximum].into_iter().for_each(|size| request.put_u32(size));
                    self.send_now(&request);
                } else {
                    self.send_public_value(msg::SSH_MSG_KEX_ECDH_INIT, make_ephemeral(method));
                }
            }
            msg::SSH_MSG_KEX_DH_GEX_GROUP if self.waits_for_group() => {
                let mut reader = Reader::new(&payload[1..]);
                let [prime, generator] = [(); 2].map(|()| reader.positive_mpint().unwrap().to_vec());
                let group = ModpGroup { prime, generator };
                let secret = make_modp(&group);
                self.exchanged_group = Some(ExchangedGroup { sizes: self.choice.prime_sizes, group });
                self.send_public_value(msg::SSH_MSG_KEX_DH_GEX_INIT, secret);
            }
            msg::SSH_MSG_KEX_ECDH_REPLY | msg::SSH_MSG_KEX_DH_GEX_REPLY => self.take_reply(&payload),
            msg::SSH_MSG_NEWKEYS => {
                let keys = self.next_incoming.take().unwrap();
                let compresses = self.choice.compression != "none";
                self.incoming.direction.switch_to(keys, self.choice.strict, compresses).unwrap();
                self.begin_compression_if_due();
                self.key_exchanges += 1;
            }
            _ => self.received.push(payload),
        }
    }

    fn waits_for_group(&self) -> bool {
        self.exchanged_group.is_none() && KexMethod::by_name(self.choice.kex).unwrap().exchanges_group()
    }

    fn send_public_value(&mut self, number: u8, (secret, public): (Ephemeral, Vec<u8>)) {
        let mut init = vec![number];
        init.put_string(&public);
        self.secret = Some((secret, public));
        self.send_now(&init);
    }

    /// The "signature" of a test host is the exchange hash itself: both sides must have computed the same.
    fn take_reply(&mut self, payload: &[u8]) {
        let mut reader = Reader::new(&payload[1..]);
        let (host_key, server_value) = (reader.string().unwrap(), reader.string().unwrap());
        let signature = reader.string().unwrap();
        reader.finish().unwrap();
        let (secret, public) = self.secret.take().unwrap();
        let secret = match secret {
            Ephemeral::Curve(mine) => mpint(&agree(mine, server_value)),
            Ephemeral::Modp(mine) => mpint(&mine.agree(wire::positive_magnitude(server_value).unwrap()).unwrap()),
            Ephemeral::MlKem(kem_key, mine) => {
                let kem_secret = kem_key.decapsulate(server_value[..1088].into()).unwrap();
                let both = [kem_secret.as_ref(), &agree(mine, &server_value[1088..])].concat();
                string(digest::digest(&digest::SHA256, &both).as_ref())
            }
            Ephemeral::Sntrup(kem_key, mine) => {
                let ciphertext = sntrup::sntrup761::Ciphertext::try_from(&server_value[..1039]).unwrap();
                let both = [kem_key.decapsulate(&ciphertext).as_ref(), &agree(mine, &server_value[1039..])].concat();
                string(digest::digest(&digest::SHA512, &both).as_ref())
            }
        };
        let shared_secret = Secret::from(secret);
        let method = KexMethod::by_name(self.choice.kex).unwrap();
        let my_kexinit = self.my_kexinit.take().unwrap();
        let hash = exchange_hash(
            method,
            &HashInput {
                client_version: CLIENT_VERSION.as_bytes(),
                server_version: self.server_version.as_deref().unwrap(),
                client_kexinit: &my_kexinit,
                server_kexinit: &self.server_kexinit.take().unwrap(),
                host_key,
                exchanged_group: self.exchanged_group.take().as_ref(),
                client_value: &public,
                server_value,
                shared_secret: &shared_secret,
            },
        );
        assert_eq!(signature, hash, "the exchange hashes differ");
        let session_id = self.session_id.get_or_insert(hash.clone());
        let source =
            KeySource { method, shared_secret: &shared_secret, exchange_hash: &hash, session_id: &session_id.clone() };
        let cipher = CipherName::by_name(self.choice.cipher).unwrap();
        let mac = MacName::by_name(self.choice.mac).filter(|_| !cipher.is_aead());
        self.next_incoming = Some(source.server_to_client(cipher, mac));
        self.send_now(&[msg::SSH_MSG_NEWKEYS]);
        let compresses = self.choice.compression != "none";
        self.outgoing
            .direction
            .switch_to(source.client_to_server(cipher, mac), self.choice.strict, compresses)
            .unwrap();
        self.begin_compression_if_due();
        for payload in std::mem::take(&mut self.later) {
            self.send_now(&payload);
        }
    }
}

fn make_modp(group: &ModpGroup) -> (Ephemeral, Vec<u8>) {
    let mine = crypto_ffi::DiffieHellman::new(&group.prime, &group.generator, 256).unwrap();
    let mut public = mpint(&mine.public_value().unwrap());
    (Ephemeral::Modp(mine), public.split_off(4))
}

fn make_ephemeral(method: KexMethod) -> (Ephemeral, Vec<u8>) {
    if let Some(group) = method.numbered_group() {
        return make_modp(&group);
    }
    let curve = |algorithm| {
        let mine = EphemeralPrivateKey::generate(algorithm, &SystemRandom::new()).unwrap();
        let public = mine.compute_public_key().unwrap().as_ref().to_vec();
        (mine, public)
    };
    let algorithm = match method {
        KexMethod::NistP256 | KexMethod::MlKem768NistP256 => &agreement::ECDH_P256,
        KexMethod::NistP384 => &agreement::ECDH_P384,
        KexMethod::NistP521 => &agreement::ECDH_P521,
        _ => &agreement::X25519,
    };
    let (mine, public) = curve(algorithm);
    match method {
        KexMethod::MlKem768X25519 | KexMethod::MlKem768NistP256 => {
            let kem_key = kem::DecapsulationKey::generate(&kem::ML_KEM_768).unwrap();
            let both = [kem_key.encapsulation_key().unwrap().key_bytes().unwrap().as_ref(), &public].concat();
            (Ephemeral::MlKem(Box::new(kem_key), mine), both)
        }
        KexMethod::Sntrup761X25519 => {
            let (key, secret) = sntrup::sntrup761::generate_key(&mut NotRandom(1));
            (Ephemeral::Sntrup(Box::new(secret), mine), [key.as_ref(), &public].concat())
        }
        _ => (Ephemeral::Curve(mine), public),
    }
}

fn agree(mine: EphemeralPrivateKey, theirs: &[u8]) -> Vec<u8> {
    let theirs = UnparsedPublicKey::new(mine.algorithm(), theirs);
    agree_ephemeral(mine, theirs, (), |agreed| Ok(agreed.to_vec())).unwrap()
}

fn mpint(number: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    encoded.put_mpint(number);
    encoded
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    encoded.put_string(bytes);
    encoded
}

/// A generator for a key that protects nothing.
struct NotRandom(u64);

impl rand_core::TryRng for NotRandom {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.try_next_u64().map(|number| (number >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Ok(self.0)
    }

    fn try_fill_bytes(&mut self, place: &mut [u8]) -> Result<(), Self::Error> {
        place.iter_mut().for_each(|byte| *byte = self.try_next_u32().unwrap_or(0) as u8);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for NotRandom {}
