//! Plans: what a job will do, written down before it does anything.
//!
//! # Why a plan is data, and everything about it a pure rule
//!
//! A model may propose a plan; it cannot carry one out. What is carried out was read, checked and
//! committed with its digest first, and then code goes through it in order. So nothing that a model
//! says later, and nothing that it has read, can reorder, skip or extend it.

mod check;
mod cost;
mod cycle;
mod diff;
mod effect;
mod error;
mod expect;
mod holes;
mod read;
mod slot;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    digest::{Digest, canonical},
    tool::ToolSpec,
};

pub use check::{Ground, check};
pub use cost::{Extraction, fits, worst_case};
pub use diff::{PlanDiff, diff};
pub use effect::PlannedEffect;
pub use error::{PlanFault, PlanFaults};
pub use expect::{Expectation, Unmet};
pub use read::{MOST_STEPS, read};
pub use slot::{INPUT, Outputs, Slot, Unresolved, fill, slots};

/// What is to be done, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What it is to achieve.
    pub goal: String,
    /// The calls, first to last.
    pub steps: Vec<PlanStep>,
}

/// One call of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanStep {
    /// Unique in the plan; what slots call its output by.
    pub id: String,
    /// The tool: `server.tool`, or a bare name where only one tool has it.
    pub tool: String,
    /// The arguments: an object, with [slots](Slot) in place of any value inside.
    pub args: Value,
    /// What its outcome should be; see [`Expectation`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<String>,
    /// What a repeat would do, where the plan is stricter than the tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<PlannedEffect>,
    /// What a model without tools is to read out of the result; it then takes the result's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extract: Option<Extract>,
}

/// A typed value that is to be read out of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extract {
    /// What is looked for, in words.
    pub ask: String,
    /// The JSON Schema of the value.
    pub schema: Value,
}

impl Plan {
    /// Returns the digest of the plan's canonical JSON: what an approval is bound to.
    #[must_use]
    pub fn digest(&self) -> Digest {
        // JSON values and texts alone: there always is a canonical form. Should that ever change,
        // unequal plans must still not look equal.
        canonical(self)
            .map_or_else(|_| Digest::of(format!("{self:?}").as_bytes()), |bytes| Digest::of(&bytes))
    }

    /// Returns the step of that id.
    #[must_use]
    pub fn step(&self, id: &str) -> Option<&PlanStep> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// Returns what each tool of the plan was when it was checked: a tool that is another one by
    /// the time of its call is not called.
    #[must_use]
    pub fn tool_hashes(&self, specs: &[ToolSpec]) -> BTreeMap<String, Digest> {
        let of = |step: &PlanStep| {
            let spec = specs.iter().find(|spec| spec.name == step.tool)?;
            Some((spec.name.clone(), spec.hash().ok()?))
        };
        self.steps.iter().filter_map(of).collect()
    }

    /// Returns the steps that change something outside, by what the tools declare and the plan adds.
    pub fn state_changing<'a>(
        &'a self,
        specs: &'a [ToolSpec],
    ) -> impl Iterator<Item = &'a PlanStep> {
        self.steps.iter().filter(|step| step.effect_class(specs).changes_state())
    }
}

impl PlanStep {
    /// Returns the stricter of what the tool declares and what the plan says; the worst for a tool
    /// that is not there.
    #[must_use]
    pub fn effect_class(&self, specs: &[ToolSpec]) -> PlannedEffect {
        let spec = specs.iter().find(|spec| spec.name == self.tool);
        let declared = spec.map_or(PlannedEffect::AtMostOnce, |spec| (&spec.effect).into());
        self.effect.map_or(declared, |planned| planned.max(declared))
    }
}

#[cfg(test)]
mod tests;
