//! `hostkeys-00@openssh.com` and the proofs that clients then want.

use ipc::phases::{LoggedInAnswer, LoggedInRequest};
use wire::{Reader, Write, msg};

use super::{Bench, Received, Terms, terms};
use crate::serve::test_runtime::in_runtime;

fn bench(keys: &[&[u8]]) -> Bench {
    let announced_host_keys = keys.iter().map(|key| key.to_vec()).collect();
    Bench::new(Terms { announced_host_keys, ..terms() })
}

fn global(name: &str, want_reply: bool, keys: &[&[u8]]) -> Vec<u8> {
    let mut packet = vec![msg::SSH_MSG_GLOBAL_REQUEST];
    packet.put_string(name);
    packet.put_boolean(want_reply);
    keys.iter().for_each(|key| packet.put_string(key));
    packet
}

const PROVE: &str = "hostkeys-prove-00@openssh.com";

#[test]
fn keys_are_announced_once_and_first() {
    in_runtime(async {
        let mut bench = bench(&[b"one", b"two"]);
        bench.send(&global("keepalive@openssh.com", true, &[]));
        assert_eq!(bench.sent(), [global("hostkeys-00@openssh.com", false, &[b"one", b"two"]), vec![82]]);
        bench.send(&global("keepalive@openssh.com", true, &[]));
        assert_eq!(bench.sent(), [vec![82]]);
    });
}

#[test]
fn proofs_come_from_the_monitor_and_replies_in_order() {
    in_runtime(async {
        let mut bench = bench(&[b"one", b"two"]);
        bench.send(&global(PROVE, true, &[b"two", b"one"]));
        bench.sent();
        let LoggedInRequest::ProveHostKeys(wanted) = bench.asked() else { panic!() };
        assert_eq!(wanted, [b"two", b"one"]);
        // What comes behind waits for its turn.
        let keepalive = global("keepalive@openssh.com", true, &[]);
        assert_eq!(bench.try_send(&keepalive).unwrap(), Received::Held);
        assert!(bench.sent().is_empty());
        bench.monitor_says(LoggedInAnswer::HostKeysProven(vec![b"S2".to_vec(), b"S1".to_vec()]), &[]).await;
        let mut proofs = vec![msg::SSH_MSG_REQUEST_SUCCESS];
        proofs.put_string(b"S2");
        proofs.put_string(b"S1");
        let sent = bench.sent();
        assert_eq!(sent.first(), Some(&proofs));
        assert_eq!(Reader::new(&sent[0][1..]).string(), Ok(&b"S2"[..]));
    });
}

#[test]
fn what_the_monitor_refuses_fails() {
    in_runtime(async {
        let mut bench = bench(&[b"one"]);
        bench.send(&global(PROVE, true, &[b"not ours"]));
        bench.sent();
        assert!(matches!(bench.asked(), LoggedInRequest::ProveHostKeys(_)));
        bench.monitor_says(LoggedInAnswer::Refused { why: "no".to_owned() }, &[]).await;
        assert_eq!(bench.sent(), [vec![msg::SSH_MSG_REQUEST_FAILURE]]);
    });
}

#[test]
fn more_than_was_announced_is_not_even_asked_for() {
    in_runtime(async {
        let mut bench = bench(&[b"one"]);
        bench.sent();
        let large = vec![0; 70_000];
        let cases: [&[&[u8]]; 3] = [&[], &[b"one", b"one"], &[&large]];
        for keys in cases {
            bench.send(&global(PROVE, true, keys));
            assert_eq!(bench.sent().last(), Some(&vec![msg::SSH_MSG_REQUEST_FAILURE]));
            bench.send(&global(PROVE, false, keys));
            assert!(bench.sent().is_empty());
        }
        let mut cut = global(PROVE, true, &[b"one"]);
        cut.pop();
        assert!(bench.try_send(&cut).is_err());
    });
}
