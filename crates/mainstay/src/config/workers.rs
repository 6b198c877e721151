//! The tables `[workers.NAME]`: workers in other processes, and what holds for their tools and
//! steps.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    path::PathBuf,
};

use mainstay_core::{
    secret::SecretRef,
    tool::{Control, Reversibility, ToolSpec},
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    section::{Dollar, Rate, Span},
    tool::{Attempts, BreakerSection, Effect, LabelSection, Validity},
};

/// `[workers.NAME]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WorkerSection {
    pub(crate) token: Option<SecretRef>,
    pub(crate) lease: Option<Span>,
    pub(crate) patience: Option<Span>,
    /// A file that the worker's package wrote and a person has read.
    pub(crate) manifest: Option<PathBuf>,
    pub(crate) tools: BTreeMap<String, ToolSection>,
    pub(crate) steps: BTreeMap<String, ToolSection>,
}

/// `[workers.NAME.tools.TOOL]` and `[workers.NAME.steps.STEP]`. What stands here wins over the
/// manifest.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ToolSection {
    pub(crate) input_schema: Option<Value>,
    pub(crate) output_schema: Option<Value>,
    pub(crate) effect: Option<Effect>,
    pub(crate) key_valid_for: Option<Validity>,
    description: Option<String>,
    reversibility: Option<Reversibility>,
    timeout: Option<Span>,
    attempts: Option<Attempts>,
    rate: Option<Rate>,
    concurrency: Option<NonZeroU32>,
    control: Option<BTreeSet<String>>,
    approval: Option<String>,
    label: Option<LabelSection>,
    breaker: Option<BreakerSection>,
    cost: Option<Dollar>,
    owner: Option<String>,
    pub(crate) polls: bool,
}

/// What a worker's package writes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Manifest {
    pub(crate) tools: Vec<ManifestTool>,
    pub(crate) steps: Vec<ManifestTool>,
}

/// A tool or a step in a manifest.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ManifestTool {
    pub(crate) name: String,
    pub(crate) input_schema: Value,
    pub(crate) output_schema: Value,
    pub(crate) effect: Effect,
    #[serde(default)]
    pub(crate) key_valid_for: Option<Validity>,
    #[serde(default)]
    pub(crate) description: String,
}

impl ToolSection {
    /// Returns the spec with everything that stands here.
    pub(crate) fn over(&self, mut spec: ToolSpec) -> ToolSpec {
        let section = self.clone();
        spec.description = section.description.unwrap_or(spec.description);
        spec.reversibility = section.reversibility.unwrap_or(spec.reversibility);
        spec.timeout = section.timeout.map_or(spec.timeout, |Span(span)| span);
        spec.retry = section.attempts.map_or(spec.retry, |Attempts(policy)| policy);
        spec.rate = section.rate.map_or(spec.rate, |Rate(rate)| Some(rate));
        spec.concurrency = section.concurrency.or(spec.concurrency);
        spec.control = section.control.map_or(spec.control, Control::Only);
        spec.approval = section.approval.or(spec.approval);
        spec.owner = section.owner.or(spec.owner);
        spec.polls |= section.polls;
        spec.result_label = section.label.map_or(spec.result_label, LabelSection::label);
        spec.breaker = section.breaker.map(BreakerSection::policy).or(spec.breaker);
        spec.cost = section.cost.map(|Dollar(micros)| micros).or(spec.cost);
        spec
    }
}
