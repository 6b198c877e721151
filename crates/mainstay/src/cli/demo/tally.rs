//! What was meant to happen, from the journals, held against what did happen, from the world.
//!
//! A journal names every external action at its position in the run, before it is sent or with its
//! outcome. The world counts what arrived by what a person would call the same thing. More in the
//! world than in the journals is a duplicate; less than the journals saw done is a loss.

use std::collections::BTreeMap;

use mainstay_core::{
    effect::{EffectHead, EffectKind, EffectOutcome, EffectPosition},
    journal::{Entry, Position},
    payload::{Held, PayloadRef},
    review::ReviewReason,
    wait::Wait,
};
use mainstay_engine::commands::RunView;
use serde_json::Value;

use super::{Stage, watch::Followed};
use crate::{
    app::Surroundings,
    cli::error::CliError,
    demo::{Performed, Subject},
};

/// The count of one kind of action.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Positions of journals at which it was to be done.
    pub(super) intended: u64,
    /// Positions at which it was refused or failed: it did not happen.
    pub(super) refused: u64,
    /// How often it happened.
    pub(super) performed: u64,
    /// How often it happened beyond what was intended.
    pub(super) duplicated: u64,
    /// How often a journal says that it was done and the world does not know of it.
    pub(super) lost: u64,
    /// Positions of which it cannot be known.
    pub(super) in_doubt: u64,
}

impl Count {
    pub(super) const fn plus(self, other: Self) -> Self {
        Self {
            intended: self.intended + other.intended,
            refused: self.refused + other.refused,
            performed: self.performed + other.performed,
            duplicated: self.duplicated + other.duplicated,
            lost: self.lost + other.lost,
            in_doubt: self.in_doubt + other.in_doubt,
        }
    }
}

/// What the journals say about one subject.
#[derive(Default)]
struct Told {
    intended: u64,
    done: u64,
    refused: u64,
    in_doubt: u64,
}

/// One call of a tool, as the journal has it.
struct Call<'j> {
    head: &'j EffectHead,
    arguments: Option<Held>,
    outcome: Option<&'j EffectOutcome>,
}

/// Counts every external action, by its kind.
pub(super) async fn count(
    stage: &Stage,
    runs: &[Followed],
) -> Result<BTreeMap<String, Count>, CliError> {
    let mut told = BTreeMap::new();
    for view in runs.iter().filter_map(|run| run.view.as_deref()) {
        tell(stage, view, &mut told).await?;
    }
    let surroundings = Surroundings { database: stage.place.database.clone() };
    let performed = stage.demo.performed(&surroundings).await.map_err(|error| {
        let failure = error.into_failure();
        CliError::new(failure.code, failure.message)
    })?;
    Ok(held_against(told, performed))
}

fn held_against(told: BTreeMap<Subject, Told>, seen: Vec<Performed>) -> BTreeMap<String, Count> {
    let mut happened: BTreeMap<Subject, u64> = BTreeMap::new();
    for Performed { subject, times } in seen {
        *happened.entry(subject).or_default() += times;
    }
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    let mut add = |action: String, count: Count| {
        let sum = counts.entry(action).or_default();
        *sum = sum.plus(count);
    };
    for (subject, Told { intended, done, refused, in_doubt }) in told {
        let performed = happened.remove(&subject).unwrap_or_default();
        let duplicated = performed.saturating_sub(intended);
        let lost = done.saturating_sub(performed);
        add(subject.action, Count { intended, refused, performed, duplicated, lost, in_doubt });
    }
    // Nobody asked for what is left.
    for (subject, performed) in happened {
        add(subject.action, Count { performed, duplicated: performed, ..Count::default() });
    }
    counts
}

async fn tell(
    stage: &Stage,
    view: &RunView,
    told: &mut BTreeMap<Subject, Told>,
) -> Result<(), CliError> {
    let waiting = in_doubt_now(view);
    for (position, call) in calls(view) {
        if matches!(call.outcome, Some(EffectOutcome::Denied(_))) {
            continue;
        }
        let arguments = match &call.arguments {
            Some(held) => stage.runtime.value(view.row.run_id, held).await?,
            None => Value::Null,
        };
        let Some(subject) = stage.demo.subject(&call.head.name, &arguments) else { continue };
        let entry = told.entry(subject).or_default();
        entry.intended += 1;
        match call.outcome {
            Some(EffectOutcome::Completed(_)) => entry.done += 1,
            Some(EffectOutcome::InDoubt(_)) => entry.in_doubt += 1,
            Some(EffectOutcome::Failed(_) | EffectOutcome::Denied(_)) => entry.refused += 1,
            None if waiting.contains(&position) => entry.in_doubt += 1,
            None => {}
        }
    }
    Ok(())
}

/// Returns the tool calls of a run by their place; an intent and its outcome are one call.
fn calls(view: &RunView) -> BTreeMap<EffectPosition, Call<'_>> {
    let mut calls: BTreeMap<EffectPosition, Call<'_>> = BTreeMap::new();
    for (row, entry) in &view.rows {
        let held = |payload: &PayloadRef| held(row.position, payload);
        if let Entry::EffectIntended { position, head, arguments, .. } = entry
            && head.kind == EffectKind::Tool
        {
            let call = Call { head, arguments: Some(held(arguments)), outcome: None };
            calls.entry(position.clone()).or_insert(call);
        }
        if let Entry::EffectSettled(settled) = entry
            && settled.head.kind == EffectKind::Tool
        {
            let arguments = settled.arguments.as_ref().map(held);
            let call = Call { head: &settled.head, arguments, outcome: None };
            let call = calls.entry(settled.position.clone()).or_insert(call);
            call.outcome = Some(&settled.outcome);
        }
    }
    calls
}

fn held(at: Position, payload: &PayloadRef) -> Held {
    Held { at, payload: payload.clone() }
}

/// Returns the places that wait for a person because nobody knows what happened there.
fn in_doubt_now(view: &RunView) -> Vec<EffectPosition> {
    let doubt = |wait: &Option<Wait>| {
        matches!(wait, Some(Wait::Review { reason: ReviewReason::InDoubt, .. }))
    };
    let effects = view.projection.steps.iter().flat_map(|step| &step.effects);
    effects.filter(|effect| doubt(&effect.wait)).map(|effect| effect.position.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(to: &str) -> Subject {
        Subject { action: "refund".into(), to: to.into() }
    }

    fn counted(told: &[(&str, u64, u64)], happened: &[(&str, u64)]) -> Count {
        let told = told.iter().map(|(to, intended, done)| {
            (of(to), Told { intended: *intended, done: *done, ..Told::default() })
        });
        let seen = happened.iter().map(|(to, times)| Performed { subject: of(to), times: *times });
        held_against(told.collect(), seen.collect()).remove("refund").unwrap()
    }

    #[test]
    fn what_happens_more_often_than_it_was_meant_to_is_a_duplicate() {
        let count = counted(&[("a", 1, 1), ("b", 2, 2)], &[("a", 2), ("b", 2)]);
        assert_eq!((count.intended, count.performed, count.duplicated), (3, 4, 1));
    }

    #[test]
    fn two_missing_here_do_not_excuse_two_too_many_there() {
        let count = counted(&[("a", 1, 0), ("b", 1, 1)], &[("b", 2)]);
        assert_eq!((count.intended, count.performed, count.duplicated), (2, 2, 1));
    }

    #[test]
    fn what_nobody_meant_is_a_duplicate_and_what_was_done_and_is_not_there_is_lost() {
        let count = counted(&[("a", 1, 1)], &[("c", 1)]);
        assert_eq!((count.duplicated, count.lost), (1, 1));
    }
}
