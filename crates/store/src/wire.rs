//! How values are written into columns, the same for both databases.

use mainstay_core::{
    allowance::Period,
    digest::Digest,
    id::{RunId, SessionId},
    journal::{Epoch, JournalRow, Position},
    run::RunStatus,
    store::StoreError,
    time::Timestamp,
    week::Week,
};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

/// A run with this many crashes is claimed alone, so that it takes no other run with it.
pub(crate) const ALONE_FROM: u32 = 2;

/// Returns the number of the week a run is kept under.
pub(crate) fn week(run_id: RunId) -> i64 {
    Week::of(run_id).number()
}

/// How many weeks after this one there is room for.
pub(crate) const AHEAD: i64 = 2;

/// Returns the last week there is room for.
pub(crate) const fn made_by(this: Week) -> Week {
    Week::from_number(this.number() + AHEAD)
}

/// Returns whether an entry of this kind shows that the run got somewhere: its crashes are
/// forgotten.
pub(crate) fn is_progress(kind: &str) -> bool {
    matches!(kind, "step_finished" | "routed" | "effect_settled" | "parked" | "finished")
}

/// Returns whether nothing but a claim may follow an entry of this kind.
pub(crate) fn ends_ownership(kind: &str) -> bool {
    matches!(kind, "parked" | "released" | "finished" | "moved" | "rehomed")
}

/// Returns the row that a claim appends.
pub(crate) fn claimed_row(
    session: SessionId,
    nonce: [u8; 16],
    position: Position,
    epoch: Epoch,
    at: Timestamp,
) -> Result<JournalRow, StoreError> {
    JournalRow::claimed(session, nonce, position, epoch, at)
        .map_err(|e| StoreError::Corrupt(e.to_string()))
}

/// Returns the key a timer's message counts under.
pub(crate) fn timer_key(key: &str, due: Timestamp) -> String {
    format!("timer:{key}:{}", due.micros())
}

/// Writes a value as JSON text. Not the canonical form: nothing hashes a column, and canonical
/// JSON knows no integers beyond 2^53 (an inode may be one).
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|e| StoreError::Poison { run_id: None, message: e.to_string() })
}

/// Reads a value back from JSON text.
pub(crate) fn read_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|e| StoreError::Corrupt(e.to_string()))
}

/// Returns a count as the signed number that columns hold.
pub(crate) fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Reads a count back.
pub(crate) fn count(column: i64) -> Result<u64, StoreError> {
    u64::try_from(column).map_err(|_| StoreError::Corrupt(format!("a count of {column}")))
}

/// Reads a small count back.
pub(crate) fn small(column: i64) -> Result<u32, StoreError> {
    u32::try_from(column).map_err(|_| StoreError::Corrupt(format!("a count of {column}")))
}

/// Reads a UUID back.
pub(crate) fn uuid(blob: &[u8]) -> Result<Uuid, StoreError> {
    Uuid::from_slice(blob).map_err(|e| StoreError::Corrupt(format!("an id: {e}")))
}

/// Reads a digest back.
pub(crate) fn digest(blob: &[u8]) -> Result<Digest, StoreError> {
    <[u8; 32]>::try_from(blob)
        .map(Digest::from_bytes)
        .map_err(|_| StoreError::Corrupt(format!("a digest of {} bytes", blob.len())))
}

/// Reads a status back.
pub(crate) fn status(text: &str) -> Result<RunStatus, StoreError> {
    RunStatus::read(text).ok_or_else(|| StoreError::Corrupt(format!("status `{text}`")))
}

/// Reads a period back.
pub(crate) fn period(text: &str) -> Result<Period, StoreError> {
    Period::read(text).ok_or_else(|| StoreError::Corrupt(format!("period `{text}`")))
}
