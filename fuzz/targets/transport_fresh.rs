//! What a peer sends before there is any key.
#![no_main]

use bulkhead_fuzz::server;
use transport::Transport;

// In two pieces, whose border the first byte chooses.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((border, bytes)) = bytes.split_first() else { return };
    let (first, second) = bytes.split_at(usize::from(*border).min(bytes.len()));
    let mut transport = Transport::accept(server::settings(), &server::proof());
    let _ = server::take(&mut transport, first).and_then(|()| server::take(&mut transport, second));
    transport.disconnect(2, "enough");
    assert!(transport.output_pending() < server::MOST_OUTPUT);
});
