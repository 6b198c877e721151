//! The rows of a journal, and the chain that binds them.

use serde::{Deserialize, Serialize};

use super::{Entry, Epoch, Position};
use crate::{
    digest::{Digest, NotCanonical, canonical, parse},
    id::{RunId, SessionId},
    payload::{Payload, PayloadRef},
    time::Timestamp,
};

/// A row of the journal, as it is appended and as it is read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// The row's place.
    pub position: Position,
    /// The epoch under which it was written.
    pub epoch: Epoch,
    /// The hash of the row before; all zeros in the first row and in `claimed` rows, which SQL
    /// inserts (a verifier fills it in).
    pub prev: Digest,
    /// What the next row must have seen: the row's hash, or a claim's nonce.
    pub link: Digest,
    /// The entry's kind.
    pub kind: String,
    /// When, by the owner's clock.
    pub at: Timestamp,
    /// The entry as canonical JSON, with digests in place of payloads.
    pub body: Vec<u8>,
    /// The bytes of payloads the entry refers to. A row that is read back holds the small ones.
    pub payloads: Vec<Payload>,
}

/// What a claim's entry holds.
#[derive(Deserialize)]
struct Claimed {
    session: SessionId,
    nonce: String,
}

/// What a first entry may hold of a fold: a checkpoint's or a moved run's own, or a fork's.
#[derive(Deserialize)]
struct Origin {
    fold: Option<PayloadRef>,
    forked: Option<ForkedFold>,
}

#[derive(Deserialize)]
struct ForkedFold {
    fold: PayloadRef,
}

/// The end of a journal, as the next append must have seen it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The last row's place; 0 before the first.
    pub position: Position,
    /// The last row's hash.
    pub hash: Digest,
    /// The last row's link.
    pub link: Digest,
}

impl Head {
    /// The head of an empty journal.
    pub const EMPTY: Self = Self { position: 0, hash: Digest::ZERO, link: Digest::ZERO };
}

/// Returns the hash of a row: BLAKE3 over the hash before it and everything in the row but the
/// payloads' bytes, for which their digests stand in the body.
#[must_use]
pub fn row_hash(
    prev: Digest,
    run_id: RunId,
    position: Position,
    epoch: Epoch,
    at: Timestamp,
    body: &[u8],
) -> Digest {
    let run = run_id.uuid();
    let numbers = [position.to_le_bytes(), epoch.to_le_bytes(), at.micros().to_le_bytes()];
    Digest::of_parts([prev.as_bytes(), &run.as_bytes()[..], numbers.as_flattened(), body])
}

/// Returns the link of a `claimed` row: its 128-bit nonce, filled up with zeros.
#[must_use]
pub fn claim_link(nonce: [u8; 16]) -> Digest {
    let mut link = [0; 32];
    let (head, _) = link.split_at_mut(16);
    head.copy_from_slice(&nonce);
    Digest::from_bytes(link)
}

impl JournalRow {
    /// Writes `entry` as the row after `head`.
    ///
    /// # Errors
    /// The entry cannot be written as canonical JSON.
    pub fn after(
        head: Head,
        run_id: RunId,
        epoch: Epoch,
        at: Timestamp,
        entry: &Entry,
        payloads: Vec<Payload>,
    ) -> Result<Self, NotCanonical> {
        let body = canonical(entry)?;
        let position = head.position + 1;
        let link = row_hash(head.hash, run_id, position, epoch, at, &body);
        let kind = entry.kind().to_owned();
        Ok(Self { position, epoch, prev: head.hash, link, kind, at, body, payloads })
    }

    /// Writes the row of a claim, as a store inserts it: it names no row before it, and its link is
    /// the claimer's nonce.
    ///
    /// # Errors
    /// The entry cannot be written as canonical JSON.
    pub fn claimed(
        session: SessionId,
        nonce: [u8; 16],
        position: Position,
        epoch: Epoch,
        at: Timestamp,
    ) -> Result<Self, NotCanonical> {
        let hex = nonce.iter().map(|byte| format!("{byte:02x}")).collect();
        let entry = Entry::Claimed { session, nonce: hex };
        Ok(Self {
            position,
            epoch,
            prev: Digest::ZERO,
            link: claim_link(nonce),
            kind: entry.kind().to_owned(),
            at,
            body: canonical(&entry)?,
            payloads: Vec::new(),
        })
    }

    /// Returns the head after a row that [`after`](Self::after) has just made: its link is its hash.
    #[must_use]
    pub const fn own_head(&self) -> Head {
        Head { position: self.position, hash: self.link, link: self.link }
    }

    /// Reads the entry back.
    ///
    /// # Errors
    /// The body is not an entry this program knows.
    pub fn entry(&self) -> Result<Entry, NotCanonical> {
        // Every turn of a run begins with one of these: they are read without the detour that an
        // entry of unknown kind takes.
        match self.kind.as_str() {
            "created" => parse(&self.body).map(|created| Entry::Created(Box::new(created))),
            "claimed" => parse(&self.body)
                .map(|Claimed { session, nonce }| Entry::Claimed { session, nonce }),
            _ => parse(&self.body),
        }
    }

    /// Returns which payload holds the fold that a journal begins from, if this is its first row
    /// and it begins from one. Nothing else of the row is read.
    ///
    /// # Errors
    /// The body is not an entry this program knows.
    pub fn origin(&self) -> Result<Option<PayloadRef>, NotCanonical> {
        let Origin { fold, forked } = parse(&self.body)?;
        Ok(fold.or(forked.map(|fork| fork.fold)))
    }

    /// Returns the head after this row, given the one before it.
    #[must_use]
    pub fn head(&self, run_id: RunId, before: Head) -> Head {
        let hash = row_hash(before.hash, run_id, self.position, self.epoch, self.at, &self.body);
        Head { position: self.position, hash, link: self.link }
    }
}
