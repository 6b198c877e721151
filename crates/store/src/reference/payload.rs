//! The bytes that are written: never the same twice, and nothing that compresses away.

/// The first of 32 neighbours in ASCII that JSON writes as they are.
const FIRST: u64 = u64::from_ne_bytes([b']'; 8]);
const FIVE_BITS: u64 = u64::from_ne_bytes([31; 8]);

/// Returns `bytes` characters that follow from `seed`, five bits of noise each.
#[must_use]
pub fn fresh(seed: u64, bytes: usize) -> String {
    let mut text = Vec::with_capacity(bytes + 8);
    let mut state = seed;
    while text.len() < bytes {
        let letters = FIRST + (split_mix(&mut state) & FIVE_BITS);
        text.extend_from_slice(&letters.to_le_bytes());
    }
    text.truncate(bytes);
    String::from_utf8(text).unwrap_or_default()
}

/// `SplitMix64` by Steele, Lea and Flood (2014): a few instructions for eight bytes, so that making
/// payloads is no part of what is measured.
const fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn payloads_have_their_size_and_differ() {
        for bytes in [0, 1, 7, 8, 9, 1_024] {
            assert_eq!(fresh(7, bytes).len(), bytes);
        }
        let seen: BTreeSet<_> = (0..1_000).map(|seed| fresh(seed, 64)).collect();
        assert_eq!(seen.len(), 1_000);
        assert_eq!(fresh(3, 64), fresh(3, 64));
    }

    #[test]
    fn payloads_do_not_compress_below_their_noise() {
        let text = fresh(1, 4_096);
        let packed = lz4_flex::compress(text.as_bytes());
        assert!(packed.len() > 4_096 * 9 / 10, "{}", packed.len());
    }
}
