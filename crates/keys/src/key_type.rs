//! Key types and the signature algorithms that belong to them.

use serde::{Deserialize, Serialize};
use wire::Reader;

use crate::KeyError;

/// What the name of every certificate's type ends with (OpenSSH's PROTOCOL.certkeys).
const CERTIFICATE: &str = "-cert-v01@openssh.com";
/// What the names of types end with that OpenSSH has defined by itself.
const VENDOR: &str = "@openssh.com";

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
    /// `ssh-mldsa44-ed25519@openssh.com`: ML-DSA-44 and ed25519, which must both be broken
    /// (draft-miller-sshm-mldsa44-ed25519-composite-sigs)
    MlDsa44Ed25519,
}

impl KeyType {
    const ALL: [Self; 8] = [
        Self::Ed25519,
        Self::EcdsaP256,
        Self::EcdsaP384,
        Self::EcdsaP521,
        Self::Rsa,
        Self::SkEd25519,
        Self::SkEcdsaP256,
        Self::MlDsa44Ed25519,
    ];

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
            Self::MlDsa44Ed25519 => "ssh-mldsa44-ed25519@openssh.com",
        }
    }

    /// The name inside the blob of a certificate for such a key, and in front of it in files.
    #[must_use]
    pub fn certificate_name(self) -> String {
        certificate_name(self.name())
    }

    /// The type whose certificates have this name ([`Self::certificate_name`]).
    #[must_use]
    pub fn from_certificate_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key_type| key_type.certificate_name() == name)
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
            Self::MlDsa44Ed25519 => "MLDSA44-ED25519",
        }
    }

    /// The type with this name ([`Self::name`]).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key_type| key_type.name() == name)
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
            Self::MlDsa44Ed25519 => &["ssh-mldsa44-ed25519@openssh.com"],
        }
    }

    /// Whether the private half lives in a FIDO authenticator.
    #[must_use]
    pub fn is_security_key(self) -> bool {
        matches!(self, Self::SkEd25519 | Self::SkEcdsaP256)
    }
}

/// What a client logs in with, by the name of its signature algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginAlgorithm {
    /// The type of the key, or of the key in the certificate.
    pub key_type: KeyType,
    /// Whether the key comes in a certificate.
    pub certified: bool,
    /// The name in the signature itself: that of the plain key's algorithm.
    pub signature: &'static str,
}

impl LoginAlgorithm {
    /// The algorithm with this name, such as `ssh-ed25519` or `rsa-sha2-512-cert-v01@openssh.com`; `None` for names not
    /// known here. To be checked against what the configuration accepts *before* the key blob is parsed.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let certified = name.ends_with(CERTIFICATE);
        let is_meant = |plain: &&'static str| if certified { certificate_name(plain) == name } else { *plain == name };
        KeyType::ALL.into_iter().find_map(|key_type| {
            let signature = key_type.algorithms().iter().copied().find(is_meant)?;
            Some(Self { key_type, certified, signature })
        })
    }
}

/// The names of all algorithms that a key or certificate can be offered with, the best first.
///
/// # Errors
/// A blob of no type that is known here. Nothing but its type is looked at.
pub fn login_algorithms(blob: &[u8]) -> Result<Vec<String>, KeyError> {
    let name = Reader::new(blob).utf8()?;
    if let Some(key_type) = KeyType::from_name(name) {
        return Ok(key_type.algorithms().iter().map(|algorithm| (*algorithm).to_owned()).collect());
    }
    let key_type = KeyType::from_certificate_name(name).ok_or(KeyError::UnknownType)?;
    Ok(key_type.algorithms().iter().map(|algorithm| certificate_name(algorithm)).collect())
}

/// `ssh-ed25519-cert-v01@openssh.com` for `ssh-ed25519`, of key types and of signature algorithms.
fn certificate_name(plain: &str) -> String {
    format!("{}{CERTIFICATE}", plain.strip_suffix(VENDOR).unwrap_or(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_leads_back_to_its_type() {
        for key_type in KeyType::ALL {
            assert_eq!(KeyType::from_name(key_type.name()), Some(key_type));
            assert_eq!(KeyType::from_certificate_name(&key_type.certificate_name()), Some(key_type));
            for algorithm in key_type.algorithms() {
                let plain = LoginAlgorithm::from_name(algorithm).unwrap();
                assert_eq!((plain.key_type, plain.certified, plain.signature), (key_type, false, *algorithm));
                let certified = LoginAlgorithm::from_name(&certificate_name(algorithm)).unwrap();
                assert_eq!(certified, LoginAlgorithm { certified: true, ..plain });
            }
        }
        for unknown in ["ssh-dss", "ssh-dss-cert-v01@openssh.com", "SSH-ED25519", "ssh-ed25519@openssh.com", ""] {
            assert_eq!(LoginAlgorithm::from_name(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn certificates_are_named_as_openssh_names_them() {
        for (key_type, name) in [
            (KeyType::Rsa, "ssh-rsa-cert-v01@openssh.com"),
            (KeyType::EcdsaP521, "ecdsa-sha2-nistp521-cert-v01@openssh.com"),
            (KeyType::SkEcdsaP256, "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com"),
            (KeyType::MlDsa44Ed25519, "ssh-mldsa44-ed25519-cert-v01@openssh.com"),
        ] {
            assert_eq!(key_type.certificate_name(), name);
        }
        let webauthn = "webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com";
        assert_eq!(
            LoginAlgorithm::from_name(webauthn).unwrap().signature,
            "webauthn-sk-ecdsa-sha2-nistp256@openssh.com"
        );
    }
}
