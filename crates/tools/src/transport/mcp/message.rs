//! Messages of a server without the secrets it was given, before anything else sees them: whoever
//! holds one may log, keep or show it.

use mainstay_core::secret::Scrub;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads a message.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8], scrub: &Scrub) -> serde_json::Result<T> {
    // Searched as a value: in a text, JSON could spell a secret in too many ways.
    let value: Value = serde_json::from_slice(bytes)?;
    serde_json::from_value(scrub.value(value))
}
