//! The tables `[workers.NAME]`: workers in other processes, and what holds for their tools.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    path::PathBuf,
};

use mainstay_core::{
    code::Code,
    secret::SecretRef,
    tool::{Control, EffectClass, Reversibility, ToolSpec},
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    http::{Attempts, BreakerSection, LabelSection, Usd, Validity},
    section::{Rate, Span},
};
use crate::cli::error::CliError;

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
}

/// `[workers.NAME.tools.TOOL]`. What stands here wins over the manifest.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ToolSection {
    pub(crate) input_schema: Option<Value>,
    pub(crate) output_schema: Option<Value>,
    pub(crate) effect: Option<EffectWord>,
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
    cost: Option<Usd>,
    owner: Option<String>,
    polls: bool,
}

/// What a worker's package writes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) tools: Vec<ManifestTool>,
}

/// A tool in a manifest.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ManifestTool {
    pub(crate) name: String,
    pub(crate) input_schema: Value,
    pub(crate) output_schema: Value,
    pub(crate) effect: EffectWord,
    #[serde(default)]
    pub(crate) key_valid_for: Option<Validity>,
    #[serde(default)]
    pub(crate) description: String,
}

/// What repeating a call would do. A worker cannot be asked whether a call happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EffectWord {
    Read,
    Idempotent,
    #[default]
    AtMostOnce,
}

impl EffectWord {
    /// Returns the word that workers use.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Idempotent => "idempotent",
            Self::AtMostOnce => "at_most_once",
        }
    }

    /// Returns the class; a key that nobody says how long it is known is known for no time.
    pub(crate) fn class(
        self,
        validity: Option<Validity>,
        place: &str,
    ) -> Result<EffectClass, CliError> {
        match (self, validity) {
            (Self::Read, _) => Ok(EffectClass::Read),
            (Self::AtMostOnce, _) => Ok(EffectClass::AtMostOnce),
            (Self::Idempotent, Some(Validity(key_valid_for))) => {
                Ok(EffectClass::Idempotent { key_valid_for })
            }
            (Self::Idempotent, None) => {
                let message = format!("{place} is idempotent for no stated time");
                Err(CliError::new(Code::InvalidConfig, message)
                    .with_hint("write key_valid_for = \"24h\" or \"forever\""))
            }
        }
    }
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
        spec.cost = section.cost.map(|Usd(micros)| micros).or(spec.cost);
        spec
    }
}
