//! How payloads are kept: small ones in the row that carries them, large ones once, compressed.
//!
//! One payload is written as a tag (plain or LZ4), the first eight bytes of its digest, the
//! stored length and the bytes. The eight bytes tell rot from truth when an inline payload is
//! read; a large one is checked against the full digest it is keyed by.

use mainstay_core::{
    digest::Digest,
    payload::{INLINE_LIMIT, Payload},
    store::StoreError,
};

const PLAIN: u8 = 0;
const LZ4: u8 = 1;
const CHECK: usize = 8;

/// Splits payloads into those that stay in the row and those that are stored apart.
pub(crate) fn split(payloads: &[Payload]) -> (Vec<&Payload>, Vec<&Payload>) {
    payloads.iter().partition(|payload| stays_in_row(payload))
}

/// Returns whether a payload is small enough for the row that carries it.
pub(crate) fn stays_in_row(payload: &Payload) -> bool {
    payload.bytes().len() <= INLINE_LIMIT
}

/// Returns a large payload's bytes as they are stored under its digest.
pub(crate) fn compress(payload: &Payload) -> Vec<u8> {
    lz4_flex::compress_prepend_size(payload.bytes())
}

/// Reads a large payload back and compares it with the digest it was stored under.
pub(crate) fn decompress(digest: Digest, stored: &[u8]) -> Result<Payload, StoreError> {
    let bytes = lz4_flex::decompress_size_prepended(stored)
        .map_err(|e| StoreError::Corrupt(format!("payload {}: {e}", digest.short())))?;
    let payload = Payload::from_bytes(bytes);
    if payload.digest() == digest {
        Ok(payload)
    } else {
        Err(StoreError::Corrupt(format!("payload {} has other bytes", digest.short())))
    }
}

/// Writes payloads into one blob; `None` for none, so that a row without any costs nothing.
pub(crate) fn encode<'a>(payloads: impl IntoIterator<Item = &'a Payload>) -> Option<Vec<u8>> {
    let mut blob = Vec::new();
    for payload in payloads {
        let packed = (!stays_in_row(payload)).then(|| compress(payload));
        let (tag, stored) = match &packed {
            Some(packed) => (LZ4, packed.as_slice()),
            None => (PLAIN, payload.bytes()),
        };
        blob.reserve(1 + CHECK + size_of::<u64>() + stored.len());
        blob.push(tag);
        blob.extend(payload.digest().as_bytes().iter().take(CHECK));
        blob.extend((stored.len() as u64).to_le_bytes());
        blob.extend_from_slice(stored);
    }
    (!blob.is_empty()).then_some(blob)
}

/// Reads a blob back.
pub(crate) fn decode(blob: Option<&[u8]>) -> Result<Vec<Payload>, StoreError> {
    let mut rest = blob.unwrap_or_default();
    let mut payloads = Vec::new();
    while !rest.is_empty() {
        let (payload, tail) = decode_one(rest)?;
        payloads.push(payload);
        rest = tail;
    }
    Ok(payloads)
}

fn decode_one(blob: &[u8]) -> Result<(Payload, &[u8]), StoreError> {
    let cut = || StoreError::Corrupt("a payload blob is cut short".to_owned());
    let (tag, rest) = blob.split_first().ok_or_else(cut)?;
    let (check, rest) = rest.split_at_checked(CHECK).ok_or_else(cut)?;
    let (len, rest) = rest.split_first_chunk::<8>().ok_or_else(cut)?;
    let len = usize::try_from(u64::from_le_bytes(*len)).map_err(|_| cut())?;
    let (stored, rest) = rest.split_at_checked(len).ok_or_else(cut)?;
    let payload = match *tag {
        PLAIN => Payload::from_bytes(stored),
        LZ4 => Payload::from_bytes(
            lz4_flex::decompress_size_prepended(stored)
                .map_err(|e| StoreError::Corrupt(format!("a payload does not unpack: {e}")))?,
        ),
        tag => return Err(StoreError::Corrupt(format!("payload tag {tag}"))),
    };
    if payload.digest().as_bytes().starts_with(check) {
        Ok((payload, rest))
    } else {
        Err(StoreError::Corrupt(format!("an inline payload reads as {}", payload.digest().short())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payloads() -> Vec<Payload> {
        [0, 1, INLINE_LIMIT, INLINE_LIMIT + 1, 100_000]
            .map(|len| Payload::from_bytes(vec![b'7'; len]))
            .to_vec()
    }

    #[test]
    fn payloads_of_every_size_read_back() {
        let blob = encode(&payloads()).unwrap();
        assert_eq!(decode(Some(&blob)), Ok(payloads()));
        assert_eq!(encode([]), None);
        assert_eq!(decode(None), Ok(Vec::new()));
    }

    #[test]
    fn a_changed_byte_never_reads_as_another_value() {
        let whole =
            vec![Payload::from_bytes(*b"{\"a\":1}"), Payload::from_bytes(vec![b'x'; 3_000])];
        let blob = encode(&whole).unwrap();
        for at in 0..blob.len() {
            let mut rotten = blob.clone();
            rotten[at] ^= 1;
            // LZ4 can write one text in several ways, so some changes change nothing.
            let read = decode(Some(&rotten)).unwrap_or_else(|_| whole.clone());
            assert_eq!(read, whole, "byte {at}");
        }
        let (small, _) = blob.split_at(24);
        for at in 0..small.len() {
            let mut rotten = small.to_vec();
            rotten[at] ^= 1;
            assert!(decode(Some(&rotten)).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_large_payload_is_compared_with_its_digest() {
        let large = Payload::from_bytes(vec![b'y'; 5_000]);
        assert_eq!(decompress(large.digest(), &compress(&large)), Ok(large.clone()));
        assert!(decompress(Digest::of(b"other"), &compress(&large)).is_err());
        assert!(decompress(large.digest(), b"no").is_err());
    }
}
