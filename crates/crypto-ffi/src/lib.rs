//! What aws-lc has and its safe crate does not offer, each piece behind a safe function.
//!
//! Everything here is stateless or owns plain memory; lengths are slices' lengths, so no call can reach outside.

mod aes_ctr;
mod cbc;
mod chacha20;
mod diffie_hellman;
mod hmac_md5;
mod md5;
mod ml_dsa;
mod poly1305;

pub use aes_ctr::AesCtr;
pub use cbc::Cbc;
pub use chacha20::chacha20;
pub use diffie_hellman::DiffieHellman;
pub use hmac_md5::hmac_md5;
pub use md5::md5;
pub use ml_dsa::{MLDSA44_PUBLIC, MLDSA44_SEED, MLDSA44_SIGNATURE, MlDsa44};
pub use poly1305::poly1305;
