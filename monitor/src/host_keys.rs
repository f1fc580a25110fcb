//! The private host keys: they never leave this process.

use ipc::phases::ExchangeToSign;
use ipc::start::OfferedHostKey;
use keys::{KeyError, PrivateKey};
use thiserror::Error;

/// Lengths of the exchange hashes that there are: SHA-1, SHA-256, SHA-384, SHA-512.
const HASH_LENGTHS: [usize; 4] = [20, 32, 48, 64];

/// All host keys, in the order of the configuration.
pub(crate) struct HostKeys {
    keys: Vec<PrivateKey>,
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
    /// The key cannot.
    #[error("cannot sign: {0}")]
    Key(#[from] KeyError),
}

impl HostKeys {
    pub(crate) fn new(keys: Vec<PrivateKey>) -> Self {
        Self { keys }
    }

    /// What can be offered to clients: for each of HostKeyAlgorithms the first key that can sign with it.
    pub(crate) fn offered<'a>(&self, algorithms: impl IntoIterator<Item = &'a str>) -> Vec<OfferedHostKey> {
        algorithms.into_iter().filter_map(|algorithm| self.first_for(algorithm)).collect()
    }

    fn first_for(&self, algorithm: &str) -> Option<OfferedHostKey> {
        let (index, key) = self.keys.iter().enumerate().find(|(_, key)| key.algorithms().contains(&algorithm))?;
        Some(OfferedHostKey {
            index: u32::try_from(index).ok()?,
            algorithm: algorithm.to_owned(),
            blob: key.public().blob().to_vec(),
        })
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
        Ok(self.key(*host_key)?.sign(algorithm, exchange_hash)?)
    }

    /// The public blob of a key.
    pub(crate) fn public_blob(&self, index: u32) -> Result<Vec<u8>, NotSigned> {
        Ok(self.key(index)?.public().blob().to_vec())
    }

    fn key(&self, index: u32) -> Result<&PrivateKey, NotSigned> {
        usize::try_from(index).ok().and_then(|index| self.keys.get(index)).ok_or(NotSigned::NoSuchKey(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> HostKeys {
        HostKeys::new(vec![PrivateKey::generate_ed25519().unwrap(), PrivateKey::generate_ed25519().unwrap()])
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
}
