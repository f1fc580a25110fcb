//! New keys at any time, while data flows both ways; and what a key exchange bounds.

use super::*;
use proptest::prelude::*;
use std::time::Duration;

#[test]
fn what_the_client_said_before_it_saw_our_kexinit_is_delivered() {
    let mut pair = Pair::logged_in(USUAL);
    pair.server.start_rekey();
    assert!(!pair.server.may_send_data());
    pair.client.send(&[94, 1]);
    pair.client.send(&[94, 2]);
    let in_flight = pair.client.take_output();
    pair.deliver_to_server(&in_flight).unwrap();
    assert_eq!(pair.received, [[94, 1], [94, 2]]);
    pair.server.send(&[99, 1]);
    assert!(!pair.server.may_send_data());
    pair.exchange().unwrap();
    assert!(pair.server.may_send_data());
    assert_eq!(pair.client.received, [[99, 1]], "held back, not lost");
    assert_eq!(pair.client.key_exchanges, 2);
    pair.assert_both_ways_work("afterwards");
}

#[test]
fn both_sides_may_begin_at_once() {
    let mut pair = Pair::logged_in(USUAL);
    pair.server.start_rekey();
    pair.client.start_key_exchange();
    pair.server.send(&[99, 1]);
    pair.exchange().unwrap();
    assert_eq!((pair.client.key_exchanges, &pair.client.received[..]), (2, &[vec![99, 1]][..]));
    pair.assert_both_ways_work("afterwards");
}

#[test]
fn after_its_kexinit_the_client_may_say_nothing_else() {
    for payload in [&[94, 1][..], &[msg::SSH_MSG_PING, 0, 0, 0, 0], &[msg::SSH_MSG_KEXINIT], &[50], &[5], &[7]] {
        let mut pair = Pair::logged_in(USUAL);
        pair.client.start_key_exchange();
        pair.client.send_now(payload);
        let bytes = pair.client.take_output();
        let refused = pair.deliver_to_server(&bytes).unwrap_err();
        assert!(matches!(refused, TransportError::UnexpectedMessage { .. }), "{payload:?}: {refused}");
        assert_eq!(pair.server.next_event(), Err(refused), "errors stay");
    }
    let mut pair = Pair::logged_in(USUAL);
    pair.client.start_key_exchange();
    pair.client.send_now(&[msg::SSH_MSG_IGNORE, 0, 0, 0, 0]);
    pair.exchange().unwrap();
}

#[test]
fn newkeys_and_public_values_out_of_order_are_refused() {
    for payload in [&[msg::SSH_MSG_NEWKEYS][..], &[msg::SSH_MSG_KEX_ECDH_INIT, 0, 0, 0, 0], &[49]] {
        let mut pair = Pair::logged_in(USUAL);
        pair.client.send_now(payload);
        assert!(matches!(pair.exchange(), Err(TransportError::UnexpectedMessage { .. })), "{payload:?}");
    }
}

#[test]
fn answers_are_not_held_back_without_bound() {
    for (mut pair, most) in [
        (Pair::connected(USUAL), limits::MOST_HELD_BACK_BEFORE_LOGIN),
        (Pair::logged_in(USUAL), limits::MOST_HELD_BACK),
    ] {
        pair.server.start_rekey();
        let ping = [&[msg::SSH_MSG_PING, 0, 0, 0x40, 0][..], &[7; 0x4000]].concat();
        let refused = (0..).find_map(|count: usize| {
            pair.client.send_now(&ping);
            let bytes = pair.client.take_output();
            pair.deliver_to_server(&bytes).err().map(|error| (count, error))
        });
        assert_eq!(refused, Some((most / 0x4000 - 1, TransportError::TooMuchHeldBack)));
    }
}

#[test]
fn pings_are_answered_until_the_client_stops_reading() {
    let mut pair = Pair::logged_in(USUAL);
    pair.client.send(&[msg::SSH_MSG_PING, 0, 0, 0, 2, b'h', b'i']);
    pair.exchange().unwrap();
    assert_eq!(pair.client.received.pop().unwrap(), [msg::SSH_MSG_PONG, 0, 0, 0, 2, b'h', b'i']);

    let ping = [&[msg::SSH_MSG_PING, 0, 0, 0x40, 0][..], &[7; 0x4000]].concat();
    for _ in 0..1000 {
        pair.client.send_now(&ping);
        let bytes = pair.client.take_output();
        pair.deliver_to_server(&bytes).unwrap();
    }
    assert!(!pair.server.wants_input() && pair.server.input_space().is_empty());
    assert!(pair.server.output_pending() < limits::MOST_UNSENT + 0x5000);
    assert!(pair.server.input.capacity() <= limits::BUSY_INPUT);
    let count = pair.server.output_pending();
    pair.server.output_written(count);
    assert!(pair.server.wants_input());
}

#[test]
fn an_owner_that_takes_no_events_gets_no_more_input() {
    let mut pair = Pair::logged_in(USUAL);
    pair.client.send(&long_payload(94));
    let bytes = pair.client.take_output();
    let mut fed = 0;
    loop {
        let space = pair.server.input_space();
        let count = space.len().min(bytes.len() - fed);
        space[..count].copy_from_slice(&bytes[fed..fed + count]);
        pair.server.input_filled(count);
        fed += count;
        assert_eq!(pair.server.wants_input(), fed < bytes.len());
        if !pair.server.wants_input() {
            break;
        }
    }
    assert!(pair.server.input_space().is_empty());
    assert!(matches!(pair.server.next_event(), Ok(Some(Event::Packet(_)))));
    assert!(pair.server.wants_input());
}

#[test]
fn before_login_little_is_buffered() {
    let mut pair = Pair::connected(USUAL);
    let ping = [&[msg::SSH_MSG_PING, 0, 0, 0x40, 0][..], &[7; 0x4000]].concat();
    for _ in 0..100 {
        pair.client.send_now(&ping);
        let bytes = pair.client.take_output();
        pair.deliver_to_server(&bytes).unwrap();
    }
    assert!(pair.server.output_pending() < limits::MOST_UNSENT_BEFORE_LOGIN + 0x5000);
    assert!(pair.server.input.capacity() <= 2 * limits::LARGEST_PACKET_BEFORE_LOGIN);
    assert!(pair.server.output.capacity() <= 2 * limits::MOST_UNSENT_BEFORE_LOGIN + 0x5000);
}

#[test]
fn rekeys_become_due_after_login_only() {
    let mut pair = Pair::connected(USUAL);
    pair.server.settings.rekey_bytes = 1;
    pair.assert_both_ways_work("");
    assert!(!pair.server.rekey_due(Duration::from_secs(1)));
    pair.server.authenticated();
    assert!(pair.server.rekey_due(Duration::from_secs(1)));
    pair.server.start_rekey();
    assert!(!pair.server.rekey_due(Duration::from_secs(1)), "one is under way");
    pair.exchange().unwrap();
    assert!(!pair.server.rekey_due(Duration::from_secs(1)));
}

#[test]
fn sequence_numbers_are_not_used_twice() {
    let mut pair = Pair::logged_in(USUAL);
    let almost = limits::PACKETS_UNDER_ONE_KEY - 1;
    (pair.server.incoming.direction.position.packets, pair.client.outgoing.direction.position.packets) =
        (almost, almost);
    pair.client.send(&[94]);
    assert_eq!(pair.exchange(), Ok(()));
    pair.client.outgoing.direction.position.packets -= 1;
    pair.client.send(&[94]);
    assert_eq!(pair.exchange(), Err(TransportError::SequenceNumberWrapped));

    let mut pair = Pair::logged_in(USUAL);
    pair.server.outgoing.direction.position.packets = limits::PACKETS_UNDER_ONE_KEY;
    pair.server.send(&[94]);
    assert_eq!(pair.server.next_event(), Err(TransportError::SequenceNumberWrapped));
    assert_eq!(pair.server.output_pending(), 0);
}

#[test]
fn memory_of_a_busy_connection_is_given_back() {
    let mut pair = Pair::logged_in(USUAL);
    for _ in 0..40 {
        for _ in 0..20 {
            pair.client.send(&long_payload(94));
            pair.server.send(&long_payload(94));
        }
        pair.exchange().unwrap();
    }
    assert_eq!(pair.server.input.capacity(), limits::BUSY_INPUT);
    pair.server.quiet();
    assert!(pair.server.input.capacity() + pair.server.output.capacity() <= limits::IDLE_BUFFER);
    pair.assert_both_ways_work("afterwards");
}

#[derive(Debug, Clone, Copy)]
enum Step {
    ClientSays(u16),
    ServerSays(u16),
    ClientRekeys,
    ServerRekeys,
    ToServer(u16),
    ToClient,
    HandOver,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u16..5000).prop_map(Step::ClientSays),
        4 => (1u16..5000).prop_map(Step::ServerSays),
        1 => Just(Step::ClientRekeys),
        1 => Just(Step::ServerRekeys),
        4 => any::<u16>().prop_map(Step::ToServer),
        2 => Just(Step::ToClient),
        1 => Just(Step::HandOver),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    /// Whatever is said arrives once and in order, whoever rekeys when, and wherever the connection is handed over.
    #[test]
    fn nothing_is_lost_or_changed(
        steps in prop::collection::vec(step(), 1..60),
        cipher in prop::sample::select(ALL_CIPHERS),
        mac in prop::sample::select(ALL_MACS),
        strict: bool,
    ) {
        let mut pair = Pair::logged_in(Choice { cipher, mac, strict, ..USUAL });
        let (mut client_said, mut server_said) = (Vec::new(), Vec::new());
        let mut on_the_wire = Vec::new();
        for (place, step) in steps.into_iter().enumerate() {
            let payload = |length: u16| [&[94, place as u8][..], &vec![place as u8; length.into()]].concat();
            match step {
                Step::ClientSays(length) => {
                    client_said.push(payload(length));
                    pair.client.send(&payload(length));
                }
                Step::ServerSays(length) => {
                    server_said.push(payload(length));
                    pair.server.send(&payload(length));
                }
                Step::ClientRekeys => pair.client.start_key_exchange(),
                Step::ServerRekeys => pair.server.start_rekey(),
                Step::ToServer(part) => {
                    on_the_wire.extend(pair.client.take_output());
                    let now: Vec<u8> = on_the_wire.drain(..on_the_wire.len().min(part.into())).collect();
                    pair.deliver_to_server(&now).unwrap();
                }
                Step::ToClient => { pair.deliver_to_client(); }
                Step::HandOver => pair.hand_over(),
            }
        }
        pair.deliver_to_server(&on_the_wire).unwrap();
        pair.exchange().unwrap();
        prop_assert_eq!(&pair.received, &client_said);
        prop_assert_eq!(&pair.client.received, &server_said);
        pair.assert_both_ways_work("afterwards");
    }
}
