//! Peers that keep to nothing: no panic, and an error in the end.

use super::*;
use proptest::prelude::*;

/// Everything a hostile peer can reach is fed with `bytes`, in pieces.
fn feed(transport: &mut Transport, bytes: &[u8]) -> Result<(), TransportError> {
    for piece in bytes.chunks(1000) {
        let mut rest = piece;
        loop {
            while transport.next_event()?.is_some() {}
            let space = transport.input_space();
            let count = rest.len().min(space.len());
            if count == 0 {
                break;
            }
            space[..count].copy_from_slice(&rest[..count]);
            transport.input_filled(count);
            rest = &rest[count..];
        }
    }
    Ok(())
}

/// A packet without protection.
fn plain_packet(payload: &[u8]) -> Vec<u8> {
    let padding = 4 + (8 - (4 + 1 + payload.len() + 4) % 8) % 8;
    let length = (1 + payload.len() + padding) as u32;
    [&length.to_be_bytes()[..], &[padding as u8], payload, &vec![0; padding]].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn random_bytes_at_the_beginning(bytes in prop::collection::vec(any::<u8>(), 0..3000), identified: bool) {
        let mut server = Pair::new(USUAL).server;
        if identified {
            feed(&mut server, b"SSH-2.0-x\r\n").unwrap();
        }
        let _ = feed(&mut server, &bytes);
        // Zeros end every line that was begun, and are no packet.
        prop_assert!(feed(&mut server, &[0; 100_000]).is_err());
        prop_assert!(server.input.capacity() < 100_000);
    }

    #[test]
    fn random_messages_before_keys(
        messages in prop::collection::vec((1u8..60, prop::collection::vec(any::<u8>(), 0..300)), 1..8), strict: bool, guess: bool,
    ) {
        let choice = Choice { strict, first_kex_packet_follows: guess, ..USUAL };
        let mut server = Pair::new(choice).server;
        feed(&mut server, b"SSH-2.0-x\r\n").unwrap();
        feed(&mut server, &plain_packet(&Client::new(choice).kexinit())).unwrap();
        let sent: Vec<u8> = messages.iter().flat_map(|(number, rest)| {
            plain_packet(&[&[*number][..], rest].concat())
        }).collect();
        let _ = feed(&mut server, &sent);
        prop_assert!(feed(&mut server, &plain_packet(&[94])).is_err());
    }

    #[test]
    fn changed_kexinits(at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let mut kexinit = Client::new(USUAL).kexinit();
        let place = 1 + at.index(kexinit.len() - 1);
        kexinit[place] = byte;
        kexinit.truncate(1 + cut.index(kexinit.len()));
        let mut server = Pair::new(USUAL).server;
        feed(&mut server, b"SSH-2.0-x\r\n").unwrap();
        let _ = feed(&mut server, &plain_packet(&kexinit));
    }

    #[test]
    fn random_bytes_into_an_established_connection(
        bytes in prop::collection::vec(any::<u8>(), 1..2000),
        cipher in prop::sample::select(ALL_CIPHERS),
        mac in prop::sample::select(ALL_MACS),
    ) {
        let mut pair = Pair::logged_in(Choice { cipher, mac, ..USUAL });
        let fed = feed(&mut pair.server, &bytes).and_then(|()| feed(&mut pair.server, &vec![0; 2 * limits::LARGEST_PACKET]));
        prop_assert!(fed.is_err(), "{} {}", cipher, mac);
        prop_assert!(pair.received.is_empty());
    }

    /// Sealed by one who has the keys, and still nonsense.
    #[test]
    fn random_messages_from_one_who_logged_in(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..200), 1..10),
        compression in prop::sample::select(&["none", "zlib@openssh.com"][..]),
    ) {
        let mut pair = Pair::logged_in(Choice { compression, ..USUAL });
        for message in messages {
            pair.client.send_now(&message);
            let bytes = pair.client.take_output();
            if pair.deliver_to_server(&bytes).is_err() { break; }
        }
    }
}

#[test]
fn lengths_out_of_bounds() {
    let with_length = |length: u32| {
        let mut server = Pair::new(USUAL).server;
        feed(&mut server, b"SSH-2.0-x\r\n").unwrap();
        feed(&mut server, &[&length.to_be_bytes()[..], &[0; 40_000]].concat())
    };
    let largest = limits::LARGEST_PACKET_BEFORE_LOGIN as u32;
    for length in [0, 1, 4, largest + 1, u32::MAX, 1 << 31] {
        assert_eq!(with_length(length), Err(TransportError::BadPacketLength { length }));
    }
    for length in [5, 6, 13, largest] {
        let block = 8;
        assert_eq!(with_length(length), Err(TransportError::UnevenPacketLength { length: length as usize + 4, block }));
    }
}

#[test]
fn wrong_padding() {
    for padding in [0, 3, 11, 12, 255] {
        let mut server = Pair::new(USUAL).server;
        feed(&mut server, b"SSH-2.0-x\r\n").unwrap();
        let packet = [&[0, 0, 0, 12, padding][..], &[msg::SSH_MSG_IGNORE; 11]].concat();
        assert_eq!(feed(&mut server, &packet), Err(TransportError::BadPadding { padding }));
    }
}

/// Without encrypt-then-MAC a man in the middle chooses the enciphered length. Whatever it becomes, no bytes beyond the
/// bounds are awaited, and the end is one of two errors that tell nothing of the plain text but its length field.
#[test]
fn enciphered_lengths_changed_in_transit() {
    let mut outcomes = std::collections::BTreeSet::new();
    for bit in 0..32 {
        let mut pair = Pair::logged_in(Choice { cipher: "aes128-ctr", mac: "hmac-sha2-256", ..USUAL });
        pair.client.send(&[94; 27]);
        let mut bytes = pair.client.take_output();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes.resize(300_000, 0);
        outcomes.insert(match feed(&mut pair.server, &bytes).unwrap_err() {
            TransportError::MacIncorrect => "the MAC",
            TransportError::BadPacketLength { .. } => "the length",
            TransportError::UnevenPacketLength { .. } => "the block size",
            other => panic!("{other}"),
        });
    }
    assert_eq!(outcomes.into_iter().collect::<Vec<_>>(), ["the MAC", "the block size", "the length"]);
}

#[test]
fn one_changed_bit_anywhere_in_a_packet_ends_the_connection() {
    for (cipher, mac) in [
        ("chacha20-poly1305@openssh.com", ""),
        ("aes128-gcm@openssh.com", ""),
        ("aes256-ctr", "umac-128-etm@openssh.com"),
    ] {
        for place in 0..52 {
            let mut pair = Pair::logged_in(Choice { cipher, mac, ..USUAL });
            pair.client.send(&[94; 20]);
            let mut bytes = pair.client.take_output();
            let place = place % bytes.len();
            bytes[place] ^= 0x10;
            bytes.resize(300_000, 0);
            assert!(feed(&mut pair.server, &bytes).is_err(), "{cipher} {mac} {place}");
        }
    }
}

#[test]
fn large_packets_are_for_those_who_logged_in() {
    let payload = vec![94; limits::LARGEST_PACKET_BEFORE_LOGIN];
    let mut pair = Pair::connected(USUAL);
    pair.client.send(&payload);
    assert!(matches!(pair.exchange(), Err(TransportError::BadPacketLength { .. })));
    let mut pair = Pair::logged_in(USUAL);
    pair.client.send(&vec![94; limits::LARGEST_PACKET - 100]);
    pair.exchange().unwrap();
    assert_eq!(pair.received[0].len(), limits::LARGEST_PACKET - 100);
}

#[test]
fn a_kexinit_of_unreasonable_length_is_refused() {
    let mut pair = Pair::logged_in(USUAL);
    pair.client.send_now(&[msg::SSH_MSG_KEXINIT; limits::LARGEST_KEXINIT + 1]);
    let length = limits::LARGEST_KEXINIT + 1;
    assert_eq!(pair.exchange(), Err(TransportError::KexinitTooLong { length }));
}
