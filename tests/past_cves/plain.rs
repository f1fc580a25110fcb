//! Packets before the first key exchange, when nothing is encrypted yet (RFC 4253 section 6).

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bulkhead_tests::{Server, status_of};

/// Message numbers.
pub(crate) const KEXINIT: u8 = 20;
pub(crate) const NEWKEYS: u8 = 21;
/// `ping@openssh.com`
pub(crate) const PING: u8 = 192;

/// A connection whose identifications have been exchanged.
pub(crate) struct Plain {
    pub(crate) stream: TcpStream,
    /// The server's KEXINIT: without strict key exchange for us, since a server's list says nothing about clients.
    pub(crate) kexinit: Vec<u8>,
}

impl Plain {
    pub(crate) fn open(server: &Server) -> Self {
        let mut stream = server.connect();
        stream.write_all(b"SSH-2.0-hostile\r\n").expect("room for a line");
        let mut byte = [0];
        while byte != *b"\n" {
            stream.read_exact(&mut byte).expect("an identification");
        }
        let mut header = [0; 5];
        stream.read_exact(&mut header).expect("a packet");
        let length = u32::from_be_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let mut rest = vec![0; length - 1];
        stream.read_exact(&mut rest).expect("a packet");
        let kexinit = rest[..rest.len() - usize::from(header[4])].to_vec();
        assert_eq!(kexinit[0], KEXINIT);
        Self { stream, kexinit }
    }

    /// Sends as often as it is taken; returns how often that was.
    pub(crate) fn send_often(&mut self, payload: &[u8], most: usize) -> usize {
        let batch = packet(payload).repeat(100);
        self.stream.set_write_timeout(Some(Duration::from_secs(2))).expect("a time limit");
        (0..most / 100).take_while(|_| self.stream.write_all(&batch).is_ok()).count() * 100
    }

    /// Whether the server has closed the connection, or does so soon.
    pub(crate) fn is_closed_soon(&mut self) -> bool {
        self.stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit");
        let mut buffer = [0; 65536];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
            }
        }
    }
}

/// Without encryption: a length, the padding's length, the payload, padding to a multiple of 8.
pub(crate) fn packet(payload: &[u8]) -> Vec<u8> {
    let padding = 4 + (8 - (payload.len() + 9) % 8) % 8;
    let length = u32::try_from(payload.len() + 1 + padding).expect("a short packet");
    let mut packet = length.to_be_bytes().to_vec();
    packet.push(u8::try_from(padding).expect("little padding"));
    packet.extend_from_slice(payload);
    packet.resize(packet.len() + padding, 0);
    packet
}

/// The largest that any process of a connection has been, in KiB.
pub(crate) fn peak(server: &Server) -> u64 {
    let peak = |pid: &i32| status_of(*pid, "VmHWM").trim_end_matches("kB").trim().parse().unwrap_or(0);
    server.descendants().iter().map(peak).max().unwrap_or(0)
}
