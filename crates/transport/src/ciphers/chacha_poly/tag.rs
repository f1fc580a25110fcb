//! The packet's tag, Poly1305: the other half of this cipher's time.
//!
//! Chosen by measurement (one Sapphire Rapids core, messages of 32 KiB, GB/s): the `poly1305` crate with AVX2 2.4,
//! aws-lc 1.7. The crate's AVX2 code wants whole blocks: given them one by one (`compute_unpadded` for everything) it
//! falls to 1.1. It takes a microsecond more to begin, so short messages are aws-lc's, and so are processors without AVX2.

use zeroize::Zeroizing;

/// The tag of `message` under a key that is used for this one message (RFC 8439 section 2.5).
pub(super) fn tag_of(one_time_key: &Zeroizing<[u8; 32]>, message: &[u8]) -> [u8; 16] {
    #[cfg(target_arch = "x86_64")]
    if message.len() >= WORTH_A_SLOW_START && std::arch::is_x86_feature_detected!("avx2") {
        return tag_with_avx2(one_time_key, message);
    }
    crypto_ffi::poly1305(one_time_key, message)
}

/// Bytes from which on the faster code makes up for its beginning.
#[cfg(target_arch = "x86_64")]
const WORTH_A_SLOW_START: usize = 8 * 1024;

#[cfg(target_arch = "x86_64")]
fn tag_with_avx2(one_time_key: &[u8; 32], message: &[u8]) -> [u8; 16] {
    use poly1305::universal_hash::{KeyInit, UniversalHash};
    let (whole_blocks, rest) = poly1305::Block::slice_as_chunks(message);
    let mut state = poly1305::Poly1305::new(one_time_key.into());
    state.update(whole_blocks);
    state.compute_unpadded(rest).into()
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_implementations_agree(key: [u8; 32], message in prop::collection::vec(any::<u8>(), 0..20_000)) {
            prop_assert_eq!(tag_with_avx2(&key, &message), crypto_ffi::poly1305(&key, &message));
        }

        /// Carries that hardly ever happen by chance.
        #[test]
        fn both_agree_on_numbers_at_their_ends(key in ends(32), message in (0usize..2000).prop_flat_map(ends)) {
            let key: [u8; 32] = key.try_into().unwrap();
            prop_assert_eq!(tag_with_avx2(&key, &message), crypto_ffi::poly1305(&key, &message));
        }
    }

    fn ends(length: usize) -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop_oneof![Just(0xff), Just(0), Just(0xfb), Just(1)], length)
    }
}
