//! Host keys as the listener hands them to each monitor: who signs with them, and what clients see of them.

use serde::{Deserialize, Serialize};

use crate::{Certificate, KeyType, LoginAlgorithm, PrivateKey, PublicKey};

/// One host key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HostKey {
    signer: Signer,
    /// The blob of its certificate.
    certificate: Option<Vec<u8>>,
}

/// Who has the private half.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Signer {
    /// We have.
    Private(PrivateKey),
    /// An agent has.
    Agent {
        /// The public half.
        public: PublicKey,
        /// The path of the agent's socket.
        socket: String,
    },
}

impl HostKey {
    /// A key without a certificate.
    #[must_use]
    pub fn new(signer: Signer) -> Self {
        Self { signer, certificate: None }
    }

    /// Takes a certificate for this key; one of another key is not taken. The last one counts.
    pub fn certify(&mut self, certificate: &Certificate) -> bool {
        let belongs = certificate.key() == self.public();
        if belongs {
            self.certificate = Some(certificate.blob().to_vec());
        }
        belongs
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        match &self.signer {
            Signer::Private(key) => key.public(),
            Signer::Agent { public, .. } => public,
        }
    }

    /// Who signs.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// What clients get to see when this key signs with an algorithm: its blob, or its certificate for the algorithms of
    /// certificates. `None` when it cannot sign so. SHA-1 is not among what it can, nor what browsers make of a key.
    #[must_use]
    pub fn shown_for(&self, algorithm: &str) -> Option<&[u8]> {
        let algorithm = LoginAlgorithm::from_name(algorithm)?;
        let can = algorithm.key_type == self.public().key_type() && is_for_hosts(algorithm);
        match algorithm.certified {
            _ if !can => None,
            true => self.certificate.as_deref(),
            false => Some(self.public().blob()),
        }
    }
}

fn is_for_hosts(algorithm: LoginAlgorithm) -> bool {
    match algorithm.key_type {
        KeyType::Rsa => algorithm.signature != "ssh-rsa",
        KeyType::SkEcdsaP256 => !algorithm.signature.starts_with("webauthn-"),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_without_a_certificate_shows_itself_only() {
        let key = HostKey::new(Signer::Private(PrivateKey::generate_ed25519().unwrap()));
        assert_eq!(key.shown_for("ssh-ed25519"), Some(key.public().blob()));
        for other in ["ssh-ed25519-cert-v01@openssh.com", "rsa-sha2-512", "ecdsa-sha2-nistp256", "nonsense"] {
            assert_eq!(key.shown_for(other), None, "{other}");
        }
    }

    #[test]
    fn an_agent_is_never_asked_for_sha1() {
        let blob = {
            use wire::Write as _;
            let mut blob = Vec::new();
            blob.put_string("ssh-rsa");
            blob.put_mpint(&[1, 0, 1]);
            blob.put_mpint(&[0xff; 256]);
            blob
        };
        let public = PublicKey::parse(&blob).unwrap();
        let key = HostKey::new(Signer::Agent { public, socket: "/agent".to_owned() });
        assert!(key.shown_for("rsa-sha2-256").is_some());
        assert_eq!(key.shown_for("ssh-rsa"), None);
    }
}
