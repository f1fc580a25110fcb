//! UMAC (RFC 4418), for messages of at most 2²⁴ bytes: no packet is longer, so the second layer's wider hash is never
//! reached. `STREAMS` is 2 for UMAC-64 and 4 for UMAC-128. Written here because no maintained crate has it.

use crypto_ffi::AesCtr;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::copy;

/// Bytes of one block of the first layer.
const L1_BLOCK: usize = 1024;
/// 32-bit words of one block of the first layer.
const L1_WORDS: usize = L1_BLOCK / 4;
/// Eight words go into one step of NH.
const STEP: usize = 8;
/// Words of first-layer key: the streams use the same key, each shifted by four words more (the Toeplitz shift).
const L1_KEY_WORDS: usize = L1_WORDS + 3 * SHIFT;
const SHIFT: usize = 4;

/// 2⁶⁴ − 59, the prime of the second layer.
const P64_OFFSET: u64 = 59;
const P64: u64 = 0_u64.wrapping_sub(P64_OFFSET);
/// 2³⁶ − 5, the prime of the third layer.
const P36: u64 = (1 << 36) - 5;

/// A keyed UMAC.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Umac<const STREAMS: usize> {
    l1_key: [u32; L1_KEY_WORDS],
    l2_key: [u64; STREAMS],
    l3_key: [[u64; 8]; STREAMS],
    l3_pad: [u32; STREAMS],
    /// Enciphers nonces; wipes itself.
    #[zeroize(skip)]
    pad_cipher: AesCtr,
}

impl<const STREAMS: usize> std::fmt::Debug for Umac<STREAMS> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Umac(secret)")
    }
}

impl<const STREAMS: usize> Umac<STREAMS> {
    /// Derives all keys from one of 16 bytes; `None` for any other length.
    pub(crate) fn new(key: &[u8]) -> Option<Self> {
        let aes = AesCtr::new(key).filter(|_| key.len() == 16)?;
        let mut l1 = KeyStream::new(&aes, 1);
        let l1_words = L1_WORDS.saturating_add(STREAMS.saturating_sub(1).saturating_mul(SHIFT));
        let mut l1_key = [0; L1_KEY_WORDS];
        l1_key.iter_mut().take(l1_words).for_each(|word| *word = l1.u32());
        let mut l2 = KeyStream::new(&aes, 2);
        let l2_key = std::array::from_fn(|_| {
            let key = l2.u64() & 0x01ff_ffff_01ff_ffff;
            let _of_the_wider_hash = [l2.u64(), l2.u64()];
            key
        });
        let mut l3 = KeyStream::new(&aes, 3);
        let l3_key = std::array::from_fn(|_| std::array::from_fn(|_| l3.u64().checked_rem(P36).unwrap_or(0)));
        let mut l3_pads = KeyStream::new(&aes, 4);
        let l3_pad = std::array::from_fn(|_| l3_pads.u32());
        let mut pad_key = KeyStream::new(&aes, 0);
        let pad_cipher = AesCtr::new(&pad_key.block())?;
        Some(Self { l1_key, l2_key, l3_key, l3_pad, pad_cipher })
    }

    /// The tag of `message`: its first `4 * STREAMS` bytes count.
    pub(crate) fn tag(&self, nonce: u64, message: &[u8]) -> [u8; 16] {
        let mut tag = self.pad(nonce);
        for (place, hash) in tag.as_chunks_mut::<4>().0.iter_mut().zip(self.hash(message)) {
            *place = (u32::from_be_bytes(*place) ^ hash).to_be_bytes();
        }
        tag
    }

    /// PDF of RFC 4418 section 3.3.1, for a nonce of eight bytes. Two consecutive nonces share a block when the tag is
    /// half a block.
    fn pad(&self, nonce: u64) -> [u8; 16] {
        let halves = STREAMS == 2;
        let block = u128::from(if halves { nonce & !1 } else { nonce }) << 64;
        let mut pad = self.pad_cipher.encipher_block(block.to_be_bytes());
        if halves && nonce & 1 == 1 {
            pad.rotate_left(8);
        }
        pad
    }

    /// UHASH: the three layers, one result for each stream.
    fn hash(&self, message: &[u8]) -> [u32; STREAMS] {
        let (whole, last) = split_last_block(message);
        let is_short = whole.is_empty();
        let mut polynomials = [1_u64; STREAMS];
        for block in whole {
            let hashes = add_length(self.nh(block), L1_BLOCK);
            polynomials = std::array::from_fn(|stream| self.poly_step(stream, polynomials, hashes));
        }
        let mut padded = [0; L1_BLOCK];
        copy(last, &mut padded);
        let steps_bytes = last.len().max(1).next_multiple_of(STEP.saturating_mul(4));
        let hashes = add_length(self.nh(padded.get(..steps_bytes).unwrap_or(&padded)), last.len());
        // A single block skips the second layer.
        let second: [u64; STREAMS] =
            if is_short { hashes } else { std::array::from_fn(|stream| self.poly_step(stream, polynomials, hashes)) };
        std::array::from_fn(|stream| self.third_layer(stream, second))
    }

    /// NH of RFC 4418 section 5.2.2 under every stream's key at once; `block` is a multiple of 32 bytes.
    fn nh(&self, block: &[u8]) -> [u64; STREAMS] {
        let mut sums = [[0_u64; 4]; STREAMS];
        let steps = block.as_chunks::<32>().0.iter();
        let keys = self.l1_key.as_chunks::<4>().0;
        for (words, key) in steps.zip((0..).step_by(2).map(|at| keys.get(at..))) {
            let Some(key) = key else { break };
            for (sum, pair) in sums.iter_mut().zip(key.windows(2)) {
                if let [low, high] = pair {
                    nh_step(sum, words, low, high);
                }
            }
        }
        sums.map(|lanes| lanes.into_iter().fold(0, u64::wrapping_add))
    }

    /// One step of POLY of RFC 4418 section 5.3.2 with the 64-bit prime.
    fn poly_step(&self, stream: usize, polynomials: [u64; STREAMS], hashes: [u64; STREAMS]) -> u64 {
        let (Some(key), Some(value), Some(hash)) =
            (self.l2_key.get(stream), polynomials.get(stream), hashes.get(stream))
        else {
            return 0;
        };
        // Words that are not below 2⁶⁴ − 2³² are marked by an extra step.
        if *hash >= 0xffff_ffff_0000_0000 {
            let marked = multiply_add(*key, *value, P64.wrapping_sub(1));
            multiply_add(*key, marked, hash.wrapping_sub(P64_OFFSET))
        } else {
            multiply_add(*key, *value, *hash)
        }
    }

    /// L3-HASH of RFC 4418 section 5.4.2. Its input is 16 bytes, of which the first eight are always zero here.
    fn third_layer(&self, stream: usize, second: [u64; STREAMS]) -> u32 {
        let (Some(keys), Some(pad), Some(value)) =
            (self.l3_key.get(stream), self.l3_pad.get(stream), second.get(stream))
        else {
            return 0;
        };
        let words = value.to_be_bytes();
        let words = words.as_chunks::<2>().0.iter().map(|word| u64::from(u16::from_be_bytes(*word)));
        // Four products of 16 and 36 bits fit in 64.
        let sum =
            keys.iter().skip(4).zip(words).fold(0_u64, |sum, (key, word)| sum.wrapping_add(key.wrapping_mul(word)));
        let reduced = sum.checked_rem(P36).unwrap_or(0);
        (reduced & 0xffff_ffff) as u32 ^ pad
    }
}

/// One step of NH for one stream: four products of sums.
#[inline(always)]
fn nh_step(sum: &mut [u64; 4], words: &[u8; 32], low: &[u32; 4], high: &[u32; 4]) {
    let words = words.as_chunks::<4>().0.split_at_checked(4);
    let Some((first, second)) = words else { return };
    let places = sum.iter_mut().zip(first.iter().zip(low)).zip(second.iter().zip(high));
    for ((lane, (word_a, key_a)), (word_b, key_b)) in places {
        let left = u64::from(u32::from_le_bytes(*word_a).wrapping_add(*key_a));
        let right = u64::from(u32::from_le_bytes(*word_b).wrapping_add(*key_b));
        *lane = lane.wrapping_add(left.wrapping_mul(right));
    }
}

/// Whole blocks that are not the last, and the last, which may be empty only if the message is.
fn split_last_block(message: &[u8]) -> (&[[u8; L1_BLOCK]], &[u8]) {
    let (whole, rest) = message.as_chunks();
    match whole.split_last() {
        Some((last, before)) if rest.is_empty() => (before, last),
        _ => (whole, rest),
    }
}

/// NH's result plus the block's length in bits.
fn add_length<const STREAMS: usize>(hashes: [u64; STREAMS], bytes: usize) -> [u64; STREAMS] {
    hashes.map(|hash| hash.wrapping_add((bytes as u64).wrapping_mul(8)))
}

/// (a·b + c) mod 2⁶⁴ − 59; `a` is below 2⁵⁷.
fn multiply_add(a: u64, b: u64, c: u64) -> u64 {
    let sum = u128::from(a).wrapping_mul(u128::from(b)).wrapping_add(u128::from(c));
    // 2⁶⁴ ≡ 59: fold the upper half twice, then at most one subtraction is left.
    let fold = |value: u128| (value & u128::from(u64::MAX)).wrapping_add((value >> 64).wrapping_mul(59));
    let folded = fold(fold(sum));
    let reduced = if folded >= u128::from(P64) { folded.wrapping_sub(u128::from(P64)) } else { folded };
    reduced as u64
}

/// KDF of RFC 4418 section 3.2.1: AES over an index and a counter from 1.
struct KeyStream<'a> {
    aes: &'a AesCtr,
    index: u64,
    counter: u64,
    left: Vec<u8>,
}

impl<'a> KeyStream<'a> {
    fn new(aes: &'a AesCtr, index: u64) -> Self {
        Self { aes, index, counter: 0, left: Vec::new() }
    }

    fn block(&mut self) -> [u8; 16] {
        self.counter = self.counter.wrapping_add(1);
        self.aes.encipher_block((u128::from(self.index) << 64 | u128::from(self.counter)).to_be_bytes())
    }

    fn u32(&mut self) -> u32 {
        if self.left.is_empty() {
            self.left = self.block().to_vec();
        }
        let word = self.left.first_chunk().map_or(0, |word| u32::from_be_bytes(*word));
        self.left.drain(..4.min(self.left.len()));
        word
    }

    fn u64(&mut self) -> u64 {
        u64::from(self.u32()) << 32 | u64::from(self.u32())
    }
}

impl Drop for KeyStream<'_> {
    fn drop(&mut self) {
        self.left.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"abcdefghijklmnop";
    const NONCE: u64 = u64::from_be_bytes(*b"bcdefghi");

    /// RFC 4418, appendix: UMAC-64 and UMAC-96. The latter is the beginning of UMAC-128: the first three of its four
    /// streams under the same pad.
    #[test]
    fn vectors_of_rfc_4418() {
        let vectors = [
            ("", 0, 0x6E15_5FAD_2690_0BE1, 0x32FE_DB10_0C79_AD58_F07F_F764),
            ("a", 3, 0x44B5_CB54_2F22_0104, 0x185E_4FE9_05CB_A7BD_85E4_C2DC),
            ("a", 1 << 10, 0x26BF_2F5D_6011_8BD9, 0x7A54_ABE0_4AF8_2D60_FB29_8C3C),
            ("a", 1 << 15, 0x27F8_EF64_3B0D_118D, 0x7B13_6BD9_11E4_B734_286E_F2BE),
            ("a", 1 << 20, 0xA447_7E87_E9F5_5853, 0xF8AC_FA3A_C31C_FEEA_047F_7B11),
            ("abc", 1, 0xD4D7_B9F6_BD4F_BFCF, 0x883C_3D4B_97A6_1976_FFCF_2323),
            ("abc", 500, 0xD4CF_26DD_EFD5_C01A, 0x8824_A260_C53C_66A3_6C92_60A6_u128),
        ];
        for (text, times, umac_64, umac_96) in vectors {
            let message = text.repeat(times).into_bytes();
            let tag = Umac::<2>::new(KEY).unwrap().tag(NONCE, &message);
            assert_eq!(tag[..8], u64::to_be_bytes(umac_64), "UMAC-64 of {text} * {times}");
            let tag = Umac::<4>::new(KEY).unwrap().tag(NONCE, &message);
            assert_eq!(tag[..12], umac_96.to_be_bytes()[4..], "UMAC-96 of {text} * {times}");
        }
    }

    /// Words from the range that random messages hit once in 2³², against plain arithmetic.
    #[test]
    fn words_beyond_the_range_are_marked() {
        let umac = Umac::<2>::new(KEY).unwrap();
        let prime = (1_u128 << 64) - 59;
        let key = u128::from(umac.l2_key[1]);
        for word in [0, 7, 0xffff_fffe_ffff_ffff, 0xffff_ffff_0000_0000, u64::MAX - 59, u64::MAX - 58, u64::MAX] {
            for value in [0, 1, 58, 0x1234_5678_9abc_def0, u64::MAX - 59] {
                let marked = if word >> 32 == 0xffff_ffff {
                    (key * u128::from(value) + prime - 1) % prime
                } else {
                    value.into()
                };
                let added = if word >> 32 == 0xffff_ffff { u128::from(word) - 59 } else { word.into() };
                let expected = (key * marked + added) % prime;
                assert_eq!(u128::from(umac.poly_step(1, [0, value], [0, word])), expected, "{value} {word}");
            }
        }
    }

    #[test]
    fn the_largest_products_are_reduced() {
        let prime = (1_u128 << 64) - 59;
        let largest_key = 0x01ff_ffff_01ff_ffff_u64;
        for (a, b, c) in [
            (largest_key, u64::MAX - 59, u64::MAX),
            (largest_key, u64::MAX, 0),
            (1, 0, u64::MAX),
            (1, u64::MAX - 59, 1),
            (1, u64::MAX - 59, 0),
        ] {
            let expected = (u128::from(a) * u128::from(b) + u128::from(c)) % prime;
            assert_eq!(u128::from(multiply_add(a, b, c)), expected, "{a} {b} {c}");
        }
    }

    #[test]
    fn other_key_lengths_are_refused() {
        assert!(Umac::<2>::new(&[0; 32]).is_none());
        assert!(Umac::<4>::new(&[]).is_none());
    }
}
