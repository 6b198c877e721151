//! What a plan could use at most, before anything of it is done.

use crate::{
    budget::{Dimension, Limits, Spend, amount::show},
    code::Code,
    model::{DEFAULT_REPAIRS, Price},
};

use super::{Plan, PlanFault, PlanFaults};

/// What reading one value out of a text may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extraction {
    /// The most tokens sent in one try.
    pub input_tokens: u64,
    /// The most tokens received in one try.
    pub output_tokens: u32,
    /// What they cost; unknown where the worker does not say.
    pub price: Option<Price>,
}

/// Returns what the plan's calls could use: one call for each tool, and every try of each
/// extraction. A tool's further attempts are not in it: an attempt that does not fit into what is
/// left then is not made.
#[must_use]
pub fn worst_case(plan: &Plan, extraction: &Extraction) -> Spend {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let extractions = plan.steps.iter().filter(|step| step.extract.is_some()).count();
    let tries = count(extractions).saturating_mul(u64::from(DEFAULT_REPAIRS) + 1);
    let Extraction { input_tokens, output_tokens, price } = *extraction;
    let each = price.map_or(0, |price| price.worst_case(input_tokens, output_tokens).micros());
    Spend {
        usd: each.saturating_mul(tries),
        input_tokens: input_tokens.saturating_mul(tries),
        output_tokens: u64::from(output_tokens).saturating_mul(tries),
        model_calls: tries,
        tool_calls: count(plan.steps.len()),
        ..Spend::ZERO
    }
}

/// Checks that a plan's worst case fits into what is left.
///
/// # Errors
/// It does not (`MS-2207`).
pub fn fits(plan: &Plan, extraction: &Extraction, left: &Limits) -> Result<(), PlanFaults> {
    PlanFaults::unless_none(beyond(&worst_case(plan, extraction), left))
}

/// Returns a fault for each dimension in which `worst` does not fit into what is left.
pub(super) fn beyond(worst: &Spend, left: &Limits) -> Vec<PlanFault> {
    let over = Dimension::summed().filter_map(|dimension| {
        let (needs, left) = (worst.get(dimension), left.get(dimension)?);
        (needs > left).then(|| {
            let needs = show(dimension, needs);
            let message = format!("it could use {needs}, and {} is left", show(dimension, left));
            PlanFault::at(Code::PlanCost, "", message)
        })
    });
    over.collect()
}
