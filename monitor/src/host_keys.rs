//! The private host keys: they never leave this process.

use ipc::phases::ExchangeToSign;
use ipc::start::OfferedHostKey;
use keys::{HostKey, KeyError, KeyType, LoginAlgorithm, Signer};
use thiserror::Error;
use wire::Write as _;

use crate::agent::{self, AgentError};
use crate::key_exchange::SignedExchange;

/// Lengths of the exchange hashes that there are: SHA-1, SHA-256, SHA-384, SHA-512.
const HASH_LENGTHS: [usize; 4] = [20, 32, 48, 64];

/// All host keys, in the order of the configuration.
pub(crate) struct HostKeys {
    keys: Vec<HostKey>,
}

/// Why an exchange is not signed.
#[derive(Debug, Error)]
pub(crate) enum NotSigned {
    /// No key has this number.
    #[error("asked for host key {0}, which does not exist")]
    NoSuchKey(u32),
    /// Not the length of a hash: something else is to be signed.
    #[error("asked to sign {0} bytes, which is no exchange hash")]
    NotAHash(usize),
    /// The algorithm is not this key's, or was not offered.
    #[error("asked to sign with {0}, which was not offered for that key")]
    NotOffered(String),
    /// The hash of the first exchange is never signed again.
    #[error("asked to sign the session id again")]
    SessionIdAgain,
    /// The agent that holds the key does not sign.
    #[error("cannot sign: {0}")]
    Agent(#[from] AgentError),
    /// The key cannot.
    #[error("cannot sign: {0}")]
    Key(#[from] KeyError),
}

impl HostKeys {
    pub(crate) fn new(keys: Vec<HostKey>) -> Self {
        Self { keys }
    }

    /// What can be offered to clients: for each of HostKeyAlgorithms the first key that can sign with it, and the
    /// certificate of that key where the algorithm is one of certificates.
    pub(crate) fn offered<'a>(&self, algorithms: impl IntoIterator<Item = &'a str>) -> Vec<OfferedHostKey> {
        algorithms.into_iter().filter_map(|algorithm| self.first_for(algorithm)).collect()
    }

    fn first_for(&self, algorithm: &str) -> Option<OfferedHostKey> {
        let mut shown = self.keys.iter().map(|key| key.shown_for(algorithm)).zip(0..);
        let (blob, index) = shown.find_map(|(blob, index)| Some((blob?, index)))?;
        Some(OfferedHostKey { index, algorithm: algorithm.to_owned(), blob: blob.to_vec() })
    }

    /// The public blobs of all keys, in the order of the configuration.
    pub(crate) fn public_blobs(&self) -> Vec<Vec<u8>> {
        self.keys.iter().map(|key| key.public().blob().to_vec()).collect()
    }

    /// Signs an exchange hash with a key and algorithm that were offered, and nothing else.
    pub(crate) fn sign(&self, exchange: &ExchangeToSign, offered: &[OfferedHostKey]) -> Result<Vec<u8>, NotSigned> {
        let ExchangeToSign { host_key, algorithm, exchange_hash } = exchange;
        if !HASH_LENGTHS.contains(&exchange_hash.len()) {
            return Err(NotSigned::NotAHash(exchange_hash.len()));
        }
        if !offered.iter().any(|key| key.index == *host_key && key.algorithm == *algorithm) {
            return Err(NotSigned::NotOffered(algorithm.clone()));
        }
        let signature = LoginAlgorithm::from_name(algorithm).ok_or_else(|| NotSigned::NotOffered(algorithm.clone()))?;
        sign_with(self.key(*host_key)?, signature.signature, exchange_hash)
    }

    /// Proves that one of the keys is ours (`hostkeys-prove-00@openssh.com`). What is signed is put together here; the
    /// name in front of it makes it another thing than an exchange hash. `None` for a blob of no key of ours.
    pub(crate) fn prove(&self, blob: &[u8], exchange: &SignedExchange) -> Option<Result<Vec<u8>, NotSigned>> {
        let key = self.keys.iter().find(|key| key.public().blob() == blob)?;
        let mut signed = Vec::new();
        signed.put_string("hostkeys-prove-00@openssh.com");
        signed.put_string(exchange.session_id());
        signed.put_string(blob);
        let negotiated = LoginAlgorithm::from_name(exchange.algorithm()).map(|algorithm| algorithm.signature);
        let algorithm = match (key.public().key_type(), negotiated) {
            // A client that wanted one hash in the key exchange may not know the other.
            (KeyType::Rsa, Some("rsa-sha2-256")) => "rsa-sha2-256",
            (KeyType::Rsa, _) => "rsa-sha2-512",
            (other, _) => other.name(),
        };
        Some(sign_with(key, algorithm, &signed))
    }

    fn key(&self, index: u32) -> Result<&HostKey, NotSigned> {
        usize::try_from(index).ok().and_then(|index| self.keys.get(index)).ok_or(NotSigned::NoSuchKey(index))
    }
}

fn sign_with(key: &HostKey, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, NotSigned> {
    match key.signer() {
        Signer::Private(key) => Ok(key.sign(algorithm, message)?),
        Signer::Agent { public, socket } => Ok(agent::sign(socket, public, algorithm, message)?),
    }
}

#[cfg(test)]
mod tests {
    use keys::PrivateKey;

    use super::*;

    fn keys() -> HostKeys {
        let key = || HostKey::new(Signer::Private(PrivateKey::generate_ed25519().unwrap()));
        HostKeys::new(vec![key(), key()])
    }

    fn exchange(host_key: u32, algorithm: &str, length: usize) -> ExchangeToSign {
        ExchangeToSign { host_key, algorithm: algorithm.to_owned(), exchange_hash: vec![7; length] }
    }

    #[test]
    fn only_the_first_key_of_an_algorithm_is_offered() {
        let offered = keys().offered(["rsa-sha2-512", "ssh-ed25519"]);
        assert_eq!(offered.iter().map(|key| key.index).collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn only_hashes_are_signed_and_only_with_what_was_offered() {
        let keys = keys();
        let offered = keys.offered(["ssh-ed25519"]);
        assert!(keys.sign(&exchange(0, "ssh-ed25519", 32), &offered).is_ok());
        for bad in [
            exchange(0, "ssh-ed25519", 31),
            exchange(0, "ssh-ed25519", 0),
            exchange(0, "ssh-ed25519", 100_000),
            exchange(0, "rsa-sha2-512", 32),
            exchange(1, "ssh-ed25519", 32),
            exchange(u32::MAX, "ssh-ed25519", 32),
        ] {
            assert!(keys.sign(&bad, &offered).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn keys_are_proven_for_this_connection_and_no_other_purpose() {
        let keys = keys();
        let hash = vec![9; 32];
        let exchange = SignedExchange::new(exchange(0, "ssh-ed25519", 32), b"shown".to_vec());
        let blobs = keys.public_blobs();
        for blob in &blobs {
            let signature = keys.prove(blob, &exchange).unwrap().unwrap();
            let mut signed = Vec::new();
            signed.put_string("hostkeys-prove-00@openssh.com");
            signed.put_string([7; 32]);
            signed.put_string(blob);
            let key = keys::PublicKey::parse(blob).unwrap();
            assert!(key.verify("ssh-ed25519", &signed, &signature).is_ok());
            assert!(key.verify("ssh-ed25519", &hash, &signature).is_err());
        }
        assert!(keys.prove(b"a blob that is no key", &exchange).is_none());
        assert!(keys.prove(&[], &exchange).is_none());
    }

    /// A key that OpenSSH 10.5 made; no client here knows its algorithm.
    #[test]
    fn a_composite_key_signs_like_any_other() {
        let file = include_bytes!("../../crates/keys/tests/vectors/mldsa44_ed25519");
        let private = PrivateKey::parse_file(file).unwrap();
        let public = private.public().clone();
        let keys = HostKeys::new(vec![HostKey::new(Signer::Private(private))]);
        let algorithm = "ssh-mldsa44-ed25519@openssh.com";
        let offered = keys.offered(["ssh-ed25519", algorithm, "ssh-mldsa44-ed25519-cert-v01@openssh.com"]);
        assert_eq!(offered.iter().map(|key| key.algorithm.as_str()).collect::<Vec<_>>(), [algorithm]);
        let signature = keys.sign(&exchange(0, algorithm, 64), &offered).unwrap();
        assert!(public.verify(algorithm, &[7; 64], &signature).is_ok());
        assert!(public.verify(algorithm, &[8; 64], &signature).is_err());
    }
}
