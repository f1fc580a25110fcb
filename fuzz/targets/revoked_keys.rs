//! Files of revoked keys: plain lists and key revocation lists.
#![no_main]

use std::sync::OnceLock;

use keys::PrivateKey;
use keys::revocation::Revoked;

libfuzzer_sys::fuzz_target!(|file: &[u8]| {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    let key = KEY.get_or_init(|| PrivateKey::generate_ed25519().expect("a key"));
    if let Ok(revoked) = Revoked::parse(file) {
        let _ = revoked.holds(key.public());
    }
});
