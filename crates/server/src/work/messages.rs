//! The messages as they are written. They are converted by hand: a change of the port is no change
//! of what workers speak.

use std::time::Duration;

use mainstay_core::{
    failure::Retryability,
    remote::{Assignment, Beat, Kind, Offer, Poll, RemoteFailure},
    tool::TookEffect,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `:poll`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PollMessage {
    pub(super) worker: String,
    #[serde(default)]
    pub(super) tools: Vec<OfferMessage>,
    #[serde(default)]
    pub(super) steps: Vec<OfferMessage>,
    pub(super) take: usize,
    pub(super) wait_ms: u64,
}

/// A tool or a step in a poll.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfferMessage {
    name: String,
    input_schema: Value,
    output_schema: Value,
    effect: String,
}

impl OfferMessage {
    fn of(self, kind: Kind) -> Offer {
        let Self { name, input_schema, output_schema, effect } = self;
        Offer { kind, name, input_schema, output_schema, effect }
    }
}

impl PollMessage {
    /// Converts what a poll says into whose it is, and what is asked.
    pub(super) fn asks(self) -> (String, Poll) {
        let Self { worker, tools, steps, take, wait_ms } = self;
        let tools = tools.into_iter().map(|offer| offer.of(Kind::Tool));
        let offers = tools.chain(steps.into_iter().map(|offer| offer.of(Kind::Step))).collect();
        (worker, Poll { offers, take, wait: Duration::from_millis(wait_ms) })
    }
}

/// The answer to a poll.
#[derive(Serialize)]
pub(super) struct Handed {
    calls: Vec<HandedCall>,
}

#[derive(Serialize)]
struct HandedCall {
    id: String,
    #[serde(flatten)]
    called: Called,
    arguments: Value,
    idempotency_key: String,
    attempt: u32,
    deadline_ms: i64,
    left_ms: u64,
    lease_ms: u64,
    run_id: String,
}

/// Says in one field what is called, and what kind of thing that is.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Called {
    Tool(String),
    Step(String),
}

impl Called {
    fn of(kind: Kind, name: String) -> Self {
        match kind {
            Kind::Tool => Self::Tool(name),
            Kind::Step => Self::Step(name),
        }
    }
}

impl Handed {
    /// Converts what was handed out.
    pub(super) fn of(calls: Vec<Assignment>) -> Self {
        let call = |call: Assignment| HandedCall {
            id: call.id,
            called: Called::of(call.kind, call.name),
            arguments: call.arguments,
            idempotency_key: call.key.to_string(),
            attempt: call.attempt,
            deadline_ms: call.deadline.micros() / 1_000,
            left_ms: millis(call.left),
            lease_ms: millis(call.lease),
            run_id: call.run_id.to_string(),
        };
        Self { calls: calls.into_iter().map(call).collect() }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// `:heartbeat`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Heartbeat {
    pub(super) worker: String,
    pub(super) calls: Vec<String>,
}

/// The answer to a heartbeat.
#[derive(Serialize)]
pub(super) struct Beaten {
    held: Vec<String>,
    cancelled: Vec<String>,
    lost: Vec<String>,
}

impl Beaten {
    /// Converts what a worker is told.
    pub(super) fn of(beat: Beat) -> Self {
        let Beat { held, cancelled, lost } = beat;
        Self { held, cancelled, lost }
    }
}

/// `:complete`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Complete {
    pub(super) worker: String,
    pub(super) call: String,
    // `null` is a result; nothing at all is not.
    #[serde(deserialize_with = "Value::deserialize")]
    pub(super) result: Value,
}

/// `:fail`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fail {
    pub(super) worker: String,
    pub(super) call: String,
    pub(super) failure: FailureMessage,
}

/// Why a call did not work.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FailureMessage {
    #[serde(default)]
    code: String,
    message: String,
    retryable: bool,
    took_effect: TookEffect,
    #[serde(default)]
    retry_after_ms: Option<u64>,
}

impl From<FailureMessage> for RemoteFailure {
    fn from(written: FailureMessage) -> Self {
        let FailureMessage { code, message, retryable, took_effect, retry_after_ms } = written;
        let retry = if retryable { Retryability::Retryable } else { Retryability::Permanent };
        let retry_after = retry_after_ms.map(Duration::from_millis);
        Self { code, message, retry, took_effect, retry_after }
    }
}

/// The answer where there is nothing to say.
#[derive(Serialize)]
pub(super) struct Empty {}
