//! CBC chains packets, and tells nobody what it deciphers to (CVE-2008-5161).

use super::*;

const CBC: Choice = Choice { cipher: "aes128-cbc", mac: "hmac-sha2-256", ..USUAL };

/// How many bytes of `hostile` the server takes before it ends the connection, and how that is explained.
fn bytes_until_the_end(mut pair: Pair, hostile: impl Iterator<Item = u8>) -> (usize, TransportError) {
    for (count, byte) in hostile.take(1 << 20).enumerate() {
        if let Err(error) = pair.deliver_to_server(&[byte]) {
            return (count, error);
        }
        assert_eq!(pair.server.output_pending(), 0, "nothing is said before");
    }
    panic!("the server goes on for ever");
}

#[test]
fn whatever_is_wrong_the_end_comes_at_the_same_byte() {
    let longest = limits::LARGEST_PACKET_BEFORE_LOGIN + 4 + 64;
    let mut seen_long_packet = false;
    for first in 0..40_u8 {
        // A first block of anything deciphers to anything: nearly always a length that is impossible.
        let pair = Pair::connected(CBC);
        let noise = (0..).map(move |place: u32| if place < 16 { first.wrapping_mul(37) } else { place as u8 });
        assert_eq!(bytes_until_the_end(pair, noise), (longest - 1, TransportError::MacIncorrect));

        // A packet whose length is possible, and whose MAC is not.
        let mut pair = Pair::connected(CBC);
        pair.client.send(&long_payload(90)[..usize::from(first) * 500 + 1]);
        let mut packet = pair.client.take_output();
        *packet.last_mut().unwrap() ^= 1;
        seen_long_packet |= packet.len() > 19_000;
        let noise = packet.into_iter().chain(std::iter::repeat(7));
        assert_eq!(bytes_until_the_end(pair, noise), (longest - 1, TransportError::MacIncorrect));
    }
    assert!(seen_long_packet);
}

#[test]
fn encrypt_then_mac_refuses_at_once() {
    let mut pair = Pair::connected(Choice { mac: "hmac-sha2-256-etm@openssh.com", ..CBC });
    pair.client.send(&[90, 1, 2, 3]);
    let mut packet = pair.client.take_output();
    *packet.last_mut().unwrap() ^= 1;
    assert_eq!(pair.deliver_to_server(&packet), Err(TransportError::MacIncorrect));
}

#[test]
fn a_hand_over_between_packets_keeps_the_chain() {
    for cipher in ["aes256-cbc", "3des-cbc"] {
        for mac in ["hmac-sha1-96", "hmac-md5-etm@openssh.com"] {
            let mut pair = Pair::logged_in(Choice { cipher, mac, ..USUAL });
            for _ in 0..3 {
                pair.assert_both_ways_work(cipher);
                pair.hand_over();
            }
        }
    }
}
