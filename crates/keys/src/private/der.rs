//! The little DER (ITU-T X.690) that RSA keys need: sequences of positive integers (RFC 8017, appendix A.1).

use wire::minimal_positive;
use zeroize::Zeroizing;

use super::modulo::remainder;
use crate::KeyError;

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
const NOT_DER: KeyError = KeyError::BadFile("broken DER");

/// Modulus and exponent of an `RSAPublicKey`.
pub(super) fn rsa_public_key(der: &[u8]) -> Result<(&[u8], &[u8]), KeyError> {
    let (content, _) = take(SEQUENCE, der)?;
    let (modulus, rest) = take(INTEGER, content)?;
    let (exponent, _) = take(INTEGER, rest)?;
    Ok((minimal_positive(modulus), minimal_positive(exponent)))
}

/// An `RSAPrivateKey`. OpenSSH's files lack the two exponents for the Chinese remainder theorem; they are worked out
/// here. `None` for primes that are none.
pub(super) fn rsa_private_key(
    n: &[u8],
    e: &[u8],
    d: &[u8],
    p: &[u8],
    q: &[u8],
    iqmp: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let (dmp1, dmq1) = (remainder(d, &one_less(p)?)?, remainder(d, &one_less(q)?)?);
    // Room for everything from the start: a vector that grows leaves copies behind that nobody wipes.
    let room = n.len().saturating_mul(6).saturating_add(e.len()).saturating_add(64);
    let mut content = Zeroizing::new(Vec::with_capacity(room));
    for number in [&[], n, e, d, p, q, &dmp1, &dmq1, iqmp] {
        put_integer(&mut content, number);
    }
    let mut der = Zeroizing::new(Vec::with_capacity(room));
    put_header(&mut der, SEQUENCE, content.len());
    der.extend_from_slice(&content);
    Some(der)
}

/// An odd number less one.
fn one_less(odd: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut number = Zeroizing::new(odd.to_vec());
    let last = number.last_mut().filter(|last| **last & 1 == 1)?;
    *last &= 0xfe;
    Some(number)
}

/// The content of the element that `der` starts with, and what follows it.
fn take(tag: u8, der: &[u8]) -> Result<(&[u8], &[u8]), KeyError> {
    let (&[found, first_length], rest) = der.split_first_chunk::<2>().ok_or(NOT_DER)?;
    if found != tag {
        return Err(NOT_DER);
    }
    let (length, rest) = match first_length {
        short @ 0..=0x7f => (usize::from(short), rest),
        0x81 => rest.split_first().map(|(byte, rest)| (usize::from(*byte), rest)).ok_or(NOT_DER)?,
        0x82 => {
            let (bytes, rest) = rest.split_first_chunk::<2>().ok_or(NOT_DER)?;
            (usize::from(u16::from_be_bytes(*bytes)), rest)
        }
        _ => return Err(NOT_DER),
    };
    rest.split_at_checked(length).ok_or(NOT_DER)
}

fn put_integer(out: &mut Vec<u8>, magnitude: &[u8]) {
    let minimal = minimal_positive(magnitude);
    let sign_byte_needed = minimal.first().is_none_or(|first| *first >= 0x80);
    put_header(out, INTEGER, minimal.len().saturating_add(usize::from(sign_byte_needed)));
    if sign_byte_needed {
        out.push(0);
    }
    out.extend_from_slice(minimal);
}

/// Lengths here stay below 64 KiB: the numbers come out of a file of bounded size and are checked by the library.
fn put_header(out: &mut Vec<u8>, tag: u8, length: usize) {
    out.push(tag);
    let [.., high, low] = length.to_be_bytes();
    match (high, low) {
        (0, 0..=0x7f) => out.push(low),
        (0, _) => out.extend_from_slice(&[0x81, low]),
        _ => out.extend_from_slice(&[0x82, high, low]),
    }
}
