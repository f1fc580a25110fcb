//! Why a key or a signature is refused.

use thiserror::Error;
use wire::WireError;

/// Why a key, a signature or a key file is refused. The text never holds bytes of the key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The encoding itself is broken.
    #[error("{0}")]
    Encoding(#[from] WireError),
    /// The key or algorithm name is none that is known here.
    #[error("unknown key type")]
    UnknownType,
    /// A certificate where a plain key is needed.
    #[error("a certificate where a plain key is needed")]
    Certificate,
    /// The authority of a certificate has signed with an algorithm that is not accepted.
    #[error("certificate signature algorithm {0} is not accepted")]
    AuthorityAlgorithm(String),
    /// The authority of a certificate is no plain key.
    #[error("invalid certificate signing key")]
    BadAuthority,
    /// A value of the key is outside of what its type allows.
    #[error("{0}")]
    BadKey(&'static str),
    /// An RSA key that is shorter or longer than any that is accepted.
    #[error("RSA modulus does not have 1024 to 16384 bits")]
    RsaLength,
    /// The signature algorithm is not one of this key's type.
    #[error("signature algorithm does not belong to the key type")]
    WrongAlgorithm,
    /// The signature's own algorithm name is not the one that was asked for.
    #[error("signature was made with another algorithm than requested")]
    SignatureAlgorithmMismatch,
    /// The signature's encoding is broken.
    #[error("{0}")]
    BadSignature(&'static str),
    /// The signature does not verify.
    #[error("signature is incorrect")]
    SignatureIncorrect,
    /// A private key that a passphrase protects: a server cannot ask for it.
    #[error("private key is protected by a passphrase")]
    Encrypted,
    /// The text is no private key file in a known format.
    #[error("not a private key file: {0}")]
    BadFile(&'static str),
    /// Signing failed inside the cryptographic library.
    #[error("signing failed")]
    SigningFailed,
}
