//! What a running StepRun and its driver share: requests one way, answers the other.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use mainstay_core::{
    code::Code,
    effect::{Branch, EFFECTS_PER_STEP, EffectHead, EffectKind, EffectPosition, StepKey},
    failure::Failure,
    review::ReviewOutcome,
    run::RunStatus,
    tool::{Denial, InDoubt, ToolFailure, ToolOutcome},
    wait::Divergence,
};
use serde_json::Value;

use super::{Ask, Request};

/// What the code sees of an effect's outcome.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Completed(Value),
    Failed(Failure),
    Denied(Failure),
    InDoubt(Failure),
    Reviewed(ReviewOutcome),
    Signalled(Value),
    Due,
    Child { status: RunStatus, output: Value, failure: Option<Failure> },
}

impl Answer {
    pub(crate) fn completed(self) -> Result<Value, Failure> {
        match self {
            Self::Completed(value) | Self::Signalled(value) => Ok(value),
            Self::Failed(failure) | Self::Denied(failure) | Self::InDoubt(failure) => Err(failure),
            Self::Child { output, .. } => Ok(output),
            Self::Reviewed(_) | Self::Due => Ok(Value::Null),
        }
    }

    pub(crate) fn reviewed(self) -> Result<ReviewOutcome, Failure> {
        if let Self::Reviewed(outcome) = self {
            return Ok(outcome);
        }
        // A review that could not be asked for: its failure, never a decision.
        self.completed()
            .and_then(|_| Err(Failure::permanent(Code::Bug, "a review without outcome")))
    }

    /// Returns what came, or `None` if the time for it passed.
    pub(crate) fn unless_due(self) -> Result<Option<Value>, Failure> {
        if matches!(self, Self::Due) { Ok(None) } else { self.completed().map(Some) }
    }

    /// Returns a child run's output.
    pub(crate) fn child(self) -> Result<Value, Failure> {
        if let Self::Child { status, failure, .. } = &self
            && *status != RunStatus::Completed
        {
            return Err(failure.clone().unwrap_or_else(|| {
                Failure::permanent(Code::StepFailed, format!("the child run is {status}"))
            }));
        }
        self.completed()
    }

    pub(crate) fn into_outcome(self, tool: &str) -> ToolOutcome {
        match self {
            Self::Failed(f) => ToolOutcome::Failed(ToolFailure {
                code: f.code,
                message: f.message,
                retry: f.retry,
                took_effect: mainstay_core::tool::TookEffect::No,
                retry_after: f.retry_after,
                wants: None,
            }),
            Self::Denied(failure) => ToolOutcome::Denied(Denial::of(tool, &failure)),
            Self::InDoubt(failure) => ToolOutcome::InDoubt(InDoubt {
                first_sent_at: Default::default(),
                because: failure.message,
            }),
            Self::Completed(_)
            | Self::Reviewed(_)
            | Self::Signalled(_)
            | Self::Due
            | Self::Child { .. } => ToolOutcome::of(self.completed().unwrap_or_default()),
        }
    }
}

/// One StepRun's half-open books.
pub(crate) struct StepCell {
    key: StepKey,
    /// Heads the journal holds; a repeat must ask for the same.
    recorded: BTreeMap<EffectPosition, EffectHead>,
    ordinals: BTreeMap<Vec<Branch>, u32>,
    requests: Vec<(Request, Ask)>,
    ready: BTreeMap<EffectPosition, Answer>,
    /// Effects the code waits for, with what to wake.
    waiting: BTreeMap<EffectPosition, Waker>,
    /// Outcomes the code has seen.
    seen: u32,
    /// Branching calls by place: whether any one arm ends them.
    races: BTreeMap<(Vec<Branch>, u32), Ends>,
    asked: usize,
    failure: Option<Failure>,
    divergence: Option<Divergence>,
}

/// What ends a branching call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    WithAnyArm,
    WithAllArms,
}

/// The cell as both sides hold it.
#[derive(Clone)]
pub(crate) struct SharedCell(Arc<Mutex<StepCell>>);

impl SharedCell {
    pub(crate) fn new(key: StepKey, recorded: BTreeMap<EffectPosition, EffectHead>) -> Self {
        Self(Arc::new(Mutex::new(StepCell {
            key,
            recorded,
            ordinals: BTreeMap::new(),
            requests: Vec::new(),
            ready: BTreeMap::new(),
            waiting: BTreeMap::new(),
            seen: 0,
            races: BTreeMap::new(),
            asked: 0,
            failure: None,
            divergence: None,
        })))
    }

    /// A step that panicked leaves its cell as it was: the driver reads it once more.
    pub(crate) fn lock(&self) -> MutexGuard<'_, StepCell> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what the code left behind while it was polled.
    pub(crate) fn take(&self) -> (Vec<(Request, Ask)>, Option<Failure>, Option<Divergence>) {
        let mut cell = self.lock();
        (std::mem::take(&mut cell.requests), cell.failure.take(), cell.divergence.take())
    }
}

impl StepCell {
    pub(crate) fn peek_position(&self, branch: &[Branch]) -> EffectPosition {
        let ordinal = self.ordinals.get(branch).copied().unwrap_or(0);
        EffectPosition { step: self.key.clone(), branch: branch.to_vec(), ordinal }
    }

    pub(crate) fn next_position(&mut self, branch: &[Branch]) -> EffectPosition {
        let position = self.peek_position(branch);
        self.ordinals.insert(branch.to_vec(), position.ordinal + 1);
        position
    }

    /// Opens a branching call and returns its ordinal.
    pub(crate) fn open_branches(&mut self, branch: &[Branch], ends: Ends) -> u32 {
        let ordinal = self.next_position(branch).ordinal;
        self.races.insert((branch.to_vec(), ordinal), ends);
        ordinal
    }

    pub(crate) fn request(&mut self, mut request: Request, ask: Ask) {
        self.asked += 1;
        if self.asked > EFFECTS_PER_STEP {
            let message = format!(
                "`{}` made more than {EFFECTS_PER_STEP} effects; start child runs with `cx.map` over \
                 parts, or move a part into a step of its own",
                self.key.step
            );
            self.fail(Failure::permanent(Code::TooManyEffects, message));
            return;
        }
        if let Some(journal) = self.recorded.get(&request.position)
            && *journal != request.head
        {
            self.divergence.get_or_insert(Divergence {
                step: self.key.clone(),
                position: Some(request.position),
                journal: Some(journal.clone()),
                code: Some(request.head),
                because: None,
            });
            return;
        }
        request.seen = self.seen;
        self.requests.push((request, ask));
    }

    /// Returns whether a patch at the next place takes the new side: not where the journal holds
    /// another effect there, or a later one, because then the old side was taken.
    pub(crate) fn may_patch(&self, branch: &[Branch], name: &str) -> bool {
        let place = self.peek_position(branch);
        match self.recorded.get(&place) {
            Some(head) => head.kind == EffectKind::Patch && head.name == name,
            None => !self.recorded.keys().any(|known| is_past(known, &place)),
        }
    }

    pub(crate) fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }

    /// Makes an outcome visible to the code.
    pub(crate) fn deliver(&mut self, position: EffectPosition, answer: Answer) {
        self.seen += 1;
        if let Some(waker) = self.waiting.remove(&position) {
            waker.wake();
        }
        self.ready.insert(position, answer);
    }

    pub(crate) fn take_answer(
        &mut self,
        position: &EffectPosition,
        waker: &Waker,
    ) -> Option<Answer> {
        let answer = self.ready.remove(position);
        if answer.is_none() {
            self.waiting.insert(position.clone(), waker.clone());
        }
        answer
    }

    pub(crate) fn forget_waiter(&mut self, position: &EffectPosition) {
        self.waiting.remove(position);
    }

    /// Returns how many wakers equal to `own` the effects hold.
    pub(crate) fn own_wakers(&self, own: &Waker) -> usize {
        self.waiting.values().filter(|waker| waker.will_wake(own)).count()
    }

    /// Returns the effects the code waits for now.
    pub(crate) fn awaited(&self) -> Vec<EffectPosition> {
        self.waiting.keys().cloned().collect()
    }

    /// Returns whether all of these effects stand in arms of calls that end with all their arms, so
    /// that none of them alone lets the code go on.
    pub(crate) fn needs_all(&self, awaited: &[EffectPosition]) -> bool {
        awaited.len() > 1
            && awaited.iter().all(|position| {
                !position.branch.is_empty()
                    && (0..position.branch.len()).all(|depth| {
                        let (outer, _) = position.branch.split_at(depth);
                        let ordinal = position.branch.get(depth).map_or(0, |b| b.ordinal);
                        self.races.get(&(outer.to_vec(), ordinal)) == Some(&Ends::WithAllArms)
                    })
            })
    }
}

/// Returns whether the code that asked for `known` had gone past `place` in that place's branch.
fn is_past(known: &EffectPosition, place: &EffectPosition) -> bool {
    let Some(inner) = known.branch.strip_prefix(place.branch.as_slice()) else { return false };
    inner.first().map_or(known.ordinal, |branch| branch.ordinal) >= place.ordinal
}
