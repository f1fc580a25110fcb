//! Lines of authorized_keys files.
#![no_main]

use keys::authorized_keys::lines;

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    for (number, line) in lines(text) {
        if let Ok(line) = line {
            assert_eq!(line.number, number);
            assert!(keys::PublicKey::parse(line.key.blob()).is_ok());
        }
    }
});
