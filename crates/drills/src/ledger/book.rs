//! What the ledger has written, and what follows from it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use mainstay_core::time::Timestamp;

use super::{Answer, Request, Word};

/// What became of a call that reached the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It changed nothing.
    Read,
    /// It acted.
    Acted,
    /// It was known by its key, and did not act again.
    Recognised,
    /// It came after its deadline, and did not act.
    TooLate,
}

/// A call that reached the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// When, on the boot clock.
    pub at: Duration,
    /// What came.
    pub request: Request,
    /// What became of it.
    pub fate: Fate,
}

/// Every call in the order in which it was done.
#[derive(Debug, Default)]
pub struct Book {
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    arrivals: Vec<Arrival>,
    /// The line in which each key acted first.
    acted: HashMap<String, usize>,
}

impl Book {
    /// Does what is asked, and writes it down.
    pub fn write(&self, request: &Request, at: Duration, now: Timestamp) -> Answer {
        let mut pages = self.lock();
        let (before, next) = (pages.acted.get(&request.key).copied(), pages.arrivals.len());
        let (fate, line) = match (request.word, before) {
            _ if request.deadline < now.micros() => (Fate::TooLate, None),
            (Word::LookUp, _) => (Fate::Read, Some(next)),
            (Word::Keyed, Some(before)) => (Fate::Recognised, Some(before)),
            (Word::Find, before) => (Fate::Read, before),
            (Word::Keyed, None) | (Word::Act, _) => (Fate::Acted, Some(next)),
        };
        if fate == Fate::Acted {
            pages.acted.entry(request.key.clone()).or_insert(next);
        }
        pages.arrivals.push(Arrival { at, request: request.clone(), fate });
        match (line, fate) {
            (Some(line), _) => Answer::Done { line: line as u64 },
            (None, Fate::TooLate) => Answer::TooLate,
            (None, Fate::Read | Fate::Acted | Fate::Recognised) => Answer::Absent,
        }
    }

    /// Returns how many calls have come.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().arrivals.len()
    }

    /// Returns whether none has come.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().arrivals.is_empty()
    }

    /// Returns every call.
    #[must_use]
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.lock().arrivals.clone()
    }

    /// Returns the line in which a key acted.
    #[must_use]
    pub fn line_of(&self, key: &str) -> Option<u64> {
        self.lock().acted.get(key).map(|line| *line as u64)
    }

    /// Returns how often each step of each errand was done: acted, or for a read, was answered.
    #[must_use]
    pub fn done(&self) -> BTreeMap<(u32, u32), Done> {
        let mut done: BTreeMap<_, Done> = BTreeMap::new();
        for Arrival { request, fate, .. } in &self.lock().arrivals {
            let of = done.entry((request.errand, request.step)).or_default();
            match (fate, request.word) {
                (Fate::Acted, _) => of.acted += 1,
                (Fate::Read, Word::LookUp) => of.read += 1,
                (Fate::Read, _) | (Fate::Recognised | Fate::TooLate, _) => {}
            }
        }
        done
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often one step of one errand was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// Times it acted.
    pub acted: u32,
    /// Times it was read.
    pub read: u32,
}
