//! `ssh-mldsa44-ed25519@openssh.com`: two signatures over one digest, and both must be right
//! (draft-miller-sshm-mldsa44-ed25519-composite-sigs, which takes MLDSA44-Ed25519-SHA512 of
//! draft-ietf-lamps-pq-composite-sigs with an empty context).

use aws_lc_rs::digest::{SHA512, digest};
use crypto_ffi::{MLDSA44_PUBLIC, MLDSA44_SEED, MLDSA44_SIGNATURE, MlDsa44};

use super::verify_ed25519;
use crate::KeyError;

const PREFIX: &[u8] = b"CompositeAlgorithmSignatures2025";
/// In front of what is signed, and ML-DSA's context: neither half counts outside of this composite.
const LABEL: &[u8] = b"COMPSIG-MLDSA44-Ed25519-SHA512";

pub(super) fn verify(
    ml_dsa: &[u8; MLDSA44_PUBLIC],
    ed25519: &[u8; 32],
    signed: &[u8],
    signature: &[u8],
) -> Result<(), KeyError> {
    verify_with_context(ml_dsa, ed25519, signed, &[], signature)
}

/// What both halves sign for an application's context of at most 255 bytes.
fn representative(message: &[u8], context: &[u8]) -> Vec<u8> {
    let length = u8::try_from(context.len()).unwrap_or(u8::MAX);
    [PREFIX, LABEL, &[length], context, digest(&SHA512, message).as_ref()].concat()
}

fn verify_with_context(
    ml_dsa: &[u8; MLDSA44_PUBLIC],
    ed25519: &[u8; 32],
    signed: &[u8],
    context: &[u8],
    signature: &[u8],
) -> Result<(), KeyError> {
    const WRONG_LENGTH: KeyError = KeyError::BadSignature("composite signature does not have 2484 bytes");
    let (ml_dsa_signature, rest) = signature.split_first_chunk::<MLDSA44_SIGNATURE>().ok_or(WRONG_LENGTH)?;
    if rest.len() != 64 {
        return Err(WRONG_LENGTH);
    }
    let signed = representative(signed, context);
    let key = MlDsa44::from_public(ml_dsa).ok_or(KeyError::BadKey("no ML-DSA-44 key"))?;
    if !key.verify(LABEL, &signed, ml_dsa_signature) {
        return Err(KeyError::SignatureIncorrect);
    }
    verify_ed25519(ed25519, &signed, rest)
}

/// Both signatures over `message`; `sign_ed25519` makes the second one.
pub(crate) fn sign(
    ml_dsa_seed: &[u8; MLDSA44_SEED],
    sign_ed25519: impl FnOnce(&[u8]) -> Result<Vec<u8>, KeyError>,
    message: &[u8],
) -> Result<Vec<u8>, KeyError> {
    let signed = representative(message, &[]);
    let key = MlDsa44::from_seed(ml_dsa_seed).ok_or(KeyError::SigningFailed)?;
    let mut signature = key.sign(LABEL, &signed).ok_or(KeyError::SigningFailed)?.to_vec();
    signature.extend(sign_ed25519(&signed)?);
    Ok(signature)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    /// The published vector of draft-ietf-lamps-pq-composite-sigs for MLDSA44-Ed25519-SHA512.
    const VECTOR: &str = include_str!("../../tests/vectors/mldsa44-ed25519-draft-ietf-lamps-pq-composite-sigs.json");

    fn field(name: &str) -> Vec<u8> {
        let (_, behind) = VECTOR.split_once(&format!("\"{name}\": \"")).unwrap();
        STANDARD.decode(behind.split('"').next().unwrap()).unwrap()
    }

    #[test]
    fn the_vector_of_the_draft() {
        let public = field("pk");
        let (ml_dsa, ed25519) = public.split_first_chunk::<MLDSA44_PUBLIC>().unwrap();
        let ed25519: &[u8; 32] = ed25519.try_into().unwrap();
        let seeds = field("sk");
        let expanded = MlDsa44::from_seed(seeds[..32].try_into().unwrap()).unwrap().public().unwrap();
        assert_eq!(&expanded, ml_dsa, "the key that belongs to the seed");

        let (message, context) = (field("m"), field("ctx"));
        let right = |signature: &[u8], message: &[u8], context: &[u8]| {
            verify_with_context(ml_dsa, ed25519, message, context, signature).is_ok()
        };
        let (plain, with_context) = (field("s"), field("sWithContext"));
        assert!(right(&plain, &message, b"") && right(&with_context, &message, &context));
        assert!(!right(&plain, &message, &context) && !right(&with_context, &message, b""));
        assert!(!right(&plain, b"other", b"") && !right(&plain[1..], &message, b""));
        // Either half alone proves nothing.
        for place in [0, MLDSA44_SIGNATURE - 1, MLDSA44_SIGNATURE, MLDSA44_SIGNATURE + 63] {
            let mut damaged = plain.clone();
            damaged[place] ^= 1;
            assert!(!right(&damaged, &message, b""), "byte {place}");
        }
    }
}
