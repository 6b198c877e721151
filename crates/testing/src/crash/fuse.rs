//! What goes wrong in one case, and what its borders saw.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use mainstay_store::conformance::Draw;

use super::{
    Arrival,
    point::{Point, Strike, Variant},
};
use crate::schedule::{Fault, Schedule};

/// What is to go wrong.
#[derive(Debug, Clone)]
pub(crate) enum Plan {
    /// These, each at its point; time stands still but where the case moves it.
    Strikes(Vec<Strike>),
    /// What was drawn; time passes.
    Schedule(Schedule),
}

/// What can be said of a point, and done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Manner {
    /// Whether it can be said before the call that it is a point. Of a round of polling only the
    /// answer tells: one that found nothing is none. Nothing can tell a crash before such a call
    /// from one after the point before it.
    pub(crate) known: bool,
    /// Whether the receiver promises that a second delivery changes nothing.
    pub(crate) repeatable: bool,
    /// Whether an error is for the caller's retries to bear.
    pub(crate) bears: bool,
}

impl Manner {
    /// Whether this can go wrong here.
    pub(crate) const fn allows(self, variant: Variant) -> bool {
        match variant {
            Variant::Before | Variant::Refused => self.known,
            Variant::Repeated => self.known && self.repeatable,
            Variant::After | Variant::AnswerLost => true,
        }
    }
}

/// What a call meets at the border.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Passing {
    /// What goes wrong.
    pub(crate) fault: Option<Fault>,
    /// How long the request is on its way.
    pub(crate) request: Duration,
    /// How long the answer is.
    pub(crate) answer: Duration,
}

impl Passing {
    pub(crate) const fn variant(&self) -> Option<Variant> {
        match self.fault {
            Some(Fault::Strike(variant)) => Some(variant),
            _ => None,
        }
    }
}

/// A plan and what has come of it. All processes of a case share it.
#[derive(Debug)]
pub(crate) struct Fuse {
    plan: Plan,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    counts: BTreeMap<String, u32>,
    trail: Vec<(Point, Manner)>,
    struck: Vec<(Point, Fault)>,
    /// What has failed before its caller's eyes: a second time might use its retries up.
    failed: BTreeSet<String>,
    arrivals: Vec<Arrival>,
    draw: Draw,
}

impl Fuse {
    pub(crate) fn new(plan: Plan) -> Arc<Self> {
        let draw = match &plan {
            Plan::Strikes(_) => Draw::new(0),
            Plan::Schedule(schedule) => schedule.latencies(),
        };
        let seen = Mutex::new(Seen {
            counts: BTreeMap::new(),
            trail: Vec::new(),
            struck: Vec::new(),
            failed: BTreeSet::new(),
            arrivals: Vec::new(),
            draw,
        });
        Arc::new(Self { plan, seen })
    }

    /// Returns the schedule that is played, if it is one.
    pub(crate) const fn schedule(&self) -> Option<&Schedule> {
        match &self.plan {
            Plan::Strikes(_) => None,
            Plan::Schedule(schedule) => Some(schedule),
        }
    }

    /// Counts a point, and returns what its call meets.
    pub(crate) fn pass(&self, what: &str, manner: Manner) -> Passing {
        let mut seen = self.lock();
        let count = seen.counts.entry(what.to_owned()).or_default();
        *count += 1;
        let point = Point { what: what.to_owned(), n: *count };
        let number = seen.trail.len() + 1;
        let fault = self.drawn(&mut seen, &point, number, manner);
        seen.trail.push((point.clone(), manner));
        seen.struck.extend(fault.map(|fault| (point, fault)));
        drop(seen);
        Passing { fault, ..self.linger() }
    }

    fn drawn(&self, seen: &mut Seen, point: &Point, n: usize, manner: Manner) -> Option<Fault> {
        let schedule = match &self.plan {
            Plan::Strikes(strikes) => {
                let strike = strikes.iter().find(|strike| strike.point == *point)?;
                return Some(Fault::Strike(strike.variant));
            }
            Plan::Schedule(schedule) => schedule,
        };
        let fault = schedule.fault(n)?.fitting(manner)?;
        let once = fault.is_seen_by_the_caller() && manner.bears;
        (!once || seen.failed.insert(point.what.clone())).then_some(fault)
    }

    /// Returns how long a call takes at which nothing goes wrong.
    pub(crate) fn linger(&self) -> Passing {
        let Plan::Schedule(schedule) = &self.plan else { return Passing::default() };
        let mut seen = self.lock();
        let (request, answer) = (schedule.span(&mut seen.draw), schedule.span(&mut seen.draw));
        Passing { fault: None, request, answer }
    }

    pub(crate) fn arrived(&self, arrival: Arrival) {
        self.lock().arrivals.push(arrival);
    }

    /// Returns every point that was passed, in order.
    pub(crate) fn trail(&self) -> Vec<(Point, Manner)> {
        self.lock().trail.clone()
    }

    /// Returns how many points were passed.
    pub(crate) fn passed(&self) -> usize {
        self.lock().trail.len()
    }

    /// Returns what has gone wrong so far, and where.
    pub(crate) fn struck(&self) -> Vec<(Point, Fault)> {
        self.lock().struck.clone()
    }

    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.lock().arrivals.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
