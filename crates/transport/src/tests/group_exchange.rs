//! RFC 4419, step by step.

use super::*;

const GEX: Choice = Choice { kex: "diffie-hellman-group-exchange-sha256", ..USUAL };

fn with_sizes(minimum: u32, wanted: u32, maximum: u32) -> Choice {
    Choice { prime_sizes: PrimeSizes { minimum, wanted, maximum }, ..GEX }
}

/// The request of a client, sent by hand.
fn request(sizes: [u32; 3]) -> Vec<u8> {
    let mut request = vec![msg::SSH_MSG_KEX_DH_GEX_REQUEST];
    sizes.into_iter().for_each(|size| wire::Write::put_u32(&mut request, size));
    request
}

#[test]
fn the_owner_chooses_within_what_is_served() {
    let mut pair = Pair::new(with_sizes(1024, 3000, 16384));
    // Any odd number will do where nobody proves that it is prime.
    let chosen = ModpGroup { prime: vec![0xff; 256], generator: vec![5] };
    let asked_for = loop {
        pair.deliver_to_client();
        let bytes = pair.client.take_output();
        let space = pair.server.input_space();
        space[..bytes.len()].copy_from_slice(&bytes);
        pair.server.input_filled(bytes.len());
        while let Some(event) = pair.server.next_event().unwrap() {
            pair.told.push(format!("{event:?}"));
        }
        if let Some(asked) = pair.told.iter().find(|told| told.starts_with("ChooseGroup")) {
            break asked.clone();
        }
    };
    assert_eq!(asked_for, "ChooseGroup { minimum: 2048, wanted: 3000, maximum: 8192 }");
    assert!(!pair.server.wants_input(), "nothing goes on before the group");
    pair.hand_over();
    assert_eq!(format!("{:?}", pair.server.next_event().unwrap().unwrap()), asked_for, "asked again elsewhere");
    pair.server.group(Some(chosen.clone())).unwrap();
    assert_eq!(pair.server.group(None), Err(TransportError::GroupNotWanted));
    pair.deliver_to_client();
    assert_eq!(pair.client.exchanged_group.as_ref().unwrap().group, chosen);
    pair.exchange().unwrap();
    pair.assert_both_ways_work("group exchange");
}

#[test]
fn without_a_choice_a_numbered_group_is_taken() {
    for (maximum, bytes) in [(2048, 256), (4096, 512), (8192, 1024)] {
        let mut pair = Pair::new(with_sizes(2048, 2048, maximum));
        let mut lengths = Vec::new();
        for _ in 0..20 {
            pair.deliver_to_client();
            lengths.extend(pair.client.exchanged_group.as_ref().map(|exchanged| exchanged.group.prime.len()));
            let bytes = pair.client.take_output();
            pair.deliver_to_server(&bytes).unwrap();
        }
        assert_eq!(lengths.first(), Some(&bytes));
        assert_eq!(pair.client.key_exchanges, 1);
    }
}

#[test]
fn sizes_that_contradict_each_other_end_the_exchange() {
    for (minimum, wanted, maximum) in [(4096, 2048, 8192), (2048, 4096, 3072), (1024, 1024, 1024)] {
        let refused = Pair::new(with_sizes(minimum, wanted, maximum)).exchange().unwrap_err();
        assert_eq!(refused, TransportError::GroupSizesOutOfRange);
        assert_eq!(refused.disconnect_reason(), Some(msg::SSH_DISCONNECT_KEY_EXCHANGE_FAILED));
    }
}

#[test]
fn messages_of_the_method_come_in_their_order() {
    let unexpected = |number, when| Err(TransportError::UnexpectedMessage { number, when });
    // Both have seen the other's KEXINIT; the client's request is not delivered.
    let at_request = || {
        let mut pair = Pair::new(GEX);
        pair.deliver_to_client();
        let bytes = pair.client.take_output();
        pair.deliver_to_server(&bytes).unwrap();
        pair.deliver_to_client();
        (pair.client.take_output(), pair)
    };
    let before_request = |message: &[u8]| {
        let (_, mut pair) = at_request();
        pair.client.send_now(message);
        let bytes = pair.client.take_output();
        pair.deliver_to_server(&bytes)
    };
    let mut init = vec![msg::SSH_MSG_KEX_DH_GEX_INIT];
    wire::Write::put_string(&mut init, [15]);
    assert_eq!(before_request(&init), unexpected(32, "instead of a request for a group"));
    let mut plain_init = init.clone();
    plain_init[0] = msg::SSH_MSG_KEX_ECDH_INIT;
    assert_eq!(before_request(&plain_init), unexpected(30, "instead of a request for a group"));
    let truncated = before_request(&request([2048; 3])[..9]);
    assert!(matches!(truncated, Err(TransportError::Malformed { number: 34, .. })), "{truncated:?}");

    let (the_request, mut pair) = at_request();
    pair.client.send_now(&request([2048; 3]));
    let bytes = [the_request, pair.client.take_output()].concat();
    assert_eq!(pair.deliver_to_server(&bytes), unexpected(34, "instead of the client's public value"));
}
