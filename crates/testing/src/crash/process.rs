//! A process that can die: from then on nothing it does reaches the outside.
//!
//! # How a death is played
//!
//! Every store operation and external call of a process goes through a border that asks first
//! whether the process is still alive. When it is not, the call never returns; whoever watches the
//! process takes its tasks down. So nothing a dead process had in mind is carried out, as if the
//! machine had lost its power at that instant.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mainstay_core::{
    effect::EffectPosition,
    id::{RunId, SessionId},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::point::{Point, Strike, Variant};

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

/// What goes wrong in one case, and what its borders saw. All processes of a case share it.
#[derive(Debug, Default)]
pub(crate) struct Fuse {
    strikes: Vec<Strike>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    counts: BTreeMap<String, u32>,
    trail: Vec<(Point, Timing)>,
    struck: Vec<Strike>,
    arrivals: Vec<Arrival>,
}

/// Whether it can be said before a call that it is a crash point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timing {
    /// It always is.
    Known,
    /// Only its answer tells: a round of polling that found nothing is none. Nothing can tell a
    /// crash before such a call from one after the point before it, so there is no `before`.
    Told,
}

impl Fuse {
    pub(crate) fn new(strikes: Vec<Strike>) -> Arc<Self> {
        Arc::new(Self { strikes, seen: Mutex::default() })
    }

    /// Counts a point, and returns what goes wrong at it.
    pub(crate) fn pass(&self, what: &str, timing: Timing) -> Option<Variant> {
        let mut seen = self.lock();
        let count = seen.counts.entry(what.to_owned()).or_default();
        *count += 1;
        let point = Point { what: what.to_owned(), n: *count };
        let strike = self.strikes.iter().find(|strike| strike.point == point).cloned();
        seen.trail.push((point, timing));
        let variant = strike.as_ref().map(|strike| strike.variant);
        seen.struck.extend(strike);
        variant
    }

    pub(crate) fn arrived(&self, arrival: Arrival) {
        self.lock().arrivals.push(arrival);
    }

    /// Returns every point that was passed, in order.
    pub(crate) fn trail(&self) -> Vec<(Point, Timing)> {
        self.lock().trail.clone()
    }

    /// Returns how many points were passed.
    pub(crate) fn passed(&self) -> usize {
        self.lock().trail.len()
    }

    /// Returns what has gone wrong so far.
    pub(crate) fn struck(&self) -> Vec<Strike> {
        self.lock().struck.clone()
    }

    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.lock().arrivals.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets answers of calls out in the order in which the calls went in.
///
/// Calls that are under way together answer in the order of their real durations, which no
/// simulated clock holds: with this, a journal does not depend on them.
#[derive(Debug, Default)]
struct Turnstile {
    inside: Mutex<(u64, BTreeSet<u64>)>,
    moved: Notify,
}

/// A place in the order; given up when dropped.
struct Turn<'t> {
    turnstile: &'t Turnstile,
    number: u64,
}

impl Turnstile {
    fn enter(&self) -> Turn<'_> {
        let mut inside = self.lock();
        inside.0 += 1;
        let number = inside.0;
        inside.1.insert(number);
        Turn { turnstile: self, number }
    }

    fn lock(&self) -> MutexGuard<'_, (u64, BTreeSet<u64>)> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// Returns when every call that went in before has answered or was given up.
    async fn come(&self) {
        loop {
            let moved = self.turnstile.moved.notified();
            if self.turnstile.lock().1.first() == Some(&self.number) {
                return;
            }
            moved.await;
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turnstile.lock().1.remove(&self.number);
        self.turnstile.moved.notify_waiters();
    }
}

/// One life of a process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) fuse: Arc<Fuse>,
    turnstile: Turnstile,
    dead: CancellationToken,
    session: Mutex<Option<SessionId>>,
}

impl Process {
    pub(crate) fn begin(fuse: &Arc<Fuse>) -> Arc<Self> {
        let (turnstile, dead) = (Turnstile::default(), CancellationToken::new());
        Arc::new(Self { fuse: fuse.clone(), turnstile, dead, session: Mutex::default() })
    }

    /// Returns at once in a living process, and never in a dead one.
    pub(crate) async fn breathe(&self) {
        if self.dead.is_cancelled() {
            std::future::pending::<()>().await;
        }
    }

    /// Dies here. Never returns.
    pub(crate) async fn die<T>(&self) -> T {
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

    /// Carries out a call whose being a point is known before it: dies before or after it, or
    /// loses its answer, if that is what goes wrong.
    pub(crate) async fn cross<T, E>(
        &self,
        what: &str,
        call: impl Future<Output = Result<T, E>>,
        lost: impl FnOnce() -> E,
    ) -> Result<T, E> {
        self.breathe().await;
        let variant = self.fuse.pass(what, Timing::Known);
        if variant == Some(Variant::Before) {
            self.die::<()>().await;
        }
        let answer = call.await;
        self.answer(variant, answer, lost).await
    }

    /// As [`Self::cross`], for calls of the world: answers come in the order of the calls.
    pub(crate) async fn call<T, E>(
        &self,
        what: &str,
        call: impl Future<Output = Result<T, E>>,
        lost: impl FnOnce() -> E,
    ) -> Result<T, E> {
        let turn = self.turnstile.enter();
        let answer = self.cross(what, call, lost).await;
        turn.come().await;
        answer
    }

    /// Gives the answer to a call back, unless it goes wrong.
    pub(crate) async fn answer<T, E>(
        &self,
        variant: Option<Variant>,
        answer: Result<T, E>,
        lost: impl FnOnce() -> E,
    ) -> Result<T, E> {
        match variant {
            Some(Variant::After) => self.die().await,
            Some(Variant::AnswerLost) => Err(lost()),
            Some(Variant::Before) | None => {
                self.breathe().await;
                answer
            }
        }
    }
}
