//! Both roles against each other, in memory.

mod algorithms;
mod cbc;
mod client;
mod group_exchange;
mod hand_over;
mod hostile;
mod rekeying;
mod strict_and_signals;

use client::Client;
use sandbox::LockedDown;
use wire::msg;

use crate::{
    Event, HandOverState, ModpGroup, ServerSettings, Transport, TransportError,
    kex::PrimeSizes,
    limits,
    test_support::{ALL_CIPHERS, ALL_MACS, settings_for_a_test},
};

const ALL_KEX: &[&str] = &[
    "mlkem768x25519-sha256",
    "mlkem768nistp256-sha256",
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group1-sha1",
    "diffie-hellman-group14-sha1",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group-exchange-sha1",
    "diffie-hellman-group-exchange-sha256",
];

/// What the client offers: one of each.
#[derive(Clone, Copy)]
struct Choice {
    /// Stands before `kex` in the list.
    guess: Option<&'static str>,
    kex: &'static str,
    cipher: &'static str,
    mac: &'static str,
    compression: &'static str,
    strict: bool,
    ext_info: bool,
    first_kex_packet_follows: bool,
    /// For a group exchange.
    prime_sizes: PrimeSizes,
}

const USUAL: Choice = Choice {
    guess: None,
    kex: "curve25519-sha256",
    cipher: "aes128-gcm@openssh.com",
    mac: "hmac-sha2-256",
    compression: "none",
    strict: true,
    ext_info: false,
    first_kex_packet_follows: false,
    prime_sizes: PrimeSizes { minimum: 2048, wanted: 2048, maximum: 2048 },
};

fn settings() -> ServerSettings {
    ServerSettings { kex_algorithms: ALL_KEX.iter().map(|name| (*name).to_owned()).collect(), ..settings_for_a_test() }
}

/// A client, a server, and the wire between them.
struct Pair {
    client: Client,
    server: Transport,
    /// Payloads that the server was given.
    received: Vec<Vec<u8>>,
    told: Vec<String>,
    /// What group exchanges get.
    moduli: Option<ModpGroup>,
}

impl Pair {
    fn new(choice: Choice) -> Self {
        Self {
            client: Client::new(choice),
            server: Transport::accept(settings(), &LockedDown::not_locked_down_for_a_test()),
            received: Vec::new(),
            told: Vec::new(),
            moduli: None,
        }
    }

    /// A pair whose first key exchange is over.
    fn connected(choice: Choice) -> Self {
        let mut pair = Self::new(choice);
        pair.exchange().unwrap();
        assert_eq!(pair.client.key_exchanges, 1);
        pair
    }

    /// A pair after login, and after the hand-over that belongs to it.
    fn logged_in(choice: Choice) -> Self {
        let mut pair = Self::connected(choice);
        pair.log_in();
        pair
    }

    fn log_in(&mut self) {
        self.server.send(&[msg::SSH_MSG_USERAUTH_SUCCESS]);
        self.server.authenticated();
        self.hand_over();
        self.deliver_to_client();
        assert_eq!(self.client.received.pop().unwrap(), [msg::SSH_MSG_USERAUTH_SUCCESS]);
        self.client.authenticated();
        self.server.set_largest_packet(limits::LARGEST_PACKET);
    }

    /// The server moves to another process.
    fn hand_over(&mut self) {
        let proof = LockedDown::not_locked_down_for_a_test();
        let server = std::mem::replace(&mut self.server, Transport::accept(settings(), &proof));
        let bytes = postcard::to_stdvec(&server.into_hand_over()).unwrap();
        let state: HandOverState = postcard::from_bytes(&bytes).unwrap();
        self.server = Transport::resume(state, settings(), &proof).unwrap();
        self.server.set_largest_packet(limits::LARGEST_PACKET);
    }

    /// Bytes go to and fro until nobody has anything to say.
    fn exchange(&mut self) -> Result<(), TransportError> {
        loop {
            let moved = self.deliver_to_client();
            let bytes = self.client.take_output();
            self.deliver_to_server(&bytes)?;
            if moved == 0 && bytes.is_empty() && self.server.output_pending() == 0 {
                return Ok(());
            }
        }
    }

    fn deliver_to_client(&mut self) -> usize {
        let count = self.server.output_pending();
        self.client.take_input(self.server.output());
        self.server.output_written(count);
        count
    }

    fn deliver_to_server(&mut self, bytes: &[u8]) -> Result<(), TransportError> {
        let mut rest = bytes;
        loop {
            self.serve()?;
            let space = self.server.input_space();
            let count = rest.len().min(space.len());
            space[..count].copy_from_slice(&rest[..count]);
            self.server.input_filled(count);
            rest = &rest[count..];
            if count == 0 {
                return self.serve();
            }
        }
    }

    /// The server's events until there are none.
    fn serve(&mut self) -> Result<(), TransportError> {
        loop {
            let hash = match self.server.next_event()? {
                None => return Ok(()),
                Some(Event::SignExchangeHash { exchange_hash, .. }) => exchange_hash.to_vec(),
                Some(Event::ChooseGroup { .. }) => {
                    self.server.group(self.moduli.clone())?;
                    continue;
                }
                Some(Event::Packet(payload)) => {
                    self.received.push(payload.to_vec());
                    continue;
                }
                Some(other) => {
                    self.told.push(format!("{other:?}"));
                    continue;
                }
            };
            self.server.signature(&hash)?;
        }
    }

    /// What the client says reaches the server's owner, and the other way round.
    fn assert_both_ways_work(&mut self, context: &str) {
        let (request, reply) = (long_payload(90), long_payload(91));
        self.client.send(&request);
        self.server.send(&reply);
        self.exchange().unwrap();
        assert!(self.received.pop().as_ref() == Some(&request), "{context}");
        assert!(self.client.received.pop().as_ref() == Some(&reply), "{context}");
    }
}

fn long_payload(number: u8) -> Vec<u8> {
    std::iter::once(number).chain((0..20_000_u32).map(|place| (place % 251) as u8)).collect()
}
