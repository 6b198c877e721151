//! References to secrets. A program, a journal and a prompt hold the reference; the value exists at
//! the socket and nowhere else.

pub mod scrub;

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use scrub::Scrub;

/// What begins a reference where it is written down.
const SCHEME: &str = "secret:";

/// A reference to a secret, such as `secret:crm`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretRef(String);

impl SecretRef {
    /// Returns the name behind `secret:`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.0)
    }
}

impl TryFrom<String> for SecretRef {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let name = text.strip_prefix(SCHEME).unwrap_or_default();
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        if name.is_empty() || !name.bytes().all(allowed) {
            // What stands there may be the secret itself: it is not repeated.
            return Err("a secret is written as `secret:NAME`, never as its value".to_owned());
        }
        Ok(Self(name.to_owned()))
    }
}

impl From<SecretRef> for String {
    fn from(reference: SecretRef) -> Self {
        reference.to_string()
    }
}

/// The value of a secret. It cannot be printed, written or compared; who needs it says so with
/// [`expose`](Self::expose), at the socket.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes a value.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// Returns the value.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where the values of secrets are kept: the environment, a file, a vault.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// Returns the value now; it may be another one next time.
    ///
    /// # Errors
    /// There is none, or it cannot be had, in words that do not contain it.
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret, String>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_in_the_place_of_a_reference_is_refused_and_not_repeated() {
        for wrong in ["sk-live-123", "secret:", "secret:a b", "Secret:crm"] {
            let error = SecretRef::try_from(wrong.to_owned()).unwrap_err();
            assert!(!error.contains("sk-live-123"), "{error}");
        }
        let reference = SecretRef::try_from("secret:crm".to_owned()).unwrap();
        assert_eq!((reference.name(), reference.to_string().as_str()), ("crm", "secret:crm"));
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Secret::new("sk-live-123")), "Secret(…)");
    }
}
