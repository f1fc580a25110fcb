//! Packets of the connection protocol, after login.
#![no_main]

use bulkhead_fuzz::chunks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    session::serve::fuzzing::receive(chunks(bytes));
});
