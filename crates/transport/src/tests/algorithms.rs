//! Every algorithm, through a whole connection.

use super::*;
use crate::ciphers::CipherName;

fn protections() -> impl Iterator<Item = Choice> {
    ALL_CIPHERS.iter().flat_map(|cipher| {
        let aead = CipherName::by_name(cipher).unwrap().is_aead();
        let macs = if aead { &ALL_MACS[..1] } else { ALL_MACS };
        macs.iter().map(|mac| Choice { cipher, mac, ..USUAL })
    })
}

#[test]
fn every_key_exchange_method() {
    for kex in ALL_KEX {
        let mut pair = Pair::connected(Choice { kex, ..USUAL });
        assert_eq!(pair.server.negotiated().unwrap().kex, *kex);
        assert_eq!(pair.told[0], r#"PeerIdentified { version: "SSH-2.0-test_client" }"#);
        assert_eq!(pair.told[1], "NewKeys { first: true }");
        pair.assert_both_ways_work(kex);
        let first_session = pair.server.session_id().unwrap().to_vec();
        pair.server.start_rekey();
        pair.exchange().unwrap();
        assert_eq!(pair.client.key_exchanges, 2, "{kex}");
        assert_eq!(pair.server.session_id(), Some(&first_session[..]), "the session id is the first exchange's");
        pair.assert_both_ways_work(kex);
    }
}

#[test]
fn every_protection_with_and_without_compression() {
    for choice in protections() {
        for compression in ["none", "zlib@openssh.com"] {
            let context = format!("{} {} {compression}", choice.cipher, choice.mac);
            let mut pair = Pair::connected(Choice { compression, ..choice });
            pair.assert_both_ways_work(&context);
            pair.log_in();
            pair.assert_both_ways_work(&context);
            pair.client.start_key_exchange();
            pair.assert_both_ways_work(&context);
            assert_eq!(pair.client.key_exchanges, 2, "{context}");
            pair.assert_both_ways_work(&context);
        }
    }
}

#[test]
fn the_first_name_of_the_clients_list_wins() {
    let mut pair = Pair::new(Choice { guess: Some("ecdh-sha2-nistp384"), kex: "ecdh-sha2-nistp384", ..USUAL });
    pair.exchange().unwrap();
    assert_eq!(pair.server.negotiated().unwrap().kex, "ecdh-sha2-nistp384");
    assert_eq!(pair.server.negotiated().unwrap().mac_in, "<implicit>");
    assert_eq!(pair.server.host_key_index(), Some(0));
}

#[test]
fn no_match_names_the_kind_and_the_offer() {
    let no_match = |choice: Choice| Pair::new(choice).exchange().unwrap_err().to_string();
    for (choice, text) in [
        (Choice { cipher: "arcfour", ..USUAL }, "no matching cipher found. Their offer: arcfour"),
        (
            Choice { cipher: "aes128-ctr", mac: "hmac-ripemd160", ..USUAL },
            "no matching MAC found. Their offer: hmac-ripemd160",
        ),
        (Choice { compression: "zlib", ..USUAL }, "no matching compression method found. Their offer: zlib"),
    ] {
        assert_eq!(no_match(choice), text);
    }
    let mut pair = Pair::new(USUAL);
    pair.server = Transport::accept(
        ServerSettings { kex_algorithms: vec!["ecdh-sha2-nistp256".into()], ..settings() },
        &LockedDown::not_locked_down_for_a_test(),
    );
    let text = "no matching key exchange method found. Their offer: curve25519-sha256,kex-strict-c-v00@openssh.com";
    assert_eq!(pair.exchange().unwrap_err().to_string(), text);
}

#[test]
fn unacceptable_public_values_end_the_exchange() {
    let small_order: &[&[u8]] = &[&[], &[0; 31], &[0; 32], &[0; 33]];
    let off_curve: &[&[u8]] = &[&[4; 65], &[0; 65], &[2; 33], &[4; 64]];
    let zero_kem: Vec<u8> = vec![0xff; 1216];
    for (kex, values) in [
        ("curve25519-sha256", small_order),
        ("ecdh-sha2-nistp256", off_curve),
        ("ecdh-sha2-nistp384", &[&[4; 97], &[4; 65]]),
        ("ecdh-sha2-nistp521", &[&[4; 133]]),
        ("mlkem768x25519-sha256", &[&zero_kem, &[0; 1215], &[0; 1216], &[0; 32]]),
        ("mlkem768nistp256-sha256", &[&[4; 1249], &[0; 1249], &[0; 1216]]),
        ("diffie-hellman-group14-sha256", &[&[], &[1], &[0x80], &[0; 256], &[0x7f; 257]]),
        ("diffie-hellman-group1-sha1", &[&[2], &[0x7f; 129]]),
        ("sntrup761x25519-sha512", &[&[0; 1190], &[0; 1189]]),
    ] {
        for value in values {
            let method = crate::kex::KexMethod::by_name(kex).unwrap();
            let refused = method.answer(value, None).unwrap_err();
            assert!(matches!(refused, TransportError::BadPublicValue { .. }), "{kex} {}: {refused}", value.len());
        }
    }
}
