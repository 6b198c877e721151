//! Starting steps: what the borrow rule allows, with the state and the values they see.

use std::{collections::BTreeMap, sync::Arc};

use mainstay_core::{
    code::Code,
    effect::StepKey,
    failure::Failure,
    flow::{StepDefinition, StepKind, schedule::Arrival},
    fold::{
        effects::EffectRecord,
        steps::{Phase, StepRun},
    },
    journal::Entry,
    wait::{Divergence, Wait},
};

use super::{Drive, OpenStep, Stop, Wish};
use crate::{
    context::{SharedCell, StepContext, StepPlace},
    program::Inputs,
};

impl Drive {
    pub(super) fn definition(&self, key: &StepKey) -> Option<(usize, Arc<StepDefinition>)> {
        self.flow.wiring.step(&key.step)
    }

    /// Opens the StepRuns again that were open when the last owner let go. Returns what the run
    /// must wait for if this worker's code is not the one they began with.
    pub(super) async fn reopen(&mut self, asked_again: bool) -> Result<Option<Wait>, Stop> {
        if self.book.run.unwinding {
            let run = &self.book.run;
            let needed = |key: &StepKey| run.step(key).is_some_and(StepRun::outlasts_the_end);
            let keys = self.open_keys().into_iter().filter(needed).collect::<Vec<_>>();
            return self.reopen_all(keys, asked_again).await;
        }
        let keys = self.open_keys();
        self.reopen_all(keys, asked_again).await
    }

    fn open_keys(&self) -> Vec<StepKey> {
        let open = self.book.run.steps.iter().filter(|step| step.phase == Phase::Open);
        open.map(|step| step.key.clone()).collect()
    }

    async fn reopen_all(
        &mut self,
        keys: Vec<StepKey>,
        asked_again: bool,
    ) -> Result<Option<Wait>, Stop> {
        for key in keys {
            let Some((index, definition)) = self.definition(&key) else { continue };
            let Some(step) = self.book.run.step(&key) else { continue };
            let attempt = step.attempt;
            if step.body != definition.body {
                if !asked_again && !step.goes_on_with(&definition) {
                    let flow = self.flow.version.clone();
                    return Ok(Some(Wait::WorkerVersion { flow, step: Some(key) }));
                }
                let body = definition.body;
                self.book.push(&Entry::StepStarted { step: key.clone(), attempt, body }, vec![])?;
            }
            self.launch_step(&key, index, &definition, attempt).await?;
        }
        Ok(None)
    }

    /// Starts what the borrow rule allows, in declaration order; routers run to a fixpoint first.
    pub(super) async fn start_ready(&mut self) -> Result<(), Stop> {
        if *self.desk.wish.borrow() == Wish::Drain {
            return Ok(());
        }
        while self.refused.is_none() {
            let ready = if self.book.run.unwinding {
                self.due_compensation()
            } else {
                let rests = |key: &StepKey| self.rests(key);
                self.book.run.startable(&self.flow.wiring, self.book.now(), &rests)
            };
            let Some(key) = ready.into_iter().next() else { return Ok(()) };
            self.start(&key).await?;
        }
        Ok(())
    }

    /// A step that only waits, with nothing of its own under way.
    fn rests(&self, key: &StepKey) -> bool {
        let calling = self.unsent().any(|call| call.position.step == *key);
        let Some(step) = self.open.get(key) else { return true };
        let waiting = match step.result {
            None => !step.cell.lock().awaited().is_empty(),
            Some(_) => self.has_open_actions(key),
        };
        let idle = !calling && self.calls.is_empty();
        idle && waiting && step.waits_for_effects_only()
    }

    /// Returns whether the borrow rule allows something to start now that every step is at rest.
    pub(super) fn may_start(&self) -> bool {
        let rests = |key: &StepKey| self.rests(key);
        let ready = self.book.run.startable(&self.flow.wiring, self.book.now(), &rests);
        self.refused.is_none() && !ready.is_empty()
    }

    /// Begins held steps from their top, because what held them may be over: mail came (a larger
    /// budget, a decision about an action in doubt), or a call left room for another. Returns
    /// whether there were any.
    pub(super) async fn ask_again(&mut self) -> Result<bool, Stop> {
        let refused = self.refused.take().is_some();
        let held = self.open.iter().filter(|(key, step)| {
            !step.held_by.is_empty() || self.book.run.step(key).is_some_and(has_answer)
        });
        let held: Vec<_> = held.map(|(key, _)| key.clone()).collect();
        for key in &held {
            self.open.remove(key);
            let attempt = self.book.run.step(key).map_or(1, |step| step.attempt);
            if let Some((index, definition)) = self.definition(key) {
                self.launch_step(key, index, &definition, attempt).await?;
            }
        }
        Ok(refused || !held.is_empty())
    }

    async fn start(&mut self, key: &StepKey) -> Result<(), Stop> {
        self.steps += 1;
        let Some((index, definition)) = self.definition(key) else {
            let why = format!("the definition has no step `{}`", key.step);
            return self.fail_step(key, Failure::permanent(Code::Bug, why));
        };
        if let StepKind::Router(route) = &definition.kind {
            let route = route.name.clone();
            return self.run_router(key, index, &route).await;
        }
        let level = u64::from(self.book.run.depth()) + u64::from(key.visit) - 1;
        if let Err(exhausted) = self.book.run.ledger.enter(level)
            && !self.book.run.unwinding
        {
            self.refused = Some(Wait::budget(exhausted));
            return Ok(());
        }
        let attempt = self.book.run.step(key).map_or(0, |step| step.attempt) + 1;
        self.book.begin_step(key, attempt, definition.body)?;
        self.launch_step(key, index, &definition, attempt).await
    }

    async fn launch_step(
        &mut self,
        key: &StepKey,
        index: usize,
        definition: &StepDefinition,
        attempt: u32,
    ) -> Result<(), Stop> {
        let Some(step) = self.book.run.step(key) else { return Ok(()) };
        let pinned = step.pinned.clone().unwrap_or_else(|| self.book.run.state.clone());
        let recorded: BTreeMap<_, _> =
            step.effects.iter().map(|e| (e.position.clone(), e.head.clone())).collect();
        let state = self.book.shared(&pinned).await?;
        let inputs = self.inputs(key, definition).await?;
        let cell = SharedCell::new(key.clone(), recorded);
        let place = StepPlace {
            run_id: self.book.run.run_id,
            key: key.clone(),
            key_root: self.book.run.key_root,
            attempt,
            tenant: self.book.run.tenant.clone(),
            tags: self.book.run.tags.clone(),
            schema: self.desk.runtime.schema.clone(),
            tools: self.desk.runtime.tools.clone(),
            grants: definition.options.callable(),
        };
        let context = StepContext::new(place, cell.clone());
        let future = self.flow.program.run(index, state, inputs, context);
        let boot = self.desk.runtime.clock.boot();
        let deadline = definition.options.timeout.map(|span| boot.saturating_add(span));
        let open = OpenStep::new(cell, future, self.woken.clone(), deadline);
        self.open.insert(key.clone(), open);
        Ok(())
    }

    /// Returns the values a step takes from others: those of its own path, else the latest.
    async fn inputs(&mut self, key: &StepKey, definition: &StepDefinition) -> Result<Inputs, Stop> {
        let mut inputs = Inputs::new();
        for input in &definition.inputs {
            let output = self.book.run.producer(key, &input.from).cloned();
            inputs.push(match output {
                Some(held) => Some(self.book.shared(&held).await?),
                None => None,
            });
        }
        Ok(inputs)
    }

    async fn run_router(&mut self, key: &StepKey, index: usize, route: &str) -> Result<(), Stop> {
        let Some((_, definition)) = self.definition(key) else { return Ok(()) };
        let state = self.book.run.state.clone();
        let state = self.book.value(&state).await?;
        let inputs = self.inputs(key, &definition).await?;
        match self.flow.program.route(index, &state, &inputs) {
            Ok(variant) if !knows(&definition, &variant) => {
                let why = format!("`{}` picked `{variant}`, which is no `{route}`", key.step);
                let because = Failure::permanent(Code::RouteUnknown, why);
                let sides = Divergence::because(key.clone(), because);
                self.refused = Some(Wait::Divergence(Box::new(sides)));
                Ok(())
            }
            Ok(variant) => {
                let arrival = Arrival::Route { route, variant: &variant };
                let absorbed = self.book.run.absorbed(&self.flow.wiring, key, arrival);
                self.book.push(&Entry::Routed { step: key.clone(), variant, absorbed }, Vec::new())
            }
            Err(error) => self.fail_step(key, error.into_failure()),
        }
    }
}

/// Whether a person has said what became of one of its actions, and nobody has acted on it.
fn has_answer(step: &StepRun) -> bool {
    step.effects.iter().any(EffectRecord::has_answer)
}

/// A route that is not written in Rust may be any text.
fn knows(router: &StepDefinition, variant: &str) -> bool {
    match &router.kind {
        StepKind::Router(route) => route.variants.iter().any(|known| known.name == variant),
        StepKind::Step | StepKind::Compensation => false,
    }
}
