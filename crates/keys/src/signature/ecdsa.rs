//! ECDSA signatures: `mpint r, mpint s` on the wire (RFC 5656 section 3.1.2), two halves of equal length in the library.

use aws_lc_rs::signature::UnparsedPublicKey;
use wire::{Reader, Write as _, minimal_positive};

use crate::KeyError;
use crate::curve::Curve;

pub(super) fn verify(curve: Curve, point: &[u8], signed: &[u8], signature: &[u8]) -> Result<(), KeyError> {
    let fixed = fixed_from_mpints(curve, signature)?;
    UnparsedPublicKey::new(curve.verification(), point).verify(signed, &fixed).map_err(|_| KeyError::SignatureIncorrect)
}

/// `r` and `s` padded to the length of the curve's field.
fn fixed_from_mpints(curve: Curve, signature: &[u8]) -> Result<Vec<u8>, KeyError> {
    let mut reader = Reader::new(signature);
    let (r, s) = (reader.positive_mpint()?, reader.positive_mpint()?);
    reader.finish()?;
    let mut fixed = Vec::with_capacity(curve.point_length());
    for half in [r, s] {
        let padding = curve.field_length().checked_sub(half.len()).filter(|_| !half.is_empty());
        let padding = padding.ok_or(KeyError::BadSignature("ECDSA signature is out of range"))?;
        fixed.extend(std::iter::repeat_n(0, padding));
        fixed.extend_from_slice(half);
    }
    Ok(fixed)
}

/// The other way round.
pub(crate) fn mpints_from_fixed(curve: Curve, fixed: &[u8]) -> Result<Vec<u8>, KeyError> {
    let (r, s) = fixed.split_at_checked(curve.field_length()).ok_or(KeyError::SigningFailed)?;
    let mut signature = Vec::new();
    signature.put_mpint(minimal_positive(r));
    signature.put_mpint(minimal_positive(s));
    Ok(signature)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn halves_survive_both_conversions(bytes in prop::collection::vec(any::<u8>(), 132), zeros in 0usize..40) {
            for curve in Curve::ALL {
                let mut fixed = bytes[..curve.field_length() * 2].to_vec();
                fixed[..zeros.min(curve.field_length() - 1)].fill(0);
                prop_assume!(fixed[..curve.field_length()].iter().any(|byte| *byte != 0));
                prop_assume!(fixed[curve.field_length()..].iter().any(|byte| *byte != 0));
                let mpints = mpints_from_fixed(curve, &fixed).unwrap();
                prop_assert_eq!(fixed_from_mpints(curve, &mpints).unwrap(), fixed);
            }
        }
    }

    #[test]
    fn zero_and_overlong_halves_are_refused() {
        let mut zero = Vec::new();
        zero.put_mpint(&[]);
        zero.put_mpint(&[1]);
        assert!(matches!(fixed_from_mpints(Curve::P256, &zero), Err(KeyError::BadSignature(_))));
        let mut long = Vec::new();
        long.put_mpint(&[1; 33]);
        long.put_mpint(&[1]);
        assert!(matches!(fixed_from_mpints(Curve::P256, &long), Err(KeyError::BadSignature(_))));
        let mut trailing = Vec::new();
        trailing.put_mpint(&[1]);
        trailing.put_mpint(&[1]);
        trailing.push(0);
        assert!(matches!(fixed_from_mpints(Curve::P256, &trailing), Err(KeyError::Encoding(_))));
    }
}
