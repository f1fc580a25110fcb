//! `d mod (p - 1)`: the one piece of arithmetic that reading an RSA key takes and the library does not offer.
//!
//! Both numbers are secret, so every bit takes the same steps whatever its value.

use zeroize::Zeroizing;

/// The largest RSA key that the library signs with has 8192 bits.
const LONGEST: usize = 8192 / 8;

/// `dividend mod modulus`, both big-endian, the result as long as the modulus in whole 64-bit words.
/// `None` when the modulus is zero or one of them is too long.
pub(super) fn remainder(dividend: &[u8], modulus: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if dividend.len() > LONGEST || modulus.len() > LONGEST || modulus.iter().all(|byte| *byte == 0) {
        return None;
    }
    // One word more than the modulus has: the remainder is doubled before it is reduced.
    let modulus = words(modulus);
    let mut remainder = Zeroizing::new(vec![0u64; modulus.len()]);
    for byte in dividend {
        for shift in (0..8).rev() {
            double_and_add(&mut remainder, u64::from((byte >> shift) & 1));
            subtract_if_not_less(&mut remainder, &modulus);
        }
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(modulus.len().saturating_mul(8)));
    remainder.iter().rev().for_each(|word| bytes.extend_from_slice(&word.to_be_bytes()));
    Some(bytes)
}

/// Little-endian 64-bit words with a zero word on top.
fn words(big_endian: &[u8]) -> Zeroizing<Vec<u64>> {
    let mut words = Zeroizing::new(Vec::with_capacity(big_endian.len().div_ceil(8).saturating_add(1)));
    for chunk in big_endian.rchunks(8) {
        words.push(chunk.iter().fold(0u64, |word, byte| (word << 8) | u64::from(*byte)));
    }
    words.push(0);
    words
}

fn double_and_add(number: &mut [u64], mut carry: u64) {
    for word in number {
        let next_carry = *word >> 63;
        *word = (*word << 1) | carry;
        carry = next_carry;
    }
}

fn subtract_if_not_less(number: &mut [u64], modulus: &[u64]) {
    let borrow = number.iter().zip(modulus).fold(0, |borrow, (word, other)| subtract_words(*word, *other, borrow).1);
    // All ones when there was nothing to borrow, that is when the number is not less than the modulus.
    let mask = borrow.wrapping_sub(1);
    let mut borrow = 0;
    for (word, other) in number.iter_mut().zip(modulus) {
        (*word, borrow) = subtract_words(*word, *other & mask, borrow);
    }
}

/// Difference and borrow, without a branch.
fn subtract_words(word: u64, other: u64, borrow: u64) -> (u64, u64) {
    let (difference, first) = word.overflowing_sub(other);
    let (difference, second) = difference.overflowing_sub(borrow);
    (difference, u64::from(first) | u64::from(second))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_machine_arithmetic(dividend: u128, modulus in 1u128..) {
            let got = remainder(&dividend.to_be_bytes(), &modulus.to_be_bytes()).unwrap();
            let expected = (dividend % modulus).to_be_bytes();
            prop_assert_eq!(wire::minimal_positive(&got), wire::minimal_positive(&expected));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(remainder(&[5], &[0, 0]).is_none());
        assert!(remainder(&[5], &[]).is_none());
        assert!(remainder(&[1; LONGEST + 1], &[3]).is_none());
    }
}
