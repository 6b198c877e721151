//! Journals as text: a JSON line for each row, readable and provable without the database.
//!
//! A line holds a row whole, with the payloads it refers to, so a run is what `grep` finds for its
//! id. The chain that binds the rows binds the lines: an edit, a deletion or another order shows.

use std::collections::BTreeMap;

use mainstay_core::{
    chain,
    code::Code,
    digest::{Digest, canonical, parse},
    id::RunId,
    journal::{Entry, Head, JournalRow},
    payload::{INLINE_LIMIT, Payload},
    store::operation::{JournalRequest, PayloadRequest},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{error::EngineError, runtime::Runtime};

/// A row of a journal as it stands in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    run: RunId,
    position: u64,
    epoch: u64,
    at: Timestamp,
    kind: String,
    prev: Digest,
    link: Digest,
    body: Value,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    payloads: BTreeMap<String, String>,
}

impl Runtime {
    /// Returns the ids under which journals of a run are kept, the first it had first.
    ///
    /// # Errors
    /// A row does not read back, or the store does not answer.
    pub async fn lives(&self, run_id: RunId) -> Result<Vec<RunId>, EngineError> {
        let mut lives = vec![run_id];
        while let Some(run_id) = lives.last().copied() {
            let first = JournalRequest { run_id, from: 1, limit: 1 };
            let rows = self.store.journal(first).await?;
            match rows.first().map(JournalRow::entry).transpose()? {
                Some(Entry::Rehomed(before)) => lives.push(before.from),
                _ => break,
            }
        }
        lives.reverse();
        Ok(lives)
    }

    /// Returns a run's journal, a line for each row, with every payload that is still there.
    ///
    /// # Errors
    /// A row does not read back, or the store does not answer.
    pub async fn export(&self, run_id: RunId) -> Result<Vec<String>, EngineError> {
        let mut lines = Vec::new();
        for row in self.journal_from(run_id, 1).await? {
            let body: Value = parse(&row.body)?;
            let wanted: Vec<_> =
                apart(&body).into_iter().map(|digest| (digest, row.position)).collect();
            let mut payloads = row.payloads.clone();
            if !wanted.is_empty() {
                payloads.extend(self.store.payloads(PayloadRequest { run_id, wanted }).await?);
            }
            lines.push(line(run_id, row, body, &payloads)?);
        }
        Ok(lines)
    }
}

/// Returns the digests of payloads that are stored apart from their row.
fn apart(body: &Value) -> Vec<Digest> {
    let mut found = Vec::new();
    let mut open = vec![body];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                let len = fields.get("len").and_then(Value::as_u64).unwrap_or(0);
                let digest = fields.get("digest").filter(|_| len > INLINE_LIMIT as u64);
                found.extend(digest.and_then(|text| Digest::deserialize(text).ok()));
                open.extend(fields.values());
            }
            Value::Array(items) => open.extend(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    found
}

fn line(
    run: RunId,
    row: JournalRow,
    body: Value,
    payloads: &[Payload],
) -> Result<String, EngineError> {
    let text = |payload: &Payload| {
        let text = String::from_utf8_lossy(payload.bytes()).into_owned();
        (payload.digest().to_string(), text)
    };
    let line = Line {
        run,
        position: row.position,
        epoch: row.epoch,
        at: row.at,
        kind: row.kind,
        prev: row.prev,
        link: row.link,
        body,
        payloads: payloads.iter().map(text).collect(),
    };
    serde_json::to_string(&line).map_err(|e| EngineError::new(Code::Bug, e.to_string()))
}

/// What a file of journals proves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Each run with the number of its rows and the kind of its last entry.
    pub runs: BTreeMap<RunId, (u64, String)>,
    /// Journals that have no end: the run was not over, or they were cut off.
    pub open: Vec<String>,
    /// What is wrong, as sentences.
    pub broken: Vec<String>,
}

/// Reads journals back, and says what is wrong with them. Each run's rows stand in their order.
pub fn verify<'a>(lines: impl IntoIterator<Item = &'a str>) -> Evidence {
    let mut evidence = Evidence::default();
    let mut heads: BTreeMap<RunId, Option<Head>> = BTreeMap::new();
    for (text, number) in lines.into_iter().zip(1_u64..) {
        if text.trim().is_empty() {
            continue;
        }
        let Some((run, row)) = read(text) else {
            evidence.broken.push(format!("line {number} is no row of a journal"));
            continue;
        };
        evidence.runs.insert(run, (row.position, row.kind.clone()));
        let head = heads.entry(run).or_insert(Some(Head::EMPTY));
        // After the first fault nothing of that run can be said.
        let Some(before) = *head else { continue };
        *head = match chain::follows(run, &row, before) {
            Ok(after) => Some(after),
            Err(broken) => {
                evidence.broken.push(format!("{run}: {broken}"));
                None
            }
        };
        evidence.broken.extend(forged(text, run, &row));
    }
    let ends = |kind: &str| matches!(kind, "finished" | "moved");
    let open = evidence.runs.iter().filter(|(_, (_, kind))| !ends(kind));
    let open: Vec<_> = open.map(|(run, (_, kind))| format!("{run}: ends with `{kind}`")).collect();
    evidence.open = open;
    evidence
}

fn read(text: &str) -> Option<(RunId, JournalRow)> {
    let line: Line = serde_json::from_str(text).ok()?;
    let row = JournalRow {
        position: line.position,
        epoch: line.epoch,
        prev: line.prev,
        link: line.link,
        kind: line.kind,
        at: line.at,
        body: canonical(&line.body).ok()?,
        payloads: line.payloads.values().map(|t| Payload::from_bytes(t.as_bytes())).collect(),
    };
    Some((line.run, row))
}

/// Payloads are bound by the digests in the rows.
fn forged(text: &str, run: RunId, row: &JournalRow) -> Vec<String> {
    let Ok(line) = serde_json::from_str::<Line>(text) else { return Vec::new() };
    let names = line.payloads.keys().zip(&row.payloads);
    let forged = names.filter(|(name, payload)| **name != payload.digest().to_string());
    forged.map(|(name, _)| format!("{run}: row {}: {name} has other bytes", row.position)).collect()
}
