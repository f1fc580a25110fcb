//! What a peer sends after the key exchange: sealed as it must be, so that what is inside gets read.
#![no_main]

use std::sync::OnceLock;

use bulkhead_fuzz::client::Client;
use bulkhead_fuzz::{chunks, server};
use transport::{HandOverState, Transport};

static ESTABLISHED: OnceLock<(Client, Vec<u8>)> = OnceLock::new();

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (client, state) = ESTABLISHED.get_or_init(established);
    let mut client = client.clone();
    let state: HandOverState = postcard::from_bytes(state).expect("the state of a transport");
    let mut transport = Transport::resume(state, server::settings(), &server::proof()).expect("a good state");
    for (what, chunk) in chunks(bytes) {
        let sent = match what % 4 {
            0 | 1 => client.seal(chunk),
            2 => {
                transport.send(chunk);
                continue;
            }
            _ if chunk.is_empty() => {
                transport.start_rekey();
                continue;
            }
            _ => chunk.to_vec(),
        };
        if server::take(&mut transport, &sent).is_err() {
            break;
        }
    }
    assert!(transport.output_pending() < server::MOST_OUTPUT);
});

/// One handshake for all inputs: what differs from run to run is the keys alone.
fn established() -> (Client, Vec<u8>) {
    let mut transport = Transport::accept(server::settings(), &server::proof());
    let client = Client::shake_hands(&mut transport);
    transport.authenticated();
    (client, postcard::to_stdvec(&transport.into_hand_over()).expect("the state of a transport"))
}
