//! Diffie-Hellman modulo a safe prime (RFC 4253 section 8): one side's whole part.

use std::ptr::{self, NonNull};

use aws_lc_sys::{
    BIGNUM, BN_CTX, BN_CTX_free, BN_CTX_new, BN_MONT_CTX, BN_MONT_CTX_free, BN_MONT_CTX_new_for_modulus, BN_bin2bn,
    BN_bn2bin_padded, BN_clear_free, BN_cmp, BN_cmp_word, BN_copy, BN_is_odd, BN_mod_exp_mont_consttime, BN_new,
    BN_rand_range_ex, BN_set_bit, BN_sub_word,
};

/// One side of one exchange: a group and a fresh secret exponent. Powers take a time that does not depend on the exponent.
pub struct DiffieHellman {
    group: Group,
    generator: Number,
    secret: Number,
}

impl DiffieHellman {
    /// With an exponent from 1 to 2^`exponent_bits` − 1; numbers are big-endian. `None` if `prime` is even, or
    /// 1 < `generator` < `prime` − 1 does not hold.
    #[must_use]
    pub fn new(prime: &[u8], generator: &[u8], exponent_bits: u16) -> Option<Self> {
        let group = Group::new(prime)?;
        let generator = group.element(generator)?;
        Some(Self { group, generator, secret: Number::random_below_power_of_two(exponent_bits)? })
    }

    /// Our public value, as long as the prime.
    #[must_use]
    pub fn public_value(&self) -> Option<Vec<u8>> {
        self.group.power(&self.generator, &self.secret)?.to_bytes(self.group.length)
    }

    /// The shared secret, as long as the prime; the caller wipes it. `None`, without any work, if
    /// 1 < `their_value` < `prime` − 1 does not hold (RFC 4253 section 8), or if it does not hold for the secret: then
    /// the prime was not safe, and the value one of small order.
    #[must_use]
    pub fn agree(&self, their_value: &[u8]) -> Option<Vec<u8>> {
        let theirs = self.group.element(their_value)?;
        let shared = self.group.power(&theirs, &self.secret)?;
        self.group.may_hold(&shared).then(|| shared.to_bytes(self.group.length))?
    }
}

/// Integers modulo a prime.
struct Group {
    prime: Number,
    /// Bytes of the prime.
    length: usize,
    prime_minus_1: Number,
    montgomery: NonNull<BN_MONT_CTX>,
    scratch: NonNull<BN_CTX>,
}

impl Group {
    fn new(prime: &[u8]) -> Option<Self> {
        let length = prime.len();
        let prime = Number::from_bytes(prime)?;
        let prime_minus_1 = Number::new()?;
        // SAFETY: both numbers are alive. That the modulus is odd is what the arithmetic relies on.
        unsafe {
            if BN_is_odd(prime.0.as_ptr()) != 1
                || BN_copy(prime_minus_1.0.as_ptr(), prime.0.as_ptr()).is_null()
                || BN_sub_word(prime_minus_1.0.as_ptr(), 1) != 1
            {
                return None;
            }
        }
        // SAFETY: nothing is needed to make one; it is ours.
        let scratch = NonNull::new(unsafe { BN_CTX_new() })?;
        // SAFETY: the modulus is odd; what is made is ours.
        match NonNull::new(unsafe { BN_MONT_CTX_new_for_modulus(prime.0.as_ptr(), scratch.as_ptr()) }) {
            Some(montgomery) => Some(Self { prime, length, prime_minus_1, montgomery, scratch }),
            None => {
                // SAFETY: it is ours and used no more.
                unsafe { BN_CTX_free(scratch.as_ptr()) };
                None
            }
        }
    }

    /// A number from outside that this group may hold.
    fn element(&self, bytes: &[u8]) -> Option<Number> {
        // A longer number is out of range and not worth any work.
        if bytes.len() > self.length {
            return None;
        }
        Number::from_bytes(bytes).filter(|number| self.may_hold(number))
    }

    /// Whether 1 < number < prime − 1: neither of the two elements of an order below that of the group.
    fn may_hold(&self, number: &Number) -> bool {
        // SAFETY: all numbers are alive.
        unsafe { BN_cmp_word(number.0.as_ptr(), 1) > 0 && BN_cmp(number.0.as_ptr(), self.prime_minus_1.0.as_ptr()) < 0 }
    }

    fn power(&self, base: &Number, exponent: &Number) -> Option<Number> {
        let result = Number::new()?;
        // SAFETY: all numbers are alive and the result is another one; the Montgomery form is that of this modulus.
        let worked = unsafe {
            BN_mod_exp_mont_consttime(
                result.0.as_ptr(),
                base.0.as_ptr(),
                exponent.0.as_ptr(),
                self.prime.0.as_ptr(),
                self.scratch.as_ptr(),
                self.montgomery.as_ptr(),
            )
        };
        (worked == 1).then_some(result)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // SAFETY: they are ours and freed once.
        unsafe {
            BN_MONT_CTX_free(self.montgomery.as_ptr());
            BN_CTX_free(self.scratch.as_ptr());
        }
    }
}

/// Owns a BIGNUM, which is wiped when dropped.
struct Number(NonNull<BIGNUM>);

impl Number {
    fn new() -> Option<Self> {
        // SAFETY: nothing is needed to make one; it is ours.
        NonNull::new(unsafe { BN_new() }).map(Self)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        // SAFETY: `bytes` is readable for its length; asked with null, the function makes a number that is ours.
        NonNull::new(unsafe { BN_bin2bn(bytes.as_ptr(), bytes.len(), ptr::null_mut()) }).map(Self)
    }

    /// From 1 on.
    fn random_below_power_of_two(bits: u16) -> Option<Self> {
        let (limit, number) = (Self::new()?, Self::new()?);
        // SAFETY: both numbers are alive.
        let worked = unsafe {
            BN_set_bit(limit.0.as_ptr(), bits.into()) == 1
                && BN_rand_range_ex(number.0.as_ptr(), 1, limit.0.as_ptr()) == 1
        };
        worked.then_some(number)
    }

    /// As `length` bytes, if it has no more.
    fn to_bytes(&self, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        // SAFETY: the number is alive, and the function writes `length` bytes.
        let fits = unsafe { BN_bn2bin_padded(bytes.as_mut_ptr(), length, self.0.as_ptr()) };
        (fits == 1).then_some(bytes)
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        // SAFETY: it is ours and freed once.
        unsafe { BN_clear_free(self.0.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In a group small enough to try every exponent.
    #[test]
    fn powers_are_right() {
        // 2·11 + 1 = 23 is a safe prime; 2 makes the 11 squares.
        let mut seen = std::collections::HashSet::new();
        for _ in 0..200 {
            let ours = DiffieHellman::new(&[23], &[2], 3).unwrap();
            let public = u64::from(ours.public_value().unwrap()[0]);
            let exponent = (1..8).find(|exponent| 2_u64.pow(*exponent) % 23 == public).unwrap();
            assert_eq!(u64::from(ours.agree(&[4]).unwrap()[0]), 4_u64.pow(exponent) % 23);
            seen.insert(exponent);
        }
        assert_eq!(seen.len(), 7, "{seen:?}");
    }

    #[test]
    fn values_out_of_range_are_refused() {
        // 2^127 − 1; that it is not safe does not matter here.
        let prime = (u128::MAX >> 1).to_be_bytes();
        let number = u128::from_be_bytes(prime);
        let ours = DiffieHellman::new(&prime, &[3], 64).unwrap();
        for bad in [0, 1, number - 1, number, number + 1, u128::MAX] {
            assert!(ours.agree(&bad.to_be_bytes()).is_none(), "{bad}");
        }
        for good in [2, number - 2] {
            assert_eq!(ours.agree(&good.to_be_bytes()).unwrap().len(), 16);
        }
        assert!(ours.agree(&[2; 17]).is_none(), "longer than the prime");
        assert!(DiffieHellman::new(&prime, &[1], 64).is_none(), "1 generates nothing");
        assert!(DiffieHellman::new(&[8], &[2], 64).is_none(), "even");
        assert!(DiffieHellman::new(&[], &[], 64).is_none());
    }

    #[test]
    fn both_sides_agree_and_exponents_are_fresh() {
        let prime = (u128::MAX >> 1).to_be_bytes();
        let [one, other] = [(); 2].map(|()| DiffieHellman::new(&prime, &[3], 64).unwrap());
        let [of_one, of_other] = [&one, &other].map(|side| side.public_value().unwrap());
        assert_ne!(of_one, of_other);
        assert_eq!(one.agree(&of_other), other.agree(&of_one));
    }
}
