//! Private key files; a key that is taken must sign, and its public half must verify.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    let Ok(key) = keys::PrivateKey::parse_file(text) else { return };
    let Some(algorithm) = key.algorithms().first() else { return };
    let signature = key.sign(algorithm, b"message").expect("a key that was accepted signs");
    key.public().verify(algorithm, b"message", &signature).expect("its own signature");
});
