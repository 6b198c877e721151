//! The script as it stands in the file, before anything in it is understood.

use std::collections::BTreeMap;

use mainstay_core::model::{FinishReason, Price};
use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Spanned;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScriptFile {
    pub(super) model: Spanned<String>,
    pub(super) price: Option<Price>,
    #[serde(default)]
    pub(super) latency_ms: u64,
    pub(super) rules: Spanned<Vec<RuleFile>>,
}

/// One rule: when it fits, and what it answers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFile {
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) when: WhenFile,
    #[serde(default)]
    pub(super) capture: BTreeMap<String, Spanned<String>>,
    pub(super) reply: Spanned<ReplyFile>,
    #[serde(default)]
    pub(super) usage: UsageFile,
    pub(super) latency_ms: Option<u64>,
    #[serde(default)]
    pub(super) faults: Vec<FaultFile>,
}

/// Everything given must hold.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WhenFile {
    pub(super) output: Option<String>,
    pub(super) tool: Option<String>,
    pub(super) turn: Option<u32>,
    pub(super) system: Vec<String>,
    pub(super) all: Vec<String>,
    pub(super) any: Vec<String>,
    pub(super) none: Vec<String>,
    pub(super) last: Vec<String>,
    pub(super) matches: Option<Spanned<String>>,
}

/// The answer: text or JSON, and tool calls.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ReplyFile {
    pub(super) text: Option<String>,
    pub(super) json: Option<Value>,
    pub(super) tool_calls: Vec<ToolCallFile>,
    pub(super) reasoning: Option<String>,
    pub(super) finish: Option<FinishReason>,
}

/// One tool call of an answer: its arguments, or what stands in their place and is no JSON.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToolCallFile {
    pub(super) name: String,
    #[serde(default)]
    pub(super) arguments: Value,
    pub(super) malformed: Option<String>,
}

/// The tokens an answer claims to have taken; what is absent is estimated.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct UsageFile {
    pub(super) input_tokens: Option<u64>,
    pub(super) output_tokens: Option<u64>,
    pub(super) cached_input_tokens: u64,
    pub(super) reasoning_tokens: u64,
}

/// What goes wrong, for how many attempts, at which share of the requests.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultFile {
    pub(super) error: FaultKind,
    #[serde(default = "once")]
    pub(super) times: u32,
    #[serde(default = "once")]
    pub(super) one_in: u32,
    pub(super) retry_after_ms: Option<u64>,
    pub(super) status: Option<u16>,
}

fn once() -> u32 {
    1
}

/// The ways in which a vendor lets one down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FaultKind {
    RateLimited,
    Unavailable,
    Refused,
    Malformed,
    Truncated,
    TimedOut,
    MissingUsage,
}
