//! Diffie-Hellman modulo a prime (RFC 4253 section 8), with numbered groups or with one that was asked for (RFC 4419).
//!
//! An exchange costs the client nothing and this side two powers (CVE-2002-20001). What bounds that: no such method is
//! offered by default; one exchange is made before login; the secret exponent is as short as is safe; a value that is
//! out of range costs no power.

use crypto_ffi::DiffieHellman;
use serde::{Deserialize, Serialize};
use wire::Write;
use zeroize::{Zeroize, Zeroizing};

use super::{KexAnswer, numbered_groups::NumberedGroup};
use crate::TransportError;

/// The smallest and the largest prime of a group exchange, in bits: what deployed servers keep to. Below
/// (RFC 4419 asks for 1024) an exchange can be broken, above it costs too much.
const PRIME_BITS: std::ops::RangeInclusive<u32> = 2048..=8192;

/// Twice the 256 bits of the strongest cipher's security: a longer exponent of a safe prime's group adds no strength.
const EXPONENT_BITS: u16 = 512;

/// A group of integers: a safe prime and a generator, big-endian.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModpGroup {
    /// The modulus.
    pub prime: Vec<u8>,
    /// What powers are made of.
    pub generator: Vec<u8>,
}

/// What a client asks for in a group exchange, in bits, as it was sent: the exchange hash covers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PrimeSizes {
    pub(crate) minimum: u32,
    pub(crate) wanted: u32,
    pub(crate) maximum: u32,
}

/// A group exchange's outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExchangedGroup {
    pub(crate) sizes: PrimeSizes,
    pub(crate) group: ModpGroup,
}

impl PrimeSizes {
    /// The sizes brought into the range that is served; an error if they contradict each other or lie outside it.
    pub(crate) fn served(self) -> Result<Self, TransportError> {
        let (least, most) = (*PRIME_BITS.start(), *PRIME_BITS.end());
        let served = Self {
            minimum: self.minimum.max(least),
            wanted: self.wanted.clamp(least, most),
            maximum: self.maximum.min(most),
        };
        let in_order = served.minimum <= served.wanted && served.wanted <= served.maximum;
        let as_sent_too = self.minimum <= self.wanted && self.wanted <= self.maximum;
        if in_order && as_sent_too { Ok(served) } else { Err(TransportError::GroupSizesOutOfRange) }
    }

    /// The numbered group for those who have no other: the largest that these sizes may well take.
    pub(crate) fn fallback(self) -> ModpGroup {
        let numbered = match self.maximum {
            ..3072 => NumberedGroup::Group14,
            3072..6144 => NumberedGroup::Group16,
            6144.. => NumberedGroup::Group18,
        };
        numbered.group()
    }
}

/// Our side, with the content of the client's mpint. The public value is the content of an mpint too.
pub(super) fn answer(group: &ModpGroup, client_value: &[u8]) -> Result<KexAnswer, TransportError> {
    const REFUSED: TransportError = TransportError::BadPublicValue { method: "diffie-hellman" };
    const NO_GROUP: TransportError = TransportError::CryptoFailed { what: "making a key of the group" };
    let client_value = wire::positive_magnitude(client_value).map_err(|_| REFUSED)?;
    // A power of the generator by a tiny exponent: nobody's secret (deployed servers refuse it).
    let bits_set: u32 = client_value.iter().map(|byte| byte.count_ones()).fold(0, u32::saturating_add);
    if bits_set < 4 {
        return Err(REFUSED);
    }
    let ours = DiffieHellman::new(&group.prime, &group.generator, EXPONENT_BITS).ok_or(NO_GROUP)?;
    // First what refuses a bad value before any power.
    let agreed = Zeroizing::new(ours.agree(client_value).ok_or(REFUSED)?);
    let mut shared_secret = Vec::with_capacity(agreed.len().saturating_add(5));
    shared_secret.put_mpint(&agreed);
    let public_value = mpint_content(&ours.public_value().ok_or(NO_GROUP)?);
    let answer = KexAnswer { public_value, shared_secret: shared_secret.as_slice().into() };
    shared_secret.zeroize();
    Ok(answer)
}

/// An mpint without its length: put as a string it is the mpint again.
fn mpint_content(magnitude: &[u8]) -> Vec<u8> {
    let mut mpint = Vec::new();
    mpint.put_mpint(magnitude);
    mpint.split_off(size_of::<u32>().min(mpint.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(minimum: u32, wanted: u32, maximum: u32) -> Option<(u32, u32, u32)> {
        let sizes = PrimeSizes { minimum, wanted, maximum }.served().ok()?;
        Some((sizes.minimum, sizes.wanted, sizes.maximum))
    }

    #[test]
    fn sizes_are_brought_into_the_range() {
        assert_eq!(served(1024, 1024, 8192), Some((2048, 2048, 8192)));
        assert_eq!(served(2048, 3072, 8192), Some((2048, 3072, 8192)));
        assert_eq!(served(1, 16384, u32::MAX), Some((2048, 8192, 8192)));
        for contradiction in [(4096, 3072, 8192), (2048, 8192, 4096), (1024, 1024, 1024), (9000, 9000, 9000)] {
            let (minimum, wanted, maximum) = contradiction;
            assert_eq!(served(minimum, wanted, maximum), None, "{contradiction:?}");
        }
    }

    #[test]
    fn a_numbered_group_for_each_maximum() {
        let bits = |maximum| PrimeSizes { minimum: 2048, wanted: 2048, maximum }.fallback().prime.len() * 8;
        assert_eq!([2048, 3071, 3072, 6143, 6144, 8192].map(bits), [2048, 2048, 4096, 4096, 8192, 8192]);
    }

    #[test]
    fn values_that_are_nobodys_are_refused() {
        let group = NumberedGroup::Group14.group();
        let mut one_less = [&[0], &group.prime[..]].concat();
        *one_less.last_mut().unwrap() -= 1;
        let prime = [&[0], &group.prime[..]].concat();
        for bad in [&[][..], &[1], &[2], &[7, 0], &[0x85], &[0, 0x7f], &one_less, &prime, &[0x7f; 300]] {
            let refused = answer(&group, bad).unwrap_err();
            assert!(matches!(refused, TransportError::BadPublicValue { .. }), "{bad:?}");
        }
        assert!(answer(&group, &[15]).is_ok());
    }
}
