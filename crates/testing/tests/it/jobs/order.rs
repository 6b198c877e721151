//! Reads from a journal whether every call was the next step of the plan that was committed. It
//! knows nothing of the code that carries plans out.

use std::collections::BTreeSet;

use mainstay::agents::job::Commitment;
use mainstay_core::{
    effect::{EffectKind, EffectOutcome, EffectPosition},
    journal::{EffectSettled, Entry, JournalRow},
    payload::{Held, PayloadRef},
    plan::Slot,
};
use mainstay_engine::commands::RunView;
use mainstay_testing::rig::Rig;
use serde_json::Value;

/// What a journal says of the calls of one job.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// The calls that were made, with their arguments.
    pub(crate) calls: Vec<(String, Value)>,
    /// What is wrong: a call that no plan had at that place, or that was not granted.
    pub(crate) wrong: Vec<String>,
    pub(crate) versions: usize,
    plan: Option<Commitment>,
    done: BTreeSet<String>,
    begun: BTreeSet<EffectPosition>,
    next: usize,
}

pub(crate) async fn of(rig: &Rig, view: &RunView, granted: &[&str]) -> Order {
    let mut order = Order::default();
    for (row, entry) in &view.rows {
        if let Entry::EffectIntended { position, head, arguments, .. } = entry
            && head.kind == EffectKind::Tool
        {
            order.called(position, &head.name, value(rig, view, row, arguments).await, granted);
        }
        let Entry::EffectSettled(settled) = entry else { continue };
        let EffectSettled { position, head, outcome, .. } = settled.as_ref();
        let completed =
            if let EffectOutcome::Completed(held) = outcome { Some(held) } else { None };
        match (head.kind, completed) {
            (EffectKind::Scope, Some(held)) => order.opened(&value(rig, view, row, held).await),
            (EffectKind::Tool, _) if matches!(outcome, EffectOutcome::Denied(_)) => {
                order.wrong.push(format!("`{}` was asked for and denied", head.name));
            }
            (EffectKind::Tool, _) => {
                // Of a call that was announced, the announcement has them.
                if let Some(arguments) = &settled.arguments {
                    let arguments = value(rig, view, row, arguments).await;
                    order.called(position, &head.name, arguments, granted);
                }
                if !order.begun.contains(position) {
                    order.wrong.push(format!("`{}` was called with nobody knows what", head.name));
                }
                if completed.is_some() {
                    order.finished();
                }
            }
            _ => {}
        }
    }
    order
}

async fn value(rig: &Rig, view: &RunView, row: &JournalRow, held: &PayloadRef) -> Value {
    let held = Held { at: row.position, payload: held.clone() };
    rig.runtime.value(view.row.run_id, &held).await.unwrap()
}

impl Order {
    fn opened(&mut self, opened: &Value) {
        let Ok(plan) = serde_json::from_value::<Commitment>(opened["pinned"].clone()) else {
            return;
        };
        assert_eq!(plan.digest, plan.plan.digest());
        let kept = plan.plan.steps.iter().take_while(|step| self.done.contains(&step.id)).count();
        if kept != self.done.len() {
            self.wrong.push("a version does not begin with the steps that are done".to_owned());
        }
        self.versions += 1;
        (self.next, self.plan) = (kept, Some(plan));
    }

    fn called(
        &mut self,
        position: &EffectPosition,
        tool: &str,
        arguments: Value,
        granted: &[&str],
    ) {
        if !self.begun.insert(position.clone()) {
            return;
        }
        let step = self.plan.as_ref().and_then(|plan| plan.plan.steps.get(self.next));
        if !step.is_some_and(|step| step.tool == tool && fits(&step.args, &arguments)) {
            self.wrong.push(format!("`{tool}` {arguments} is not the next step: {step:?}"));
        }
        if !granted.contains(&tool) {
            self.wrong.push(format!("`{tool}` is not granted"));
        }
        self.calls.push((tool.to_owned(), arguments));
    }

    fn finished(&mut self) {
        let step = self.plan.as_ref().and_then(|plan| plan.plan.steps.get(self.next));
        self.done.extend(step.map(|step| step.id.clone()));
        self.next += 1;
    }
}

/// Returns whether arguments are those of the plan, with any value where it has a slot.
fn fits(planned: &Value, called: &Value) -> bool {
    match (planned, called) {
        (Value::Object(planned), _) if matches!(Slot::of(planned), Ok(Some(_))) => true,
        (Value::Object(planned), Value::Object(called)) => {
            planned.len() == called.len()
                && planned.iter().all(|(name, v)| called.get(name).is_some_and(|c| fits(v, c)))
        }
        (planned, called) => planned == called,
    }
}
