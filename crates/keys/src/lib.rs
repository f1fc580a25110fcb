//! Public keys, certificates, private host keys, signatures and `authorized_keys` lines.
//!
//! Everything here is read from somebody who may be hostile: key and signature blobs come from peers before they have
//! logged in, `authorized_keys` from users. Parsing is strict, bounded, and cannot panic.
//! The formats: RFC 4253 section 6.6, RFC 5656, RFC 8332, RFC 8709, and OpenSSH's PROTOCOL.certkeys, PROTOCOL.u2f and
//! PROTOCOL.key.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

pub mod authorized_keys;
mod certificate;
mod credential;
mod curve;
mod error;
mod fingerprint;
mod host_key;
mod key_type;
pub mod known_hosts;
mod private;
mod public;
pub mod revocation;
mod signature;

pub use certificate::{Certificate, CertificateKind, CriticalOptions, Extensions, OptionsError};
pub use credential::Credential;
pub use error::KeyError;
pub use fingerprint::FingerprintHash;
pub use host_key::{HostKey, Signer};
pub use key_type::{KeyType, LoginAlgorithm, login_algorithms};
pub use private::PrivateKey;
pub use public::PublicKey;
pub use signature::SignatureProven;
