//! A process that can die: from then on nothing it does reaches the outside.
//!
//! # How a death is played
//!
//! Every store operation and external call of a process goes through a border that asks first
//! whether the process is still alive. When it is not, the call never returns; whoever watches the
//! process takes its tasks down. So nothing a dead process had in mind is carried out, as if the
//! machine had lost its power at that instant.
//!
//! A process that is halted (its machine is suspended, its scheduler starves it) learns nothing
//! until it goes on: answers and timers reach it late. What it sent before is on its way.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use mainstay_core::{
    effect::EffectPosition,
    id::{RunId, SessionId},
    port::Clock,
    time::Timestamp,
};
use tokio_util::sync::CancellationToken;

use super::{
    fuse::{Fuse, Manner, Passing},
    point::Variant,
    turnstile::Turnstile,
};
use crate::{clock::SimulatedClock, schedule::Fault};

/// A call of a tool that reached the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The run.
    pub run_id: RunId,
    /// Where in the run.
    pub position: EffectPosition,
    /// The tool.
    pub tool: String,
    /// The key it carried.
    pub key: String,
    /// The digest of its arguments.
    pub arguments: mainstay_core::digest::Digest,
    /// Whether an intent for it was durable when it arrived.
    pub announced: bool,
}

/// What a caller is told when something goes wrong.
pub(crate) struct Upsets<E> {
    /// It may have happened.
    pub(crate) lost: E,
    /// It did not happen.
    pub(crate) refused: E,
}

/// One life of a process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) fuse: Arc<Fuse>,
    clock: Arc<SimulatedClock>,
    turnstile: Turnstile,
    dead: CancellationToken,
    session: Mutex<Option<SessionId>>,
    /// Until when it is halted, in microseconds.
    halted: AtomicI64,
    /// Until when its rounds of polling find nothing, in microseconds.
    deaf: AtomicI64,
    /// How far its wall clock is off, in microseconds.
    off: AtomicI64,
}

impl Process {
    pub(crate) fn begin(fuse: &Arc<Fuse>, clock: &Arc<SimulatedClock>) -> Arc<Self> {
        Arc::new(Self {
            fuse: fuse.clone(),
            clock: clock.clone(),
            turnstile: Turnstile::default(),
            dead: CancellationToken::new(),
            session: Mutex::default(),
            halted: AtomicI64::new(0),
            deaf: AtomicI64::new(0),
            off: AtomicI64::new(0),
        })
    }

    /// Returns at once in a living process, and never in a dead one.
    pub(crate) async fn breathe(&self) {
        if self.dead.is_cancelled() {
            std::future::pending::<()>().await;
        }
    }

    /// Dies here. Never returns.
    async fn die<T>(&self) -> T {
        self.dead.cancel();
        std::future::pending().await
    }

    /// Returns when the process is dead.
    pub(crate) async fn death(&self) {
        self.dead.cancelled().await;
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.is_cancelled()
    }

    /// Returns the last session it opened.
    pub(crate) fn session(&self) -> Option<SessionId> {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn opened(&self, session: SessionId) {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
    }

    /// Whether its rounds of polling find nothing just now.
    pub(crate) fn is_deaf(&self) -> bool {
        self.clock.now().micros() < self.deaf.load(Ordering::Acquire)
    }

    /// Returns when it really is what this process takes for `time`: the tools of a process share
    /// its clock, those of a test have the true one.
    pub(crate) fn in_truth(&self, time: Timestamp) -> Timestamp {
        Timestamp::from_micros(time.micros().saturating_sub(self.off.load(Ordering::Acquire)))
    }

    /// Returns when it is not halted: nothing reaches a process before.
    async fn go_on(&self) {
        loop {
            let left = self.halted.load(Ordering::Acquire) - self.clock.now().micros();
            let Ok(left @ 1..) = u64::try_from(left) else { return };
            tokio::time::sleep(Duration::from_micros(left)).await;
        }
    }

    /// Carries out a call whose being a point is known before it, with whatever goes wrong at it.
    pub(crate) async fn cross<T, E, F: Future<Output = Result<T, E>>>(
        &self,
        (what, manner): (&str, Manner),
        call: impl Fn() -> F,
        upsets: Upsets<E>,
    ) -> Result<T, E> {
        self.breathe().await;
        let passing = self.fuse.pass(what, manner);
        if passing.variant() == Some(Variant::Before) {
            self.die::<()>().await;
        }
        self.send(&passing).await;
        if passing.variant() == Some(Variant::Refused) {
            self.arrive(&passing).await;
            return Err(upsets.refused);
        }
        let answer = call().await;
        if passing.variant() == Some(Variant::Repeated) {
            drop(call().await);
        }
        self.answer(&passing, answer, upsets.lost).await
    }

    /// As [`Self::cross`], for calls of the world: answers come in the order of the calls.
    pub(crate) async fn call<T, E, F: Future<Output = Result<T, E>>>(
        &self,
        point: (&str, Manner),
        call: impl Fn() -> F,
        upsets: Upsets<E>,
    ) -> Result<T, E> {
        let turn = self.turnstile.enter();
        let answer = self.cross(point, call, upsets).await;
        turn.come().await;
        answer
    }

    /// Lets a request go on its way.
    pub(crate) async fn send(&self, passing: &Passing) {
        let now = self.clock.now();
        match passing.fault {
            Some(Fault::Halt(span)) => {
                self.halted.store(now.after(span).micros(), Ordering::Release);
            }
            Some(Fault::Deaf(span)) => {
                self.deaf.store(now.after(span).micros(), Ordering::Release);
            }
            Some(Fault::WallClock(micros)) => self.off.store(micros, Ordering::Release),
            Some(Fault::Leap(span)) => self.clock.advance(span),
            Some(Fault::Strike(_) | Fault::SlowRequest(_) | Fault::SlowAnswer(_)) | None => {}
        }
        let more = match passing.fault {
            Some(Fault::SlowRequest(span)) => span,
            _ => Duration::ZERO,
        };
        pause(passing.request + more).await;
    }

    /// Lets an answer arrive.
    async fn arrive(&self, passing: &Passing) {
        let more = match passing.fault {
            Some(Fault::SlowAnswer(span)) => span,
            _ => Duration::ZERO,
        };
        pause(passing.answer + more).await;
        self.go_on().await;
        self.breathe().await;
    }

    /// Gives the answer to a call back, unless it goes wrong.
    pub(crate) async fn answer<T, E>(
        &self,
        passing: &Passing,
        answer: Result<T, E>,
        lost: E,
    ) -> Result<T, E> {
        if passing.variant() == Some(Variant::After) {
            return self.die().await;
        }
        self.arrive(passing).await;
        if passing.variant() == Some(Variant::AnswerLost) { Err(lost) } else { answer }
    }
}

/// Lets time pass, where it does.
async fn pause(span: Duration) {
    if !span.is_zero() {
        tokio::time::sleep(span).await;
    }
}

/// The clock as one process sees it: its wall clock may be off, and it hears of no time while it is
/// halted.
#[async_trait]
impl Clock for Process {
    fn now(&self) -> Timestamp {
        let off = self.off.load(Ordering::Acquire);
        Timestamp::from_micros(self.clock.now().micros().saturating_add(off))
    }

    fn boot(&self) -> Duration {
        self.clock.boot()
    }

    async fn sleep(&self, span: Duration) {
        self.clock.sleep(span).await;
        self.go_on().await;
        self.breathe().await;
    }
}
