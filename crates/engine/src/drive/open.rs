//! A StepRun that is being polled: its future, its cell, and what it waits for besides effects.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use mainstay_core::{
    code::Code,
    effect::EffectPosition,
    failure::{Failure, StepError},
    wait::Wait,
};
use tokio::sync::Notify;

use crate::{context::SharedCell, program::StepDone};

/// The engine's own waker: it tells the driver, and its count tells who else holds one.
pub(super) struct StepWaker {
    woken: AtomicBool,
    driver: Arc<Notify>,
}

impl Wake for StepWaker {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.driver.notify_one();
    }
}

type StepFuture = BoxFuture<'static, Result<StepDone, StepError>>;

pub(super) struct OpenStep {
    pub(super) cell: SharedCell,
    future: Option<StepFuture>,
    waker: Arc<StepWaker>,
    pub(super) result: Option<Result<StepDone, Failure>>,
    /// Effects the code has asked for.
    pub(super) asked: BTreeSet<EffectPosition>,
    /// How many outcomes were made visible.
    pub(super) seen: usize,
    /// What it waits for that no effect stands for: a larger budget, a time to reconcile.
    pub(super) held_by: Vec<(EffectPosition, Wait)>,
    /// When this attempt must be over, on the boot clock.
    pub(super) deadline: Option<Duration>,
}

impl OpenStep {
    pub(super) fn new(
        cell: SharedCell,
        future: StepFuture,
        driver: Arc<Notify>,
        deadline: Option<Duration>,
    ) -> Self {
        Self {
            cell,
            future: Some(future),
            waker: Arc::new(StepWaker { woken: AtomicBool::new(true), driver }),
            result: None,
            asked: BTreeSet::new(),
            seen: 0,
            held_by: Vec::new(),
            deadline,
        }
    }

    /// Polls the step if anything woke it. Returns whether it was polled.
    pub(super) fn poll(&mut self) -> bool {
        if !self.waker.woken.swap(false, Ordering::AcqRel) {
            return false;
        }
        let Some(future) = &mut self.future else { return false };
        let waker = Waker::from(self.waker.clone());
        let mut cx = Context::from_waker(&waker);
        let polled = std::panic::AssertUnwindSafe(|| future.poll_unpin(&mut cx));
        let result = match std::panic::catch_unwind(polled) {
            Ok(Poll::Pending) => None,
            Ok(Poll::Ready(result)) => Some(result.map_err(StepError::into_failure)),
            Err(panic) => Some(Err(panicked(panic.as_ref()))),
        };
        if let Some(result) = result {
            self.end_with(result);
        }
        true
    }

    /// Ends the step with a result of its own or of the engine's; its future is dropped.
    pub(super) fn end_with(&mut self, result: Result<StepDone, Failure>) {
        self.result.get_or_insert(result);
        self.future = None;
    }

    /// Polls it no more: what it would do next cannot be trusted.
    pub(super) fn freeze(&mut self) {
        self.future = None;
    }

    /// Returns whether its code will see nothing any more: it has a result, or it is frozen.
    pub(super) fn is_over(&self) -> bool {
        self.future.is_none()
    }

    /// Polls it again at the next turn.
    pub(super) fn wake(&self) {
        self.waker.woken.store(true, Ordering::Release);
    }

    /// Returns whether nothing but effects can wake it: somebody else's waker, such as a timer's
    /// of the runtime, would keep it from being dropped.
    pub(super) fn waits_for_effects_only(&self) -> bool {
        let own = Waker::from(self.waker.clone());
        let effects = self.cell.lock().own_wakers(&own);
        // Ours, the one just made, and those the effects hold.
        Arc::strong_count(&self.waker) <= 2 + effects
    }
}

/// Returns the failure that a panic is.
pub(super) fn panicked(panic: &(dyn std::any::Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    let text = text.unwrap_or_else(|| "without a message".to_owned());
    Failure::permanent(Code::StepPanicked, format!("panicked: {text}"))
}
