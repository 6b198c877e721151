//! Starting steps, polling them to rest, and writing down how they end.

use std::{collections::BTreeMap, sync::Arc};

use mainstay_core::{
    code::Code,
    effect::{EffectKind, StepKey},
    failure::Failure,
    flow::{StepDefinition, StepKind, schedule::Arrival},
    fold::{effects::Resolution, steps::Phase},
    journal::{Cause, Entry},
    label::Label,
    payload::Payload,
    retry::RetryPolicy,
    wait::{Divergence, Wait},
};
use serde_json::Value;

use super::{Drive, OpenStep, Stop};
use crate::{
    context::{Answer, SharedCell, StepContext, StepPlace},
    program::{Inputs, StepDone},
};

impl Drive {
    pub(super) fn definition(&self, key: &StepKey) -> Option<(usize, StepDefinition)> {
        let definition = self.flow.wiring.definition();
        let index = definition.index(&key.step)?;
        definition.steps.get(index).map(|step| (index, step.clone()))
    }

    /// Opens the StepRuns again that were open when the last owner let go. Returns what the run
    /// must wait for if this worker's code is not the one they began with.
    pub(super) async fn reopen(&mut self, asked_again: bool) -> Result<Option<Wait>, Stop> {
        if self.book.run.unwinding {
            let compensations =
                |key: &StepKey| self.book.run.step(key).is_some_and(|step| step.undoes.is_some());
            let keys = self.open_keys().into_iter().filter(compensations).collect::<Vec<_>>();
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
                if !asked_again {
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
        if *self.desk.wish.borrow() == super::Wish::Drain {
            return Ok(());
        }
        while self.too_deep.is_none() {
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
        let calling = self.waiting_calls.iter().any(|call| call.position.step == *key);
        let Some(step) = self.open.get(key) else { return true };
        let waiting = !step.cell.lock().awaited().is_empty();
        let idle = !calling && self.calls.is_empty() && step.result.is_none();
        idle && waiting && step.waits_for_effects_only()
    }

    /// Returns whether the borrow rule allows something to start now that every step is at rest.
    pub(super) fn may_start(&self) -> bool {
        let rests = |key: &StepKey| self.rests(key);
        let ready = self.book.run.startable(&self.flow.wiring, self.book.now(), &rests);
        self.too_deep.is_none() && !ready.is_empty()
    }

    /// Begins held steps from their top, because mail may have ended what held them: a larger
    /// budget, a decision. Returns whether there were any.
    pub(super) async fn ask_again(&mut self) -> Result<bool, Stop> {
        let too_deep = self.too_deep.take().is_some();
        let held = self.open.iter().filter(|(_, step)| !step.held_by.is_empty());
        let held: Vec<_> = held.map(|(key, _)| key.clone()).collect();
        for key in &held {
            self.open.remove(key);
            let attempt = self.book.run.step(key).map_or(1, |step| step.attempt);
            if let Some((index, definition)) = self.definition(key) {
                self.launch_step(key, index, &definition, attempt).await?;
            }
        }
        Ok(too_deep || !held.is_empty())
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
        if let Err(exhausted) = self.book.run.ledger.enter(level) {
            self.too_deep = Some(exhausted);
            return Ok(());
        }
        let attempt = self.book.run.step(key).map_or(0, |step| step.attempt) + 1;
        let body = definition.body;
        self.book.push(&Entry::StepStarted { step: key.clone(), attempt, body }, Vec::new())?;
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
        let state = Arc::new(self.book.value(&pinned).await?);
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
            let run = &self.book.run;
            let visit = run.step(key).and_then(|step| step.ancestry.get(&input.from)).copied();
            let on_path = |step: &&mainstay_core::fold::steps::StepRun| {
                step.key.step == input.from && visit.is_none_or(|visit| step.key.visit == visit)
            };
            let found = run.steps.iter().rev().filter(|s| s.output.is_some()).find(on_path);
            let output = found.and_then(|step| step.output.clone());
            inputs.push(match output {
                Some(held) => Some(Arc::new(self.book.value(&held).await?)),
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
            Ok(variant) => {
                let arrival = Arrival::Route { route, variant: &variant };
                let absorbed = self.book.run.preview(&self.flow.wiring, key, arrival).absorbed;
                self.book.push(&Entry::Routed { step: key.clone(), variant, absorbed }, Vec::new())
            }
            Err(error) => self.fail_step(key, error.into_failure()),
        }
    }

    /// Polls every open step to rest, once. Returns whether anything moved.
    pub(super) async fn turn(&mut self) -> Result<bool, Stop> {
        let mut moved = false;
        for key in self.open.keys().cloned().collect::<Vec<_>>() {
            moved |= self.turn_step(&key).await?;
        }
        Ok(moved)
    }

    async fn turn_step(&mut self, key: &StepKey) -> Result<bool, Stop> {
        let mut moved = false;
        loop {
            let Some(step) = self.open.get_mut(key) else { return Ok(moved) };
            let polled = step.poll();
            moved |= polled;
            let (requests, failure, divergence) = step.cell.take();
            if let Some(divergence) = divergence {
                self.diverged(key, divergence);
                return Ok(true);
            }
            if let Some(failure) = failure {
                step.end_with(Err(failure));
            }
            for (request, ask) in requests {
                self.ask(key, request, ask).await?;
            }
            if self.deliver_next(key).await? {
                moved = true;
                continue;
            }
            return Ok(self.end_step_if_done(key)? || moved);
        }
    }

    /// Makes the next recorded outcome visible, if the code has asked for it and it is durable
    /// enough to be seen.
    async fn deliver_next(&mut self, key: &StepKey) -> Result<bool, Stop> {
        let Some(step) = self.open.get(key) else { return Ok(false) };
        if step.result.is_some() {
            return Ok(false);
        }
        let seen = step.seen_up_to;
        let resolved = self.book.run.resolved(key);
        let Some(next) = resolved.iter().find(|e| e.resolved_at.is_some_and(|at| at > seen)) else {
            return Ok(false);
        };
        let (position, head, place) = (next.position.clone(), next.head.clone(), next.resolved_at);
        let place = place.unwrap_or(seen);
        let resolution = next.resolution.clone();
        if !step.asked.contains(&position) {
            // The live run saw this outcome here, so the code had asked for it by now.
            let (step, journal) = (key.clone(), Some(head));
            let position = Some(position);
            self.diverged(key, Divergence { step, position, journal, code: None });
            return Ok(true);
        }
        if head.kind == EffectKind::Model && !self.book.is_durable(place) {
            self.commit_due = true;
            return Ok(false);
        }
        let Some(resolution) = resolution else { return Ok(false) };
        let answer = self.answer(resolution).await?;
        if let Some(step) = self.open.get_mut(key) {
            step.seen_up_to = place;
            step.cell.lock().deliver(position, answer);
            step.wake();
        }
        Ok(true)
    }

    async fn answer(&mut self, resolution: Resolution) -> Result<Answer, Stop> {
        Ok(match resolution {
            Resolution::Completed(held) => Answer::Completed(self.book.value(&held).await?),
            Resolution::Failed(failure) => Answer::Failed(failure),
            Resolution::Denied(failure) => Answer::Denied(failure),
            Resolution::InDoubt(failure) => Answer::InDoubt(failure),
            Resolution::Reviewed(outcome) => Answer::Reviewed(outcome),
            Resolution::Signalled(held) => Answer::Signalled(self.book.value(&held).await?),
            Resolution::Due => Answer::Due,
            Resolution::Child { status, output, failure } => {
                let output = match output {
                    Some(held) => self.book.value(&held).await?,
                    None => Value::Null,
                };
                Answer::Child { status, output, failure }
            }
        })
    }

    /// Writes down the end of a step whose code is done, once everything it launched has an
    /// outcome.
    fn end_step_if_done(&mut self, key: &StepKey) -> Result<bool, Stop> {
        let Some(step) = self.open.get(key) else { return Ok(false) };
        if step.result.is_none() || self.has_calls(key) {
            return Ok(false);
        }
        let unasked = self.book.run.step(key).and_then(|run| {
            run.effects.iter().find(|e| !step.asked.contains(&e.position)).cloned()
        });
        let failed = matches!(step.result, Some(Err(_)));
        if let Some(effect) = unasked.filter(|_| !failed) {
            let (position, journal) = (Some(effect.position), Some(effect.head));
            let divergence = Divergence { step: key.clone(), position, journal, code: None };
            self.diverged(key, divergence);
            return Ok(true);
        }
        let Some(step) = self.open.remove(key) else { return Ok(false) };
        self.withdraw_waits(key)?;
        match step.result {
            Some(Ok(done)) => match written(&done) {
                Ok(payloads) => self.finish_step(key, payloads)?,
                Err(failure) => self.fail_step(key, failure)?,
            },
            Some(Err(failure)) => self.fail_step(key, failure)?,
            None => {}
        }
        self.commit_due = true;
        Ok(true)
    }

    fn finish_step(
        &mut self,
        key: &StepKey,
        (output, state): (Payload, Option<Payload>),
    ) -> Result<(), Stop> {
        let absorbed = self.book.run.preview(&self.flow.wiring, key, Arrival::Step).absorbed;
        let entry = Entry::StepFinished {
            step: key.clone(),
            output: output.reference(Label::default()),
            state: state.as_ref().map(|state| state.reference(Label::default())),
            absorbed,
        };
        self.book.push(&entry, [Some(output), state].into_iter().flatten().collect())
    }

    /// Writes down a failed attempt, and what follows from it: another attempt or the end.
    pub(super) fn fail_step(&mut self, key: &StepKey, failure: Failure) -> Result<(), Stop> {
        let run = &self.book.run;
        let (attempt, undoes) =
            run.step(key).map_or((1, None), |step| (step.attempt.max(1), step.undoes.clone()));
        let policy = self.definition(key).and_then(|(_, definition)| definition.options.retry);
        let policy = policy.or_else(|| undoes.as_ref().map(|_| RetryPolicy::default()));
        let random = self.jitter(&format!("{key}@{attempt}"));
        let delay = policy
            .and_then(|p| p.next(attempt, failure.retry, random, failure.retry_after))
            .filter(|_| !self.book.run.unwinding || undoes.is_some());
        let retry_at = delay.map(|span| self.book.now().after(span));
        let entry =
            Entry::StepFailed { step: key.clone(), attempt, failure: failure.clone(), retry_at };
        self.book.push(&entry, Vec::new())?;
        self.commit_due = true;
        if retry_at.is_none() && undoes.is_none() && !self.book.run.unwinding {
            let cause = Cause::Failed { step: key.clone(), failure };
            self.unwind_because(cause)?;
        }
        Ok(())
    }

    /// A number that is the same on every replay and differs between runs and places.
    pub(super) fn jitter(&self, what: &str) -> u64 {
        let root = self.book.run.key_root;
        let digest = mainstay_core::digest::Digest::of_parts([
            &root.as_bytes()[..],
            b"jitter",
            what.as_bytes(),
        ]);
        let (head, _) = digest.as_bytes().split_at(8);
        head.try_into().map_or(0, u64::from_le_bytes)
    }

    /// Both sides are shown, and nothing is guessed.
    fn diverged(&mut self, key: &StepKey, divergence: Divergence) {
        if let Some(step) = self.open.get_mut(key) {
            let place = divergence.position.clone().unwrap_or_else(|| {
                mainstay_core::effect::EffectPosition {
                    step: key.clone(),
                    branch: Vec::new(),
                    ordinal: 0,
                }
            });
            step.result = None;
            step.freeze();
            step.held_by.push((place, Wait::Divergence(Box::new(divergence))));
        }
    }

    /// Returns how long until the first open step runs out of time.
    pub(super) fn next_timeout(&self) -> Option<std::time::Duration> {
        let boot = self.desk.runtime.clock.boot();
        let deadlines = self.open.values().filter(|step| step.result.is_none());
        let next = deadlines.filter_map(|step| step.deadline).min()?;
        Some(next.saturating_sub(boot))
    }

    /// Ends steps whose time is over.
    pub(super) fn expire_steps(&mut self) -> Result<(), Stop> {
        let boot = self.desk.runtime.clock.boot();
        for (key, step) in &mut self.open {
            if step.result.is_none() && step.deadline.is_some_and(|deadline| deadline <= boot) {
                let why = format!("`{}` ran out of time", key.step);
                step.end_with(Err(Failure::retryable(Code::StepTimedOut, why)));
            }
        }
        Ok(())
    }
}

/// Returns what a step leaves behind as the journal keeps it.
fn written(done: &StepDone) -> Result<(Payload, Option<Payload>), Failure> {
    let write = |value: &Value| {
        Payload::of(value).map_err(|e| Failure::permanent(Code::StepFailed, e.to_string()))
    };
    Ok((write(&done.output)?, done.state.as_ref().map(write).transpose()?))
}
