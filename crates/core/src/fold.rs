//! The fold of a journal: everything there is to know of a run, from its entries alone.
//!
//! One pure function serves the live run, recovery, the console and the tests, so they cannot
//! disagree (invariant I9). Payloads are not needed: the fold refers to them by digest and by the
//! row that carried them. It is bounded by the graph and by what is open: what nothing can refer to
//! any more it [lets go of](past), and readers who want that too are told.

pub mod effects;
mod fork;
pub mod input;
mod over;
mod past;
pub mod scopes;
mod standing;
mod start;
pub mod steps;
pub mod undo;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    budget::{Ledger, Settlement, Spend},
    digest::Digest,
    failure::Failure,
    flow::{
        FlowVersion, StepName,
        schedule::{Ancestry, Join, Wiring},
    },
    id::{RunId, SessionId},
    inbox::InboxBody,
    journal::{Began, Cause, Created, Entry, Finished, Leave, Parent, Position},
    payload::Held,
    run::{IllegalTransition, RunStatus},
    time::Timestamp,
    wait::WaitSet,
};
use effects::{Intent, Resolution};
use over::Over;
use steps::{Phase, StepRun};
use undo::Undoable;

/// A crash hides how long its worker still ran after the last entry; at most this much of the gap
/// is counted as running time: the length of a lease.
const HIDDEN_WALL: std::time::Duration = std::time::Duration::from_secs(20);

/// A run, folded from its journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Projection {
    /// The run.
    pub run_id: RunId,
    /// Whose it is.
    pub tenant: String,
    /// What it is pinned to.
    pub flow: FlowVersion,
    /// Where it stands.
    pub status: RunStatus,
    /// Why it is parked.
    pub wait: Option<WaitSet>,
    /// The input as it was given.
    pub input: Held,
    /// The root of its idempotency keys.
    pub key_root: Digest,
    /// Who started it.
    pub parent: Option<Parent>,
    /// Who asked for it, if that is known: nobody approves irreversible calls of their own runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// Search tags.
    pub tags: BTreeMap<String, String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When the last entry was written.
    pub at: Timestamp,
    /// What is known to have passed: when the latest of the timers that fired was due. An owner
    /// whose own clock is behind the store's takes it for now.
    #[serde(default, skip_serializing_if = "is_never")]
    pub passed: Timestamp,
    /// The last entry's place.
    pub position: Position,
    /// The session of the last claim.
    pub session: Option<SessionId>,
    /// How often it was claimed after a crash.
    pub recoveries: u32,
    /// The state now.
    pub state: Held,
    /// What it may use and has used.
    pub ledger: Ledger,
    /// StepRuns that something can still refer to, in the order they became due. Older programs
    /// kept all of them under another name: they refuse what they would misread.
    #[serde(rename = "step_runs", alias = "steps")]
    pub steps: Vec<StepRun>,
    /// How many StepRuns of each step are past: finished, and let go of.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub past: BTreeMap<StepName, u32>,
    /// Finished steps that have a compensation and were not undone yet, last finished last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undoables: Vec<Undoable>,
    /// Joins with several producers.
    pub joins: Vec<Join>,
    /// Signals that nobody waited for yet, oldest first.
    pub signals: Vec<(String, Held)>,
    /// The last inbox message that was received.
    pub inbox_seen: u64,
    /// Whether a person or a failure asked it to end.
    pub ending: Option<Cause>,
    /// Whether undoing has begun: nothing new starts any more.
    pub unwinding: bool,
    /// StepRuns that were undone or could not be, with the compensation's failure.
    pub undone: Vec<(String, Option<Failure>)>,
    /// How it ended.
    pub finished: Option<Finished>,
    /// Whether a fork may repeat actions; `None` for a run that is not a fork.
    pub leave: Option<Leave>,
    /// The output's place.
    pub output: Option<Held>,
    /// The id it was started under, if it has moved since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub born: Option<RunId>,
    /// Which form it has: see [`Projection::brought_up`].
    #[serde(default)]
    form: u8,
    #[serde(skip)]
    over: Over,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_never(at: &Timestamp) -> bool {
    *at == Timestamp::default()
}

/// A journal that does not fold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoldError {
    /// An entry that the state machine does not allow.
    Illegal(IllegalTransition),
    /// A position left out or used twice.
    Gap {
        /// The position that should have come.
        wanted: Position,
        /// The one that came.
        found: Position,
    },
    /// An entry about a step, effect or review that the journal does not know.
    Unknown(String),
    /// A journal that does not begin with `created` or a checkpoint.
    Headless,
}

impl fmt::Display for FoldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Illegal(illegal) => illegal.fmt(f),
            Self::Gap { wanted, found } => {
                write!(f, "position {found} stands where {wanted} should")
            }
            Self::Unknown(what) => write!(f, "the journal does not know {what}"),
            Self::Headless => f.write_str("the journal does not begin at its beginning"),
        }
    }
}

impl std::error::Error for FoldError {}

impl From<IllegalTransition> for FoldError {
    fn from(illegal: IllegalTransition) -> Self {
        Self::Illegal(illegal)
    }
}

impl Projection {
    /// Starts the fold with a run's first entry.
    #[must_use]
    pub fn begin(run_id: RunId, created: &Created, at: Timestamp, wiring: &Wiring) -> Self {
        let held = |payload: &crate::payload::PayloadRef| Held { at: 1, payload: payload.clone() };
        let mut run = Self {
            run_id,
            tenant: created.tenant.clone(),
            flow: created.flow.clone(),
            status: RunStatus::Queued,
            wait: None,
            input: held(&created.input),
            key_root: created.key_root,
            parent: created.parent.clone(),
            requested_by: created.requested_by.clone(),
            tags: created.tags.clone(),
            created_at: at,
            at,
            passed: Timestamp::default(),
            position: 1,
            session: None,
            recoveries: 0,
            state: held(&created.state),
            ledger: Ledger::new(created.limits),
            steps: Vec::new(),
            past: BTreeMap::new(),
            undoables: Vec::new(),
            joins: Vec::new(),
            signals: Vec::new(),
            inbox_seen: 0,
            ending: None,
            unwinding: false,
            undone: Vec::new(),
            finished: None,
            leave: None,
            output: None,
            born: None,
            form: past::FORM,
            over: Over::default(),
        };
        for step in wiring.starts() {
            run.make_due(step, Ancestry::default());
        }
        run
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// The entry does not follow: a gap, an illegal transition, or something the journal does not
    /// know.
    pub fn apply(
        &mut self,
        wiring: &Wiring,
        position: Position,
        at: Timestamp,
        entry: &Entry,
    ) -> Result<(), FoldError> {
        self.apply_and_tell(wiring, (position, at), entry, &mut drop)
    }

    /// Takes the next entry, and hands over the StepRuns it lets go of. It does so where a step
    /// ends, however the fold came to be, so that all folds of a journal are one.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn apply_and_tell(
        &mut self,
        wiring: &Wiring,
        (position, at): (Position, Timestamp),
        entry: &Entry,
        past: &mut dyn FnMut(StepRun),
    ) -> Result<(), FoldError> {
        self.follow(wiring, position, at, entry)?;
        let ends_a_step = |entry: &Entry| {
            use Entry as E;
            matches!(entry, E::StepFinished { .. } | E::StepFailed { .. } | E::Routed { .. })
        };
        if ends_a_step(entry) {
            self.tidy(wiring, past);
            self.count_over();
        }
        Ok(())
    }

    /// Takes the next entry and lets go of nothing.
    fn follow(
        &mut self,
        wiring: &Wiring,
        position: Position,
        at: Timestamp,
        entry: &Entry,
    ) -> Result<(), FoldError> {
        if position != self.position + 1 {
            return Err(FoldError::Gap { wanted: self.position + 1, found: position });
        }
        let next = RunStatus::after(Some(self.status), entry)?;
        self.count_wall(at, entry);
        self.position = position;
        self.at = at;
        self.take(wiring, at, entry)?;
        self.status = next;
        Ok(())
    }

    /// Running time is the time between the entries of one claim.
    fn count_wall(&mut self, at: Timestamp, entry: &Entry) {
        if self.status != RunStatus::Running {
            return;
        }
        let crashed = matches!(entry, Entry::Claimed { .. });
        let span = at.since(self.at);
        let span = if crashed { span.min(HIDDEN_WALL) } else { span };
        let wall = u64::try_from(span.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX);
        let spend = Spend { wall, ..Spend::ZERO };
        self.ledger.charge(&if crashed {
            Settlement::unknown(spend)
        } else {
            Settlement::known(spend)
        });
    }

    fn take(&mut self, wiring: &Wiring, at: Timestamp, entry: &Entry) -> Result<(), FoldError> {
        match entry {
            Entry::Created(_) | Entry::Rehomed(_) => return Err(FoldError::Headless),
            Entry::Claimed { session, .. } => self.claimed(*session),
            Entry::StepStarted { step, attempt, body } => {
                self.begin_step(wiring, step, Began { at, attempt: *attempt, body: *body })?;
            }
            Entry::StepFinished { step, began, output, state, .. } => {
                if let Some(began) = began {
                    self.begin_step(wiring, step, *began)?;
                }
                self.step_finished(wiring, step, output, state.as_ref(), at)?;
            }
            Entry::StepFailed { step, attempt, failure, retry_at } => {
                self.step_failed(step, *attempt, failure, *retry_at, at)?;
            }
            Entry::Routed { step, variant, .. } => self.routed(wiring, step, variant, at)?,
            Entry::EffectIntended {
                position,
                head,
                attempt,
                first_sent_at,
                not_after,
                seen,
                arguments,
            } => {
                let (attempt, first_sent_at, not_after) = (*attempt, *first_sent_at, *not_after);
                let intent = Intent { attempt, first_sent_at, not_after, at: self.position };
                self.intended(position, head, *seen, (intent, arguments))?;
            }
            Entry::EffectAttempted { position, head, attempts, spend } => {
                self.attempted(position, head, attempts, spend)?;
            }
            Entry::EffectSettled(settled) => self.settled(settled)?,
            Entry::WaitOpened { position, head, wait, arguments, seen, input } => {
                self.wait_opened(position, head, wait, arguments, *seen)?;
                self.input_asked(position, wait, input.as_deref())?;
            }
            Entry::Advanced { amount } => self.ledger.record_advance(amount),
            Entry::Allotted { child, limits } => self.allotted(*child, limits)?,
            Entry::Received { inbox, message } => self.receive(*inbox, message)?,
            Entry::Migrated { to, state, .. } => {
                self.flow = to.clone();
                self.state = self.hold(state);
            }
            Entry::Unwinding { cause } => self.unwind(cause),
            Entry::Released => self.ledger.release_advance(),
            Entry::Parked { wait } => {
                self.ledger.release_advance();
                self.wait = Some(wait.clone());
            }
            Entry::Checkpoint { .. } | Entry::Moved { .. } => {}
            Entry::Finished(end) => self.finish(end),
        }
        Ok(())
    }

    fn claimed(&mut self, session: SessionId) {
        if self.status == RunStatus::Running {
            // The last owner died in the middle: what it may have spent cannot be known.
            let unknown = self.ledger.charge_unknown();
            self.recoveries += 1;
            let open = self.steps.iter_mut().filter(|step| step.phase == Phase::Open);
            open.for_each(|step| {
                step.interrupted = true;
                step.spend_unknown(&unknown);
            });
        }
        self.session = Some(session);
        self.wait = None;
    }

    fn allotted(&mut self, child: RunId, limits: &crate::budget::Limits) -> Result<(), FoldError> {
        let refused = |e: crate::budget::Exhausted| FoldError::Unknown(format!("the budget: {e}"));
        self.ledger.allot(&child.to_string(), limits).map(drop).map_err(refused)
    }

    fn unwind(&mut self, cause: &Cause) {
        self.ending.get_or_insert_with(|| cause.clone());
        self.unwinding = true;
        self.steps.retain(|step| !matches!(step.phase, Phase::Due));
    }

    fn finish(&mut self, end: &Finished) {
        self.ledger.release_advance();
        self.output = end.output.as_ref().map(|output| self.find_held(output));
        self.finished = Some(end.clone());
    }

    /// An output may have been carried by an earlier row.
    fn find_held(&self, payload: &crate::payload::PayloadRef) -> Held {
        let outputs = self.steps.iter().filter_map(|step| step.output.as_ref());
        let known = outputs.rev().find(|held| held.payload.digest == payload.digest);
        known.cloned().unwrap_or_else(|| self.hold(payload))
    }

    /// Returns a reference to a payload that the entry being folded carries.
    pub(crate) fn hold(&self, payload: &crate::payload::PayloadRef) -> Held {
        Held { at: self.position, payload: payload.clone() }
    }

    fn receive(&mut self, inbox: u64, message: &InboxBody) -> Result<(), FoldError> {
        self.inbox_seen = self.inbox_seen.max(inbox);
        match message {
            InboxBody::Reviewed { review_id, outcome } => {
                self.resolve_review(*review_id, outcome);
            }
            InboxBody::Signalled { name, payload } => self.resolve_signal(name, payload),
            InboxBody::ChildEnded { position, run_id, status, output, failure, spend } => {
                self.ledger.settle_allotment(&run_id.to_string(), spend);
                let output = output.as_ref().map(|output| self.hold(output));
                let resolution =
                    Resolution::Child { status: *status, output, failure: failure.clone() };
                self.resolve(position, resolution);
            }
            InboxBody::TimerFired { key, due } => {
                self.passed = self.passed.max(due.unwrap_or_default());
                self.timer_fired(key);
            }
            InboxBody::ToppedUp { add, .. } => {
                self.ledger.top_up(add);
                let open = self.steps.iter_mut().filter(|step| step.is_open());
                open.for_each(|step| step.topped_up = step.topped_up.and(add));
            }
            InboxBody::CancelRequested { by, reason } => {
                let reason = format!("{by}: {reason}");
                self.ending.get_or_insert(Cause::Cancelled { reason });
            }
            InboxBody::RetryRequested { .. } => self.retry_now(),
            InboxBody::WorkerCame { .. } => {}
        }
        Ok(())
    }
}
