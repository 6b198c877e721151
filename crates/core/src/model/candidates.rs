//! Whom a call asks: a chain of models, the next one for each attempt that failed.
//!
//! # Why the attempt's number decides
//!
//! After a crash the journal holds how many attempts were made and nothing of what the dead worker
//! meant to do next. The number is the one thing both workers agree on, so it alone says which
//! model is asked: the chain in its order, and round again.

use std::{sync::Arc, time::Duration};

use super::{ModelId, Provider};
use crate::retry::MOST_ATTEMPTS;

/// The models that a name stands for, the first choice first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelChain {
    first: ModelId,
    rest: Vec<ModelId>,
    hedge_after: Option<Duration>,
}

impl ModelChain {
    /// Makes a chain of one model.
    #[must_use]
    pub const fn new(first: ModelId) -> Self {
        Self { first, rest: Vec::new(), hedge_after: None }
    }

    /// Adds a model that is asked when those before it failed.
    #[must_use]
    pub fn then(mut self, next: ModelId) -> Self {
        self.rest.push(next);
        self
    }

    /// Sends a call once more when no answer came within the span.
    #[must_use]
    pub const fn with_hedge_after(mut self, span: Duration) -> Self {
        self.hedge_after = Some(span);
        self
    }

    /// Returns the first choice.
    #[must_use]
    pub const fn first(&self) -> &ModelId {
        &self.first
    }

    /// Returns the models in the order in which they are asked.
    pub fn models(&self) -> impl Iterator<Item = &ModelId> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// Returns how long an answer may take before the call is sent once more, if it ever is.
    #[must_use]
    pub const fn hedge_after(&self) -> Option<Duration> {
        self.hedge_after
    }
}

impl From<ModelId> for ModelChain {
    fn from(model: ModelId) -> Self {
        Self::new(model)
    }
}

/// A model and who serves it.
#[derive(Clone)]
pub struct Candidate {
    /// The model.
    pub model: ModelId,
    /// Who serves it.
    pub provider: Arc<dyn Provider>,
}

/// Who may be asked after an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Onward {
    /// Another model at once, the same one after a wait.
    Anyone,
    /// Another model, and this one not again: it refuses us, not the request.
    Others,
    /// Nobody: what is asked is at fault, whoever is asked.
    Nobody,
}

/// Those who may answer one call.
#[derive(Clone)]
pub struct Candidates {
    first: Candidate,
    rest: Vec<Candidate>,
    hedge_after: Option<Duration>,
}

impl Candidates {
    pub(super) const fn new(
        first: Candidate,
        rest: Vec<Candidate>,
        hedge_after: Option<Duration>,
    ) -> Self {
        Self { first, rest, hedge_after }
    }

    /// Returns whom an attempt asks; the first attempt is 1.
    #[must_use]
    pub fn at(&self, attempt: u32) -> &Candidate {
        let turn = attempt.saturating_sub(1) % self.count();
        let later = turn.checked_sub(1).and_then(|turn| usize::try_from(turn).ok());
        later.and_then(|turn| self.rest.get(turn)).unwrap_or(&self.first)
    }

    /// Returns all, in the order in which they are asked.
    pub fn iter(&self) -> impl Iterator<Item = &Candidate> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// Returns how many attempts there are in all, the first included: as many as anything gets,
    /// or one for each model where the chain is longer.
    #[must_use]
    pub fn most_attempts(&self) -> u32 {
        self.count().max(MOST_ATTEMPTS)
    }

    /// Returns how long an answer may take before the call is sent once more, if it ever is.
    #[must_use]
    pub const fn hedge_after(&self) -> Option<Duration> {
        self.hedge_after
    }

    /// Returns whom the attempt after `attempt` asks, or `None` if that was the last: attempts are
    /// used up, what is asked is at fault, or the next one has `refused` us before.
    #[must_use]
    pub fn after(
        &self,
        attempt: u32,
        onward: Onward,
        refused: impl Fn(&ModelId) -> bool,
    ) -> Option<&Candidate> {
        let next = Some(attempt.saturating_add(1)).filter(|next| *next <= self.most_attempts())?;
        let (asked, next) = (self.at(attempt), self.at(next));
        let open = match onward {
            Onward::Anyone => true,
            Onward::Others => asked.model != next.model,
            Onward::Nobody => false,
        };
        (open && !refused(&next.model)).then_some(next)
    }

    fn count(&self) -> u32 {
        u32::try_from(self.rest.len()).unwrap_or(u32::MAX).saturating_add(1)
    }
}
