//! Values as the journal keeps them: bytes apart, a digest in their place.
//!
//! Entries hold digests only, so the hash chain stays whole when a payload is erased. The bytes
//! travel beside the entry; a store keeps small ones in the row and large ones once, compressed.

use std::sync::Arc;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    digest::{Digest, NotCanonical, canonical, parse},
    journal::Position,
    label::Label,
};

/// Payloads up to this many bytes stay in the journal row; larger ones are stored once, compressed.
pub const INLINE_LIMIT: usize = 2_048;

/// A value's place in an entry: its digest, its length in bytes, where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayloadRef {
    /// BLAKE3 of the bytes.
    pub digest: Digest,
    /// Length in bytes.
    pub len: u32,
    /// Integrity and readers.
    #[serde(default, skip_serializing_if = "Label::is_default")]
    pub label: Label,
}

/// A value's bytes: canonical JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    digest: Digest,
    bytes: Arc<[u8]>,
}

impl Payload {
    /// Writes a value as canonical JSON.
    ///
    /// # Errors
    /// The value has a non-finite number or a map whose keys are not strings.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, NotCanonical> {
        Ok(Self::from_bytes(canonical(value)?))
    }

    /// Wraps bytes read from a store; their digest is computed, not believed.
    #[must_use]
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self { digest: Digest::of(&bytes), bytes }
    }

    /// Returns the digest.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the reference that stands in the entry.
    #[must_use]
    pub fn reference(&self, label: Label) -> PayloadRef {
        let len = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        PayloadRef { digest: self.digest, len, label }
    }

    /// Reads the value back.
    ///
    /// # Errors
    /// The bytes are not JSON of that type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, NotCanonical> {
        parse(&self.bytes)
    }
}

/// A payload that the fold refers to: which entry carried it, and under which digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The entry whose row carries the bytes when they are small.
    pub at: Position,
    /// The reference itself.
    #[serde(flatten)]
    pub payload: PayloadRef,
}
