//! Public key blobs, and signature blobs that are to be verified with them.
#![no_main]

use keys::{FingerprintHash, LoginAlgorithm, PublicKey};
use wire::Reader;

const ALGORITHMS: [&str; 10] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-256",
    "rsa-sha2-512",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-mldsa44-ed25519@openssh.com",
];

// A string with a key blob; what follows is a signature blob.
libfuzzer_sys::fuzz_target!(|message: &[u8]| {
    let mut reader = Reader::new(message);
    let Ok(blob) = reader.string() else { return };
    let signature = reader.rest();
    let Ok(key) = PublicKey::parse(blob) else { return };
    assert_eq!(key.blob(), blob);
    let _ = (key.bits(), key.fingerprint(FingerprintHash::Sha256));
    for algorithm in ALGORITHMS {
        if key.verify(algorithm, b"what was signed", signature).is_ok() {
            assert_eq!(LoginAlgorithm::from_name(algorithm).map(|known| known.key_type), Some(key.key_type()));
        }
    }
});
