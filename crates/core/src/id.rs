//! Typed ids: each kind has its own type, its own prefix, and refuses the others.
//!
//! An id is a UUID (version 7 where it starts from a time, so ids sort by age). It prints as
//! `run_` plus the UUID's 26 Crockford base32 characters in upper case and is read without regard
//! to case. Ids are made from a time and random bytes that come in as arguments: a seed gives the
//! same ids again.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::Timestamp;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const WIDTH: usize = 26;

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdError {
    /// The text starts with another kind's prefix, or with none.
    Prefix {
        /// The prefix this kind wants, without the underscore.
        want: &'static str,
    },
    /// A character outside Crockford's base32.
    Character(char),
    /// Not 26 characters, or a value past 128 bits.
    Length,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix { want } => write!(f, "expected an id that starts with `{want}_`"),
            Self::Character(c) => write!(f, "`{c}` is not a character of an id"),
            Self::Length => f.write_str("an id has 26 characters after its prefix"),
        }
    }
}

impl std::error::Error for IdError {}

fn encode(uuid: Uuid) -> String {
    let bits = uuid.as_u128();
    (0..WIDTH)
        .rev()
        .filter_map(|i| ALPHABET.get(((bits >> (5 * i)) & 31) as usize))
        .map(|&b| char::from(b))
        .collect()
}

fn digit(c: char) -> Result<u128, IdError> {
    let upper = c.to_ascii_uppercase();
    ALPHABET
        .iter()
        .position(|&a| char::from(a) == upper)
        .map(|p| p as u128)
        .ok_or(IdError::Character(c))
}

fn decode(text: &str) -> Result<Uuid, IdError> {
    let digits = text.chars().map(digit).collect::<Result<Vec<_>, _>>()?;
    if digits.len() != WIDTH || digits.first().is_some_and(|&d| d > 7) {
        return Err(IdError::Length);
    }
    Ok(Uuid::from_u128(digits.into_iter().fold(0, |bits, d| (bits << 5) | d)))
}

/// Returns the inclusive range of UUIDs whose printed form starts with `prefix` (without `run_`).
///
/// # Errors
/// A character outside the alphabet, or more than 26 of them.
pub fn prefix_range(prefix: &str) -> Result<(Uuid, Uuid), IdError> {
    let digits = prefix.chars().map(digit).collect::<Result<Vec<_>, _>>()?;
    if digits.len() > WIDTH || digits.first().is_some_and(|&d| d > 7) {
        return Err(IdError::Length);
    }
    let rest = 5 * u32::try_from(WIDTH - digits.len()).unwrap_or(0);
    let head = digits.into_iter().fold(0_u128, |bits, d| (bits << 5) | d);
    let low = head.checked_shl(rest).unwrap_or(0);
    let span = 1_u128.checked_shl(rest).map_or(u128::MAX, |s| s - 1);
    Ok((Uuid::from_u128(low), Uuid::from_u128(low | span)))
}

/// Makes a version 7 UUID from a time and ten random bytes (RFC 9562, section 5.7).
#[must_use]
pub fn uuid_v7(at: Timestamp, random: [u8; 10]) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(at.millis(), &random).into_uuid()
}

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// The prefix of the printed form, without the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// Makes an id from a time and random bytes.
            #[must_use]
            pub fn new(at: Timestamp, random: [u8; 10]) -> Self { Self(uuid_v7(at, random)) }

            /// Wraps a UUID read from a store.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self { Self(uuid) }

            /// Returns the UUID as a store keeps it.
            #[must_use]
            pub const fn uuid(self) -> Uuid { self.0 }

            /// Returns the first characters, enough for a person to tell ids apart.
            #[must_use]
            pub fn short(self) -> String { self.to_string().chars().take($prefix.len() + 1 + 14).collect() }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Display::fmt(self, f) }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let head = text.get(..$prefix.len() + 1);
                match head {
                    Some(head) if head.eq_ignore_ascii_case(concat!($prefix, "_")) => {
                        decode(text.get($prefix.len() + 1..).unwrap_or_default()).map(Self)
                    }
                    _ => Err(IdError::Prefix { want: $prefix }),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

typed_ids! {
    /// One execution of a flow.
    RunId = "run";
    /// One request to a person.
    ReviewId = "rev";
    /// One session of a worker process; a process that lost its session goes on under a new one.
    SessionId = "ses";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> RunId {
        RunId::new(Timestamp::from_millis(1_790_000_000_000), [7; 10])
    }

    #[test]
    fn an_id_reads_back_what_it_printed_in_either_case() {
        let text = id().to_string();
        assert_eq!(text.len(), 4 + 26);
        assert_eq!(text.parse(), Ok(id()));
        assert_eq!(text.to_lowercase().parse(), Ok(id()));
    }

    #[test]
    fn an_id_refuses_the_prefix_of_another_kind() {
        let text = id().to_string().replace("run_", "rev_");
        assert_eq!(text.parse::<RunId>(), Err(IdError::Prefix { want: "run" }));
    }

    #[test]
    fn a_prefix_spans_exactly_the_ids_that_start_with_it() {
        let text = id().to_string();
        let (low, high) = prefix_range(text.get(4..14).unwrap()).unwrap();
        assert!(low <= id().uuid() && id().uuid() <= high);
        let (low, high) = prefix_range(text.get(4..).unwrap()).unwrap();
        assert_eq!((low, high), (id().uuid(), id().uuid()));
        assert_eq!(prefix_range(""), Ok((Uuid::nil(), Uuid::max())));
        assert_eq!(prefix_range("U"), Err(IdError::Character('U')));
    }
}
