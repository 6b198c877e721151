//! One tool an effect class; each is one call of the ledger.

use mainstay::prelude::*;
use mainstay_core::tool::TookEffect;

use crate::ledger::{Answer, Line, Request, Word};

/// What the ledger hands back for a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// The line of the ledger.
    pub line: u64,
}

async fn call(cx: &ToolContext, word: Word, errand: u32, step: u32) -> Answer {
    let Ok(line) = cx.resource::<Line>() else { return Answer::Unreached };
    let (key, deadline) = (cx.idempotency_key().to_string(), cx.deadline().micros());
    line.ask(&Request { word, key, errand, step, worker: std::process::id(), deadline }).await
}

async fn act(cx: &ToolContext, word: Word, errand: u32, step: u32) -> Result<Receipt, ToolFailure> {
    match call(cx, word, errand, step).await {
        Answer::Done { line } => Ok(Receipt { line }),
        Answer::Absent => Err(ToolFailure::refused("there is no such line")),
        Answer::TooLate => Err(ToolFailure::unavailable("the call came after its deadline")),
        Answer::Unreached => Err(ToolFailure::unavailable("the ledger was not reached")),
        Answer::Unheard => Err(ToolFailure {
            took_effect: TookEffect::Unknown,
            ..ToolFailure::unavailable("the ledger hung up")
        }),
    }
}

/// Reads in the ledger.
#[tool(effect = read, timeout = "2s", retry = 3)]
pub(crate) async fn look_up(
    cx: &ToolContext,
    errand: u32,
    step: u32,
) -> Result<Receipt, ToolFailure> {
    act(cx, Word::LookUp, errand, step).await
}

/// Does something that its key makes harmless to repeat, and that can be undone: no intent.
#[tool(effect = idempotent(key_valid_for = forever), reversible, timeout = "2s", retry = 3)]
pub(crate) async fn announce(
    cx: &ToolContext,
    errand: u32,
    step: u32,
) -> Result<Receipt, ToolFailure> {
    act(cx, Word::Keyed, errand, step).await
}

/// Does something that its key makes harmless to repeat, for good: with an intent.
#[tool(effect = idempotent(key_valid_for = "1h"), irreversible, timeout = "2s", retry = 3)]
pub(crate) async fn stamp(
    cx: &ToolContext,
    errand: u32,
    step: u32,
) -> Result<Receipt, ToolFailure> {
    act(cx, Word::Keyed, errand, step).await
}

/// Does something anew with every call; the ledger can be asked whether it did.
#[tool(
    effect = reconcilable(visible_within = "100ms"),
    irreversible,
    timeout = "2s",
    reconcile = find
)]
pub(crate) async fn file(cx: &ToolContext, errand: u32, step: u32) -> Result<Receipt, ToolFailure> {
    act(cx, Word::Act, errand, step).await
}

async fn find(cx: &ToolContext, errand: u32, step: u32) -> Reconciled<Receipt> {
    if cx.resource::<Line>().is_ok_and(|line| line.is_forgetful()) {
        return Reconciled::Absent;
    }
    match call(cx, Word::Find, errand, step).await {
        Answer::Done { line } => Reconciled::Happened(Receipt { line }),
        Answer::Absent => Reconciled::Absent,
        Answer::TooLate | Answer::Unreached | Answer::Unheard => Reconciled::Unknown,
    }
}

/// Does something anew with every call, and nobody can be asked.
#[tool(effect = at_most_once, irreversible, timeout = "2s")]
pub(crate) async fn ring(cx: &ToolContext, errand: u32, step: u32) -> Result<Receipt, ToolFailure> {
    act(cx, Word::Act, errand, step).await
}

/// Takes its time, as a slow model or a slow system does.
#[tool(effect = at_most_once, irreversible, timeout = "30m")]
pub(crate) async fn dwell(seconds: u32) -> Result<u32, ToolFailure> {
    tokio::time::sleep(std::time::Duration::from_secs(seconds.into())).await;
    Ok(seconds)
}

/// Ends the process that it runs in, as a fault in foreign code does.
#[tool(effect = read)]
pub(crate) async fn explode() -> Result<(), ToolFailure> {
    std::process::abort()
}
