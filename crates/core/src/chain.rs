//! The chain of a journal: does each row cover the one before it, and is its link its own?

use std::fmt;

use crate::{
    digest::Digest,
    id::RunId,
    journal::{Entry, Head, JournalRow, claim_link},
};

/// A row that does not hang on the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// A position was left out, or used twice.
    Gap {
        /// The position that should have come.
        wanted: u64,
        /// The one that came.
        found: u64,
    },
    /// The row before it was another one when it was written.
    Prev(u64),
    /// It was another one when it was written.
    Link(u64),
    /// It does not read as an entry.
    Unreadable(u64),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { wanted, found } => write!(f, "row {found} stands where {wanted} should"),
            Self::Prev(at) => write!(f, "row {at} does not cover the row before it"),
            Self::Link(at) => write!(f, "the link of row {at} is not its own"),
            Self::Unreadable(at) => write!(f, "row {at} does not read as an entry"),
        }
    }
}

impl std::error::Error for Broken {}

/// Says what is wrong with a row, given the end of the journal before it.
///
/// # Errors
/// It does not follow, or is not what was written.
pub fn follows(run_id: RunId, row: &JournalRow, before: Head) -> Result<Head, Broken> {
    let at = row.position;
    if at != before.position + 1 {
        return Err(Broken::Gap { wanted: before.position + 1, found: at });
    }
    let after = row.head(run_id, before);
    let entry = row.entry().map_err(|_| Broken::Unreadable(at))?;
    // The rows of claims are written by SQL, which knows no hash: their link is the claimer's nonce.
    let (prev, link) = if let Entry::Claimed { nonce, .. } = &entry {
        (Digest::ZERO, nonce_link(nonce))
    } else {
        (before.hash, Some(after.hash))
    };
    if row.prev != prev {
        return Err(Broken::Prev(at));
    }
    if link != Some(row.link) {
        return Err(Broken::Link(at));
    }
    Ok(after)
}

fn nonce_link(hex: &str) -> Option<Digest> {
    let number = u128::from_str_radix(hex, 16).ok()?;
    Some(claim_link(number.to_be_bytes()))
}
