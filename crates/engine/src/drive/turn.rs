//! Polling open steps to rest, and making recorded outcomes visible, one at a time.

use mainstay_core::{
    code::Code,
    effect::{EffectKind, EffectPosition, StepKey},
    failure::Failure,
    fold::effects::Resolution,
    wait::{Divergence, Wait},
};
use serde_json::Value;

use super::{Drive, Stop};
use crate::context::Answer;

impl Drive {
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
        if step.is_over() {
            return Ok(false);
        }
        let resolved = self.book.run.resolved(key);
        let Some(next) = resolved.get(step.seen) else { return Ok(false) };
        let (position, head, place) = (next.position.clone(), next.head.clone(), next.resolved_at);
        let place = place.unwrap_or(0);
        let resolution = next.resolution.clone();
        if !step.asked.contains(&position) {
            // The live run saw this outcome here, so the code had asked for it by now.
            let (step, journal) = (key.clone(), Some(head));
            let position = Some(position);
            self.diverged(key, Divergence { step, position, journal, code: None, because: None });
            return Ok(true);
        }
        if head.kind == EffectKind::Model && !self.book.is_durable(place) {
            self.commit_due = true;
            return Ok(false);
        }
        let Some(resolution) = resolution else { return Ok(false) };
        let answer = self.answer(resolution).await?;
        if let Some(step) = self.open.get_mut(key) {
            step.seen += 1;
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

    /// Both sides are shown, and nothing is guessed.
    pub(super) fn diverged(&mut self, key: &StepKey, divergence: Divergence) {
        if let Some(step) = self.open.get_mut(key) {
            let place = divergence.position.clone().unwrap_or_else(|| EffectPosition {
                step: key.clone(),
                branch: Vec::new(),
                ordinal: 0,
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
