//! Key types and the signature algorithms that belong to them.

use serde::{Deserialize, Serialize};

/// A type of plain key. (Certificates wrap one of these.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeyType {
    /// `ssh-ed25519` (RFC 8709)
    Ed25519,
    /// `ecdsa-sha2-nistp256` (RFC 5656)
    EcdsaP256,
    /// `ecdsa-sha2-nistp384`
    EcdsaP384,
    /// `ecdsa-sha2-nistp521`
    EcdsaP521,
    /// `ssh-rsa` (RFC 4253; signatures of RFC 8332)
    Rsa,
    /// `sk-ssh-ed25519@openssh.com`: an ed25519 key inside a FIDO authenticator (PROTOCOL.u2f)
    SkEd25519,
    /// `sk-ecdsa-sha2-nistp256@openssh.com`: a P-256 key inside a FIDO authenticator (PROTOCOL.u2f)
    SkEcdsaP256,
}

impl KeyType {
    /// The name inside a key blob and in front of it in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ssh-ed25519",
            Self::EcdsaP256 => "ecdsa-sha2-nistp256",
            Self::EcdsaP384 => "ecdsa-sha2-nistp384",
            Self::EcdsaP521 => "ecdsa-sha2-nistp521",
            Self::Rsa => "ssh-rsa",
            Self::SkEd25519 => "sk-ssh-ed25519@openssh.com",
            Self::SkEcdsaP256 => "sk-ecdsa-sha2-nistp256@openssh.com",
        }
    }

    /// The name in log lines: `Accepted key ED25519 SHA256:…`.
    #[must_use]
    pub fn short_name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ED25519",
            Self::EcdsaP256 | Self::EcdsaP384 | Self::EcdsaP521 => "ECDSA",
            Self::Rsa => "RSA",
            Self::SkEd25519 => "ED25519-SK",
            Self::SkEcdsaP256 => "ECDSA-SK",
        }
    }

    /// The type with this name ([`Self::name`]).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        const ALL: [KeyType; 7] = [
            KeyType::Ed25519,
            KeyType::EcdsaP256,
            KeyType::EcdsaP384,
            KeyType::EcdsaP521,
            KeyType::Rsa,
            KeyType::SkEd25519,
            KeyType::SkEcdsaP256,
        ];
        ALL.into_iter().find(|key_type| key_type.name() == name)
    }

    /// The signature algorithms that a key of this type can be used with, the best first.
    #[must_use]
    pub fn algorithms(self) -> &'static [&'static str] {
        match self {
            Self::Ed25519 => &["ssh-ed25519"],
            Self::EcdsaP256 => &["ecdsa-sha2-nistp256"],
            Self::EcdsaP384 => &["ecdsa-sha2-nistp384"],
            Self::EcdsaP521 => &["ecdsa-sha2-nistp521"],
            Self::Rsa => &["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"],
            Self::SkEd25519 => &["sk-ssh-ed25519@openssh.com"],
            Self::SkEcdsaP256 => &["sk-ecdsa-sha2-nistp256@openssh.com", "webauthn-sk-ecdsa-sha2-nistp256@openssh.com"],
        }
    }

    /// Whether the private half lives in a FIDO authenticator.
    #[must_use]
    pub fn is_security_key(self) -> bool {
        matches!(self, Self::SkEd25519 | Self::SkEcdsaP256)
    }
}

/// Which type of key goes with a signature algorithm of a login request; `None` for names not known here.
/// To be checked against what the configuration accepts *before* the key blob is parsed.
#[must_use]
pub fn algorithm_key_type(algorithm: &str) -> Option<KeyType> {
    match algorithm {
        "rsa-sha2-512" | "rsa-sha2-256" => Some(KeyType::Rsa),
        "webauthn-sk-ecdsa-sha2-nistp256@openssh.com" => Some(KeyType::SkEcdsaP256),
        name => KeyType::from_name(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_leads_back_to_its_type() {
        for name in [
            "ssh-ed25519",
            "ecdsa-sha2-nistp256",
            "ecdsa-sha2-nistp384",
            "ecdsa-sha2-nistp521",
            "ssh-rsa",
            "sk-ssh-ed25519@openssh.com",
            "sk-ecdsa-sha2-nistp256@openssh.com",
        ] {
            let key_type = KeyType::from_name(name).unwrap();
            assert_eq!(key_type.name(), name);
            for algorithm in key_type.algorithms() {
                assert_eq!(algorithm_key_type(algorithm), Some(key_type), "{algorithm}");
            }
        }
        assert_eq!(algorithm_key_type("ssh-dss"), None);
        assert_eq!(algorithm_key_type("ssh-ed25519-cert-v01@openssh.com"), None);
        assert_eq!(algorithm_key_type("SSH-ED25519"), None, "names are case-sensitive");
    }
}
