//! What a job did to the outside, from its run's journal.

use std::collections::BTreeMap;

use mainstay_core::{
    digest::Digest,
    effect::{EffectHead, EffectKind, EffectOutcome, EffectPosition, IdempotencyKey},
    journal::Entry,
    plan::{Plan, PlannedEffect},
    tool::ToolSpec,
};
use mainstay_engine::commands::RunView;
use serde::Serialize;

/// One call of a tool.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Action {
    pub(crate) step: Option<String>,
    pub(crate) tool: String,
    pub(crate) effect: PlannedEffect,
    pub(crate) outcome: &'static str,
    pub(crate) idempotency_key: Option<IdempotencyKey>,
    pub(crate) attempts: u32,
}

/// How far a call came.
struct Call {
    position: EffectPosition,
    tool: String,
    outcome: &'static str,
    attempts: u32,
}

/// Returns every call of the run, in the order in which they began.
pub(crate) fn of(view: &RunView, plan: &Plan, specs: &[ToolSpec]) -> Vec<Action> {
    let mut key_root = None;
    let mut steps = BTreeMap::new();
    let mut calls: Vec<Call> = Vec::new();
    for (_, entry) in &view.rows {
        if let Entry::Created(created) = entry {
            key_root = Some(created.key_root);
        }
        if let Some((position, step)) = opened(entry) {
            steps.insert(position, step);
        }
        if let Some(call) = call(entry) {
            calls.retain(|known| known.position != call.position);
            calls.push(call);
        }
    }
    let action = |Call { position, tool, outcome, attempts }: Call| {
        let step = position.around().filter_map(|opening| steps.get(&opening)).last().cloned();
        let planned = step.as_deref().and_then(|id| plan.step(id)).filter(|step| step.tool == tool);
        let spec = specs.iter().find(|spec| spec.name == tool);
        let declared = spec.map_or(PlannedEffect::AtMostOnce, |spec| (&spec.effect).into());
        let effect = planned.map_or(declared, |step| step.effect_class(specs));
        let idempotency_key = key_root.map(|root| position.key(root));
        Action { step, tool, effect, outcome, idempotency_key, attempts }
    };
    calls.into_iter().map(action).collect()
}

/// The scope of a step of a plan: its name ends with the step's id.
fn opened(entry: &Entry) -> Option<(EffectPosition, String)> {
    let Entry::EffectSettled(settled) = entry else { return None };
    let scope = settled.scope.as_deref()?;
    let (_, step) = scope.name.rsplit_once('/')?;
    Some((settled.position.clone(), step.to_owned()))
}

fn call(entry: &Entry) -> Option<Call> {
    let of = |position: &EffectPosition, head: &EffectHead, outcome, attempts| {
        let (position, tool) = (position.clone(), head.name.clone());
        (head.kind == EffectKind::Tool).then_some(Call { position, tool, outcome, attempts })
    };
    if let Entry::EffectSettled(settled) = entry {
        return of(&settled.position, &settled.head, word(&settled.outcome), settled.attempt);
    }
    if let Entry::EffectIntended { position, head, attempt, .. } = entry {
        // Without an outcome nobody knows whether it happened.
        return of(position, head, "in_doubt", *attempt);
    }
    None
}

fn word(outcome: &EffectOutcome) -> &'static str {
    match outcome {
        EffectOutcome::Completed(value) if is_nothing(value.digest) => "empty",
        EffectOutcome::Completed(_) => "found",
        EffectOutcome::Failed(_) => "failed",
        EffectOutcome::Denied(_) => "denied",
        EffectOutcome::InDoubt(_) => "in_doubt",
    }
}

fn is_nothing(digest: Digest) -> bool {
    ["null", "[]"].iter().any(|text| Digest::of(text.as_bytes()) == digest)
}
