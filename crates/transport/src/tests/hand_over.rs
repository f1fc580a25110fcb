//! Another process goes on: at every byte, with every protection, in every stage of a key exchange.

use super::*;

#[test]
fn at_every_byte_of_what_the_client_sends() {
    for (cipher, mac) in [
        ("chacha20-poly1305@openssh.com", ""),
        ("aes256-gcm@openssh.com", ""),
        ("aes192-ctr", "umac-64@openssh.com"),
        ("aes128-ctr", "hmac-sha2-512-etm@openssh.com"),
    ] {
        let mut pair = Pair::logged_in(Choice { cipher, mac, ..USUAL });
        pair.client.send(&[94, 1, 2, 3]);
        pair.client.send(&[95, 4]);
        for byte in pair.client.take_output() {
            pair.deliver_to_server(&[byte]).unwrap();
            pair.hand_over();
            assert!(pair.server.wants_input(), "part of a packet is nothing to wait with");
            pair.serve().unwrap();
        }
        assert_eq!(pair.received, [&[94, 1, 2, 3][..], &[95, 4]], "{cipher} {mac}");
        pair.assert_both_ways_work(cipher);
    }
}

/// Unread bytes and unsent output at once, for every cipher and MAC.
#[test]
fn with_unread_bytes_and_pending_output_of_every_protection() {
    for cipher in ALL_CIPHERS {
        for mac in ALL_MACS {
            let mut pair = Pair::logged_in(Choice { cipher, mac, ..USUAL });
            for number in 0..10 {
                pair.client.send(&long_payload(100 + number));
                pair.server.send(&long_payload(120 + number));
            }
            // The owner stops taking packets when there is more than one in the buffer.
            let bytes = pair.client.take_output();
            let (mut rest, mut taken) = (&bytes[..], 0);
            while taken == 0 || pair.server.input.len() < 20_500 {
                let space = pair.server.input_space();
                let count = rest.len().min(space.len());
                space[..count].copy_from_slice(&rest[..count]);
                pair.server.input_filled(count);
                rest = &rest[count..];
                taken += usize::from(pair.server.next_event().unwrap().is_some());
            }
            let part_of_output = pair.server.output()[..30_001].to_vec();
            pair.client.take_input(&part_of_output);
            pair.server.output_written(part_of_output.len());

            pair.hand_over();
            pair.deliver_to_server(rest).unwrap();
            pair.exchange().unwrap();
            let untaken: Vec<_> = (100..110).skip(taken).map(long_payload).collect();
            assert!(untaken.len() > 1 && pair.received == untaken, "{cipher} {mac}");
            let sent = (120..130).map(long_payload);
            assert!(pair.client.received.drain(..).eq(sent), "{cipher} {mac}");
            pair.assert_both_ways_work(cipher);
        }
    }
}

#[test]
fn in_every_stage_of_the_first_key_exchange() {
    let mut pair = Pair::new(Choice { ext_info: true, ..USUAL });
    let mut asked = 0;
    for _ in 0..6 {
        pair.hand_over();
        pair.deliver_to_client();
        for byte in pair.client.take_output() {
            let space = pair.server.input_space();
            space[0] = byte;
            pair.server.input_filled(1);
            pair.hand_over();
            let hash = match pair.server.next_event().unwrap() {
                Some(Event::SignExchangeHash { exchange_hash, .. }) => exchange_hash.to_vec(),
                _ => continue,
            };
            // The next process is asked again, and only once.
            pair.hand_over();
            let again = pair.server.next_event().unwrap();
            assert_eq!(
                again,
                Some(Event::SignExchangeHash { host_key: 0, algorithm: "ssh-ed25519", exchange_hash: &hash })
            );
            assert_eq!(pair.server.next_event(), Ok(None));
            pair.server.signature(&hash).unwrap();
            assert_eq!(pair.server.signature(&hash), Err(TransportError::SignatureNotWanted));
            asked += 1;
        }
    }
    assert_eq!(asked, 1);
    pair.client.received.clear();
    pair.assert_both_ways_work("afterwards");
}

#[test]
fn nothing_goes_on_before_a_hand_over_that_compression_needs() {
    let mut pair = Pair::connected(Choice { compression: "zlib@openssh.com", ..USUAL });
    pair.server.send(&[msg::SSH_MSG_USERAUTH_SUCCESS]);
    pair.server.authenticated();
    pair.deliver_to_client();
    pair.client.authenticated();
    pair.client.send(&[94, 1]);
    let compressed = pair.client.take_output();
    assert!(!pair.server.wants_input() && !pair.server.may_send_data());
    assert_eq!(pair.server.next_event(), Ok(None));
    pair.server.send(&[94, 2]);
    assert_eq!(pair.server.output_pending(), 0, "it waits for the stream to begin");
    pair.client.received.clear();
    pair.hand_over();
    pair.deliver_to_server(&compressed).unwrap();
    pair.exchange().unwrap();
    assert_eq!((&pair.received[..], &pair.client.received[..]), (&[vec![94, 1]][..], &[vec![94, 2]][..]));
}

#[test]
fn states_that_cannot_be_are_refused() {
    let proof = LockedDown::not_locked_down_for_a_test();
    let compressing = Pair::logged_in(Choice { compression: "zlib@openssh.com", ..USUAL });
    let resumed = Transport::resume(compressing.server.into_hand_over(), settings(), &proof);
    assert_eq!(resumed.unwrap_err(), TransportError::BadHandOver { what: "compression has begun" });

    let mut sessionless = Pair::logged_in(USUAL).server;
    sessionless.session_id = None;
    let resumed = Transport::resume(sessionless.into_hand_over(), settings(), &proof);
    assert_eq!(resumed.unwrap_err(), TransportError::BadHandOver { what: "keys without a session" });
}

#[test]
fn nothing_secret_is_printed() {
    let pair = Pair::logged_in(USUAL);
    let printed = format!("{:?}", pair.server);
    for part in ["[1, 2", "key: [", "Secret(["] {
        assert!(!printed.contains(part), "{printed}");
    }
    assert_eq!(format!("{:?}", pair.server.into_hand_over()), "HandOverState(secret)");
}

/// A connection's account is the whole connection's.
#[test]
fn bytes_that_went_before_are_counted() {
    let mut pair = Pair::connected(USUAL);
    let before = pair.server.transferred();
    assert!(before.sent > 100 && before.received > 100, "the key exchange alone: {before:?}");
    pair.hand_over();
    assert_eq!(pair.server.transferred(), before);
    pair.client.send(&[94, 1]);
    let bytes = pair.client.take_output();
    pair.deliver_to_server(&bytes).unwrap();
    let received = before.received + bytes.len() as u64;
    assert_eq!(pair.server.transferred(), crate::Transferred { received, ..before });
}
