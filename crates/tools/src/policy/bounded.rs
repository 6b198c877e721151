//! A policy that answers in time or has no ruling, whatever the one behind it does.
//!
//! Questions are judged on threads of their own. Whoever asks waits so long and no longer; a judge
//! that is still at it is left to itself and another takes its place. Questions do not queue behind
//! each other, so one that takes long costs nobody else their ruling.

use std::{
    cell::RefCell,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{self, RecvTimeoutError, SyncSender},
    },
    thread,
    time::Duration,
};

use mainstay_core::{
    budget::Limits,
    digest::Digest,
    label::Label,
    policy::{Asker, PlanSlot, Policy, PolicyFault, Question, Ruling},
    tool::ToolSpec,
};
use serde_json::Value;

use super::condition::panicked;

/// At most so many judges there are, those that are left to themselves included.
const MOST_JUDGES: usize = 64;

/// A condition may nest; the memory is not used before it is needed.
pub(super) const STACK: usize = 16 << 20;

thread_local! {
    /// Whether nobody waits for what this thread is at.
    static GIVEN_UP: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
}

/// Returns whether whoever asked this thread has stopped waiting; false on any other thread.
pub(super) fn nobody_waits() -> bool {
    GIVEN_UP.with_borrow(|flag| flag.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed)))
}

type Work = Box<dyn FnOnce() + Send>;

/// A policy behind a limit of time.
pub struct Bounded {
    policy: Arc<dyn Policy>,
    limit: Duration,
    idle: Mutex<Vec<SyncSender<Work>>>,
    judges: Arc<AtomicUsize>,
}

impl Bounded {
    /// Puts a policy behind a limit.
    #[must_use]
    pub fn new(policy: Arc<dyn Policy>, limit: Duration) -> Self {
        Self { policy, limit, idle: Mutex::default(), judges: Arc::default() }
    }

    /// Returns how many judges there are, those that are left to themselves included.
    #[must_use]
    pub fn judges(&self) -> usize {
        self.judges.load(Ordering::Relaxed)
    }

    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Policy) -> Result<T, PolicyFault> + Send + 'static,
    ) -> Result<T, PolicyFault> {
        let (policy, given_up) = (Arc::clone(&self.policy), Arc::new(AtomicBool::new(false)));
        let (tell, told) = mpsc::sync_channel(1);
        let flag = Arc::clone(&given_up);
        let judge = self.judge_at_rest()?;
        let job: Work = Box::new(move || {
            GIVEN_UP.set(Some(flag));
            let done = catch_unwind(AssertUnwindSafe(|| work(&*policy)));
            let done = done.unwrap_or_else(|panic| Err(PolicyFault(panicked(&*panic))));
            // Nobody may be waiting any more.
            let _ = tell.send(done);
        });
        judge.send(job).map_err(|_| PolicyFault("the judge is gone".to_owned()))?;
        match told.recv_timeout(self.limit) {
            Ok(done) => {
                self.idle().push(judge);
                done
            }
            Err(RecvTimeoutError::Timeout) => {
                given_up.store(true, Ordering::Relaxed);
                Err(PolicyFault(format!("no ruling within {:?}", self.limit)))
            }
            Err(RecvTimeoutError::Disconnected) => Err(PolicyFault("the judge is gone".to_owned())),
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SyncSender<Work>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn judge_at_rest(&self) -> Result<SyncSender<Work>, PolicyFault> {
        if let Some(judge) = self.idle().pop() {
            return Ok(judge);
        }
        let taken = self.judges.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |judges| {
            (judges < MOST_JUDGES).then_some(judges + 1)
        });
        taken.map_err(|_| {
            PolicyFault("every judge is busy with a question that hangs".to_owned())
        })?;
        let place = Place(Arc::clone(&self.judges));
        let (send, work) = mpsc::sync_channel::<Work>(1);
        let judge = thread::Builder::new().name("policy".to_owned()).stack_size(STACK);
        let started = judge.spawn(move || {
            let _place = place;
            for job in work {
                job();
            }
        });
        started.map_err(|error| PolicyFault(format!("no judge could be started: {error}")))?;
        Ok(send)
    }
}

/// A judge's place, free again when it ends.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Policy for Bounded {
    fn bundle(&self) -> Digest {
        self.policy.bundle()
    }

    fn judge(&self, question: &Question<'_>) -> Result<Ruling, PolicyFault> {
        let asked = Asked::of(question);
        self.ask(move |policy| policy.judge(&asked.question()))
    }

    fn holds(&self, condition: &str, question: &Question<'_>) -> Result<bool, PolicyFault> {
        let (asked, condition) = (Asked::of(question), condition.to_owned());
        self.ask(move |policy| policy.holds(&condition, &asked.question()))
    }

    fn sound(&self, condition: &str) -> Result<(), PolicyFault> {
        let condition = condition.to_owned();
        self.ask(move |policy| policy.sound(&condition))
    }
}

impl fmt::Debug for Bounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bounded").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// A question that may outlive whoever asked it.
struct Asked {
    tenant: String,
    flow: String,
    step: String,
    agent: Option<String>,
    tool: ToolSpec,
    arguments: Value,
    label: Label,
    left: Limits,
    slot: Option<PlanSlot>,
}

impl Asked {
    fn of(question: &Question<'_>) -> Self {
        let asker = &question.asker;
        Self {
            tenant: asker.tenant.to_owned(),
            flow: asker.flow.to_owned(),
            step: asker.step.to_owned(),
            agent: asker.agent.map(str::to_owned),
            tool: question.tool.clone(),
            arguments: question.arguments.clone(),
            label: question.label.clone(),
            left: *question.left,
            slot: question.slot.cloned(),
        }
    }

    fn question(&self) -> Question<'_> {
        Question {
            asker: Asker {
                tenant: &self.tenant,
                flow: &self.flow,
                step: &self.step,
                agent: self.agent.as_deref(),
            },
            tool: &self.tool,
            arguments: &self.arguments,
            label: &self.label,
            left: &self.left,
            slot: self.slot.as_ref(),
        }
    }
}
