//! Strict key exchange (CVE-2023-48795), wrong guesses, EXT_INFO, and messages at the wrong time.

use super::*;
use wire::{Reader, Write};

/// A client that says `before` between its identification and its KEXINIT, and `after` behind that.
fn first_packets(choice: Choice, before: &[&[u8]], after: &[&[u8]]) -> Result<(), TransportError> {
    let mut pair = Pair::new(choice);
    before.iter().for_each(|payload| pair.client.send_now(payload));
    pair.client.start_key_exchange();
    after.iter().for_each(|payload| pair.client.send_now(payload));
    pair.exchange()
}

const IGNORE: &[u8] = &[msg::SSH_MSG_IGNORE, 0, 0, 0, 0];
const DEBUG: &[u8] = &[msg::SSH_MSG_DEBUG, 0, 0, 0, 0, 2, b'h', b'i', 0, 0, 0, 0];
const UNIMPLEMENTED: &[u8] = &[msg::SSH_MSG_UNIMPLEMENTED, 0, 0, 0, 1];
const PING: &[u8] = &[msg::SSH_MSG_PING, 0, 0, 0, 1, 7];
const EXT_INFO: &[u8] = &[msg::SSH_MSG_EXT_INFO, 0, 0, 0, 0];

#[test]
fn a_strict_client_can_say_nothing_else_before_newkeys() {
    for payload in [IGNORE, DEBUG, UNIMPLEMENTED] {
        let first = first_packets(USUAL, &[payload], &[]);
        assert_eq!(first, Err(TransportError::StrictKexinitNotFirst));
    }
    for payload in [IGNORE, DEBUG, UNIMPLEMENTED, PING, EXT_INFO, &[msg::SSH_MSG_SERVICE_REQUEST], &[94]] {
        let second = first_packets(USUAL, &[], &[payload]);
        let violation = TransportError::StrictKexViolation { number: payload[0], sequence: 1 };
        assert_eq!(second, Err(violation));
    }
}

#[test]
fn another_client_can_say_little_before_newkeys() {
    let choice = Choice { strict: false, ..USUAL };
    assert_eq!(first_packets(choice, &[IGNORE, DEBUG, UNIMPLEMENTED], &[IGNORE, DEBUG, UNIMPLEMENTED]), Ok(()));
    for payload in
        [PING, EXT_INFO, &[msg::SSH_MSG_SERVICE_REQUEST], &[50], &[94], &[255], &[0], &[msg::SSH_MSG_NEWKEYS]]
    {
        for (before, after) in [(&[payload][..], &[][..]), (&[], &[payload])] {
            let refused = first_packets(choice, before, after).unwrap_err();
            assert!(matches!(refused, TransportError::UnexpectedMessage { .. }), "{payload:?} {refused}");
        }
    }
}

#[test]
fn sequence_numbers_begin_anew_only_when_strict() {
    for strict in [true, false] {
        let mut pair = Pair::connected(Choice { strict, cipher: "chacha20-poly1305@openssh.com", ..USUAL });
        let packets_so_far = if strict { 0 } else { 3 };
        assert_eq!(pair.server.incoming.direction.position.sequence, packets_so_far);
        pair.assert_both_ways_work("before");
        pair.client.start_key_exchange();
        pair.exchange().unwrap();
        let packets_so_far = if strict { 0 } else { 7 };
        assert_eq!(pair.server.incoming.direction.position.sequence, packets_so_far);
        pair.assert_both_ways_work("after");
    }
}

#[test]
fn the_names_in_later_lists_mean_nothing() {
    let mut pair = Pair::connected(Choice { strict: false, ..USUAL });
    pair.client.choice.strict = true;
    pair.client.choice.ext_info = true;
    let kexinit = pair.client.kexinit();
    pair.client.choice.strict = false;
    pair.client.choice.ext_info = false;
    pair.client.send_now(&kexinit);
    let bytes = pair.client.take_output();
    pair.deliver_to_server(&bytes).unwrap();
    assert!(!pair.server.peer.is_strict && !pair.server.peer.wants_ext_info);
}

#[test]
fn a_wrong_guess_is_skipped_and_a_right_one_used() {
    let wrong = Choice { guess: Some("curve448-sha512"), first_kex_packet_follows: true, ..USUAL };
    let mut pair = Pair::new(wrong);
    pair.client.start_key_exchange();
    pair.client.send_now(&[msg::SSH_MSG_KEX_ECDH_INIT, 1, 2, 3]);
    pair.exchange().unwrap();
    pair.assert_both_ways_work("wrong guess");

    let right = Choice { kex: ALL_KEX[0], first_kex_packet_follows: true, ..USUAL };
    let mut pair = Pair::new(right);
    pair.exchange().unwrap();
    pair.assert_both_ways_work("right guess");

    let mut pair = Pair::new(right);
    pair.client.start_key_exchange();
    pair.client.send_now(&[msg::SSH_MSG_KEX_ECDH_INIT, 1, 2, 3]);
    assert!(matches!(pair.exchange(), Err(TransportError::Malformed { number: 30, .. })), "a right guess counts");
}

#[test]
fn ext_info_comes_first_and_only_when_asked_for() {
    let mut pair = Pair::connected(Choice { ext_info: true, ..USUAL });
    let ext_info = pair.client.received.remove(0);
    let mut reader = Reader::new(&ext_info);
    assert_eq!((reader.u8(), reader.u32()), (Ok(msg::SSH_MSG_EXT_INFO), Ok(4)));
    let extensions: Vec<(&str, &str)> = (0..4).map(|_| (reader.utf8().unwrap(), reader.utf8().unwrap())).collect();
    let expected = [
        ("server-sig-algs", "ssh-ed25519"),
        ("publickey-hostbound@openssh.com", "0"),
        ("ping@openssh.com", "0"),
        ("agent-forward", "0"),
    ];
    assert_eq!(extensions, expected);
    pair.server.start_rekey();
    pair.exchange().unwrap();
    assert!(pair.client.received.is_empty(), "not again after a rekey");
    assert!(Pair::connected(USUAL).client.received.is_empty());
}

#[test]
fn ext_info_in_auth_is_sent_to_clients_that_know_it() {
    for knows in [true, false] {
        let mut pair = Pair::connected(USUAL);
        let mut ext_info = vec![msg::SSH_MSG_EXT_INFO];
        ext_info.put_u32(1);
        ext_info.put_string(if knows { "ext-info-in-auth@openssh.com" } else { "no-flow-control" });
        ext_info.put_string("0");
        pair.client.send(&ext_info);
        pair.exchange().unwrap();
        pair.server.update_server_sig_algs("rsa-sha2-512");
        pair.exchange().unwrap();
        assert_eq!(pair.client.received.len(), usize::from(knows));
    }
}

#[test]
fn a_lying_ext_info_is_refused() {
    let mut pair = Pair::connected(USUAL);
    pair.client.send(&[msg::SSH_MSG_EXT_INFO, 0xff, 0xff, 0xff, 0xff]);
    assert!(matches!(pair.exchange(), Err(TransportError::Malformed { number: 7, .. })));
}

#[test]
fn debug_disconnect_and_unknown_messages() {
    let mut pair = Pair::connected(USUAL);
    pair.client.send(DEBUG);
    pair.client.send(&[199, 1, 2]);
    pair.exchange().unwrap();
    assert_eq!(pair.told.pop().unwrap(), r#"Debug { text: "hi" }"#);
    assert_eq!(pair.received.pop().unwrap(), [199, 1, 2]);
    pair.server.unimplemented();
    pair.exchange().unwrap();
    assert_eq!(pair.client.received.pop().unwrap(), [msg::SSH_MSG_UNIMPLEMENTED, 0, 0, 0, 1]);

    let mut disconnect = vec![msg::SSH_MSG_DISCONNECT];
    disconnect.put_u32(11);
    disconnect.put_string(b"bye \xff");
    disconnect.put_string("");
    pair.client.send(&disconnect);
    pair.client.send(&[199]);
    pair.exchange().unwrap();
    assert_eq!(pair.told.pop().unwrap(), "Disconnected { reason: 11, text: \"bye \u{fffd}\" }");
    assert!(pair.received.is_empty() && !pair.server.wants_input());
}

#[test]
fn our_disconnect_goes_out_even_during_a_key_exchange() {
    let mut pair = Pair::connected(USUAL);
    pair.server.start_rekey();
    pair.server.disconnect(2, &"ü".repeat(200));
    pair.server.send(&[94]);
    pair.deliver_to_client();
    let said = pair.client.received.pop().unwrap();
    assert_eq!(said[..9], [msg::SSH_MSG_DISCONNECT, 0, 0, 0, 2, 0, 0, 0, 254], "cut between characters");
}

#[test]
fn nothing_is_said_in_packets_to_what_is_no_ssh_client() {
    let mut pair = Pair::new(USUAL);
    let identification = pair.server.output_pending();
    pair.server.output_written(identification);
    let refused = pair.deliver_to_server(b"GET / HTTP/1.1\r\n\r\n").unwrap_err();
    assert_eq!(refused, TransportError::BadIdentification { line: b"GET / HTTP/1.1".to_vec() });
    pair.server.disconnect(2, "no");
    assert_eq!(pair.server.output(), b"Invalid SSH identification string.\r\n");
}
