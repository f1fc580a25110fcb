//! Certificates: as a peer sends them, and with the right signature around lists that are not.
#![no_main]

use std::sync::OnceLock;

use keys::authorized_keys::principal_lines;
use keys::{Certificate, PrivateKey};
use wire::{Reader, Write as _};

// Four strings are principals, critical options, extensions and key id of a certificate that is then signed; anything
// else is read as it is.
libfuzzer_sys::fuzz_target!(|message: &[u8]| {
    let accepted = ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "ssh-rsa"].map(str::to_owned);
    let signed = signed_certificate(message);
    let signed_is_read = signed.and_then(|whole| Certificate::parse(&whole, &accepted).ok());
    for certificate in [signed_is_read, Certificate::parse(message, &accepted).ok()].into_iter().flatten() {
        let _ = (certificate.critical_options(), certificate.extensions(), format!("{certificate:?}"));
        assert!(certificate.principals().len() <= 256);
        // What is not accepted is not read, and no bit behind the signed part counts for nothing.
        assert!(Certificate::parse(certificate.blob(), &[]).is_err());
        let longer = [certificate.blob(), b"\0"].concat();
        assert!(Certificate::parse(&longer, &accepted).is_err());
    }
    for (_, line) in principal_lines(message) {
        if let Ok(line) = line {
            assert!(!line.principal.contains([' ', '\t', '#', '"', '\n']));
        }
    }
});

fn signed_certificate(message: &[u8]) -> Option<Vec<u8>> {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    let key = KEY.get_or_init(|| PrivateKey::generate_ed25519().expect("a key"));
    let mut reader = Reader::new(message);
    let [principals, critical, extensions, key_id] =
        [reader.string().ok()?, reader.string().ok()?, reader.string().ok()?, reader.string().ok()?];
    let mut whole = Vec::new();
    whole.put_string("ssh-ed25519-cert-v01@openssh.com");
    whole.put_string("nonce");
    whole.put_string([7; 32]);
    whole.put_u64(1);
    whole.put_u32(1);
    whole.put_string(key_id);
    whole.put_string(principals);
    whole.put_u64(0);
    whole.put_u64(u64::MAX);
    whole.put_string(critical);
    whole.put_string(extensions);
    whole.put_string("");
    whole.put_string(key.public().blob());
    let signature = key.sign("ssh-ed25519", &whole).ok()?;
    whole.put_string(signature);
    Some(whole)
}
