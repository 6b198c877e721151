//! Values of a journal row in few words. Small ones stand in the row; of large ones, the size.

use mainstay_core::{digest::Digest, journal::JournalRow, payload::PayloadRef, visible};
use serde_json::Value;

/// At most so many characters of a value.
const WIDTH: usize = 96;

/// Returns a value as one line, or how large it is.
pub(super) fn argument(row: &JournalRow, reference: &PayloadRef) -> String {
    match value(row, reference.digest) {
        Some(value) => visible::line(&value.to_string(), WIDTH),
        None => size(reference.len),
    }
}

/// Returns a value that stands in the row.
pub(super) fn value(row: &JournalRow, digest: Digest) -> Option<Value> {
    row.payloads.iter().find(|payload| payload.digest() == digest)?.read().ok()
}

fn size(bytes: u32) -> String {
    match bytes {
        0..1_024 => format!("{bytes} bytes"),
        _ => format!("{}.{} KiB", bytes / 1_024, bytes % 1_024 * 10 / 1_024),
    }
}
