//! Writing down how steps end, and what follows from it.

use mainstay_core::{
    code::Code,
    digest::Digest,
    effect::StepKey,
    failure::Failure,
    flow::schedule::Arrival,
    fold::steps::StepRun,
    journal::{Cause, Entry},
    payload::Payload,
    retry::RetryPolicy,
    wait::Divergence,
};
use serde_json::Value;

use super::{Drive, Stop};
use crate::program::StepDone;

impl Drive {
    /// Writes down the end of a step whose code is done, once everything it launched has an
    /// outcome.
    pub(super) fn end_step_if_done(&mut self, key: &StepKey) -> Result<bool, Stop> {
        let Some(step) = self.open.get(key) else { return Ok(false) };
        if step.result.is_none() || self.has_calls(key) || self.has_open_actions(key) {
            return Ok(false);
        }
        let unasked = self.book.run.step(key).and_then(|run| {
            let unasked = || run.effects.iter().filter(|e| !step.asked.contains(&e.position));
            unasked().find(|e| e.is_open_action()).or_else(|| unasked().next()).cloned()
        });
        let failed = matches!(step.result, Some(Err(_)));
        // An action that may have happened is not dropped with an attempt that failed before it.
        if let Some(effect) = unasked.filter(|effect| !failed || effect.is_open_action()) {
            let (position, journal) = (Some(effect.position), Some(effect.head));
            let divergence =
                Divergence { step: key.clone(), position, journal, code: None, because: None };
            self.diverged(key, divergence);
            return Ok(true);
        }
        let Some(step) = self.open.remove(key) else { return Ok(false) };
        let waits = self.waits_of(key);
        match step.result {
            Some(Ok(done)) => match written(&done) {
                Ok(payloads) => self.finish_step(key, done, payloads)?,
                Err(failure) => self.fail_step(key, failure)?,
            },
            Some(Err(failure)) => self.fail_step(key, failure)?,
            None => {}
        }
        // An attempt that is tried again finds its waits where it left them.
        if !self.book.run.step(key).is_some_and(StepRun::is_open) {
            self.withdraw(waits);
        }
        self.commit_due = true;
        Ok(true)
    }

    fn finish_step(
        &mut self,
        key: &StepKey,
        done: StepDone,
        (output, state): (Payload, Option<Payload>),
    ) -> Result<(), Stop> {
        self.book.keep_written(output.digest(), done.output);
        if let (Some(written), Some(value)) = (&state, done.state) {
            self.book.keep_written(written.digest(), value);
        }
        let absorbed = self.book.run.absorbed(&self.flow.wiring, key, Arrival::Step);
        let label = self.book.run.label_of(&self.flow.wiring, key);
        let entry = Entry::StepFinished {
            step: key.clone(),
            began: self.book.take_begun(key),
            output: output.reference(label.clone()),
            state: state.as_ref().map(|state| state.reference(label)),
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
        let digest = Digest::of_parts([&root.as_bytes()[..], b"jitter", what.as_bytes()]);
        let (head, _) = digest.as_bytes().split_at(8);
        head.try_into().map_or(0, u64::from_le_bytes)
    }
}

/// Returns what a step leaves behind as the journal keeps it.
fn written(done: &StepDone) -> Result<(Payload, Option<Payload>), Failure> {
    let write = |value: &Value| {
        Payload::of(value).map_err(|e| Failure::permanent(Code::StepFailed, e.to_string()))
    };
    Ok((write(&done.output)?, done.state.as_ref().map(write).transpose()?))
}
