//! A server as small as can be around a [`Transport`]: it lets everybody in without credentials, hands the connection
//! over to "the next process" then, and sends back what comes over one channel.
#![allow(dead_code, unreachable_pub)] // each test file is a crate of its own and uses a part

use std::{
    io::{Read, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use sandbox::LockedDown;
use transport::{Compression, Event, HandOverState, HostKey, ServerSettings, Transport, TransportError, limits};
use wire::{Reader, Write, msg};

pub const ALL_KEX: &[&str] = &[
    "mlkem768x25519-sha256",
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
];
pub const AEAD_CIPHERS: &[&str] =
    &["chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com"];
pub const CTR_CIPHERS: &[&str] = &["aes128-ctr", "aes192-ctr", "aes256-ctr"];
pub const ALL_MACS: &[&str] = &[
    "umac-64-etm@openssh.com",
    "umac-128-etm@openssh.com",
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha1-etm@openssh.com",
    "umac-64@openssh.com",
    "umac-128@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1",
];

/// Every cipher, and with those that need one every MAC.
pub fn every_protection() -> Vec<(&'static str, &'static str)> {
    let aead = AEAD_CIPHERS.iter().map(|cipher| (*cipher, "hmac-sha2-256"));
    let ctr = CTR_CIPHERS.iter().flat_map(|cipher| ALL_MACS.iter().map(|mac| (*cipher, *mac)));
    aead.chain(ctr).collect()
}

/// The host's key.
pub struct Host {
    key: Ed25519KeyPair,
    pub blob: Vec<u8>,
}

impl Host {
    pub fn new() -> Self {
        let key = Ed25519KeyPair::from_seed_unchecked(&[42; 32]).unwrap();
        let mut blob = Vec::new();
        blob.put_string("ssh-ed25519");
        blob.put_string(key.public_key());
        Self { key, blob }
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = Vec::new();
        signature.put_string("ssh-ed25519");
        signature.put_string(self.key.sign(message));
        signature
    }

    pub fn settings(&self) -> ServerSettings {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        ServerSettings {
            software_version: "SSH-2.0-Bulkhead_test".into(),
            kex_algorithms: names(ALL_KEX),
            ciphers: names(&[AEAD_CIPHERS, CTR_CIPHERS].concat()),
            macs: names(ALL_MACS),
            compression: Compression::Delayed,
            host_keys: vec![HostKey { algorithm: "ssh-ed25519".into(), index: 7, blob: self.blob.clone() }],
            server_sig_algs: "ssh-ed25519,rsa-sha2-512".into(),
            rekey_bytes: 0,
            rekey_seconds: 0,
            largest_packet: limits::LARGEST_PACKET_BEFORE_LOGIN,
        }
    }
}

/// What is left to do when a connection has ended.
#[derive(Debug, Default)]
pub struct Served {
    pub key_exchanges: u32,
    pub error: Option<TransportError>,
    pub rejected_logins: u32,
}

pub struct EchoServer {
    pub host: Host,
    pub settings: ServerSettings,
    pub lets_in: bool,
}

struct Channel {
    theirs: u32,
    window: usize,
    waiting: Vec<u8>,
    eof: bool,
    closed: bool,
}

impl EchoServer {
    /// Serves one connection until its end.
    pub fn serve(&self, mut socket: TcpStream) -> Served {
        let mut served = Served::default();
        let proof = LockedDown::not_locked_down_for_a_test();
        let mut transport = Transport::accept(self.settings.clone(), &proof);
        let mut channel = None;
        let began = Instant::now();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        loop {
            match self.take_events(&mut transport, &mut channel, &mut served) {
                Ok(Next::GoOn) => {}
                Ok(Next::HandOver) => {
                    let bytes = postcard::to_stdvec(&transport.into_hand_over()).unwrap();
                    let state: HandOverState = postcard::from_bytes(&bytes).unwrap();
                    transport = Transport::resume(state, self.settings.clone(), &proof).unwrap();
                    transport.set_largest_packet(limits::LARGEST_PACKET);
                    continue;
                }
                Ok(Next::Stop) => return served,
                Err(error) => {
                    if let Some(reason) = error.disconnect_reason() {
                        transport.disconnect(reason, &error.to_string());
                    }
                    let _ = socket.write_all(transport.output());
                    served.error = Some(error);
                    return served;
                }
            }
            if transport.rekey_due(began.elapsed()) {
                transport.start_rekey();
            }
            echo(&mut transport, &mut channel);
            let written = transport.output().len();
            if socket.write_all(transport.output()).is_err() {
                return served;
            }
            transport.output_written(written);
            if written > 0 {
                continue;
            }
            match socket.read(transport.input_space()) {
                Ok(0) | Err(_) => return served,
                Ok(count) => transport.input_filled(count),
            }
        }
    }

    fn take_events(
        &self,
        transport: &mut Transport,
        channel: &mut Option<Channel>,
        served: &mut Served,
    ) -> Result<Next, TransportError> {
        loop {
            let payload = match transport.next_event()? {
                None => return Ok(Next::GoOn),
                Some(Event::SignExchangeHash { host_key, algorithm, exchange_hash }) => {
                    assert_eq!((host_key, algorithm), (7, "ssh-ed25519"));
                    let signature = self.host.sign(exchange_hash);
                    transport.signature(&signature)?;
                    continue;
                }
                Some(Event::ChooseGroup { .. }) => {
                    transport.group(None)?;
                    continue;
                }
                Some(Event::NewKeys { first }) => {
                    assert_eq!(first, served.key_exchanges == 0);
                    served.key_exchanges += 1;
                    continue;
                }
                Some(Event::Disconnected { .. }) => return Ok(Next::Stop),
                Some(Event::PeerIdentified { .. } | Event::Debug { .. }) => continue,
                Some(Event::Packet(payload)) => payload.to_vec(),
            };
            let mut reader = Reader::new(&payload);
            match reader.u8().unwrap() {
                msg::SSH_MSG_SERVICE_REQUEST => {
                    let mut accept = transport.start_packet();
                    accept.put_u8(msg::SSH_MSG_SERVICE_ACCEPT);
                    accept.put_string(reader.string().unwrap());
                    accept.finish();
                }
                msg::SSH_MSG_USERAUTH_REQUEST if self.lets_in => {
                    transport.send(&[msg::SSH_MSG_USERAUTH_SUCCESS]);
                    transport.authenticated();
                    return Ok(Next::HandOver);
                }
                msg::SSH_MSG_USERAUTH_REQUEST => {
                    let mut failure = transport.start_packet();
                    failure.put_u8(msg::SSH_MSG_USERAUTH_FAILURE);
                    failure.put_name_list(["publickey"]);
                    failure.put_boolean(false);
                    failure.finish();
                    served.rejected_logins += 1;
                }
                number => take_channel_message(transport, channel, number, reader),
            }
        }
    }
}

enum Next {
    GoOn,
    HandOver,
    Stop,
}

fn take_channel_message(transport: &mut Transport, channel: &mut Option<Channel>, number: u8, mut reader: Reader<'_>) {
    match (number, channel) {
        (msg::SSH_MSG_CHANNEL_OPEN, channel) => {
            reader.string().unwrap();
            let theirs = reader.u32().unwrap();
            let window = reader.u32().unwrap() as usize;
            *channel = Some(Channel { theirs, window, waiting: Vec::new(), eof: false, closed: false });
            let mut confirmation = transport.start_packet();
            confirmation.put_u8(msg::SSH_MSG_CHANNEL_OPEN_CONFIRMATION);
            for value in [theirs, 0, 1 << 21, 32768] {
                confirmation.put_u32(value);
            }
            confirmation.finish();
        }
        (msg::SSH_MSG_CHANNEL_REQUEST, Some(channel)) => {
            reader.u32().unwrap();
            let _kind = reader.string().unwrap();
            if reader.boolean().unwrap() {
                answer(transport, msg::SSH_MSG_CHANNEL_SUCCESS, &[channel.theirs]);
            }
        }
        (msg::SSH_MSG_CHANNEL_DATA, Some(channel)) => {
            reader.u32().unwrap();
            let bytes = reader.string().unwrap();
            channel.waiting.extend(bytes);
            answer(transport, msg::SSH_MSG_CHANNEL_WINDOW_ADJUST, &[channel.theirs, bytes.len() as u32]);
        }
        (msg::SSH_MSG_CHANNEL_WINDOW_ADJUST, Some(channel)) => {
            reader.u32().unwrap();
            channel.window += reader.u32().unwrap() as usize;
        }
        (msg::SSH_MSG_CHANNEL_EOF, Some(channel)) => channel.eof = true,
        (msg::SSH_MSG_CHANNEL_CLOSE, _) => {}
        _ => transport.unimplemented(),
    }
}

fn answer(transport: &mut Transport, number: u8, values: &[u32]) {
    let mut packet = transport.start_packet();
    packet.put_u8(number);
    for value in values {
        packet.put_u32(*value);
    }
    packet.finish();
}

/// Sends back what may be sent now.
fn echo(transport: &mut Transport, channel: &mut Option<Channel>) {
    let Some(channel) = channel else { return };
    while transport.may_send_data() && channel.window > 0 && !channel.waiting.is_empty() {
        let count = channel.waiting.len().min(channel.window).min(32768);
        let mut packet = transport.start_packet();
        packet.put_u8(msg::SSH_MSG_CHANNEL_DATA);
        packet.put_u32(channel.theirs);
        packet.string_space(32768)[..count].copy_from_slice(&channel.waiting[..count]);
        packet.string_filled(count);
        packet.finish();
        channel.waiting.drain(..count);
        channel.window -= count;
        if transport.output_pending() > 256 * 1024 {
            return;
        }
    }
    if channel.eof && channel.waiting.is_empty() && !channel.closed && transport.may_send_data() {
        channel.closed = true;
        let mut status = transport.start_packet();
        status.put_u8(msg::SSH_MSG_CHANNEL_REQUEST);
        status.put_u32(channel.theirs);
        status.put_string("exit-status");
        status.put_boolean(false);
        status.put_u32(0);
        status.finish();
        answer(transport, msg::SSH_MSG_CHANNEL_CLOSE, &[channel.theirs]);
    }
}
