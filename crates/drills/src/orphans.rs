//! Errands that had a killed worker, and when others went on with them.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use crate::{
    crew::Worker,
    errand::STEPS,
    ledger::{Arrival, Word},
};

/// Clocks of two processes are read at two moments: nobody is early by less than this.
const BLUR: Duration = Duration::from_millis(20);

/// When errands of killed workers called again, from the kill, as the ledger saw it. A call that
/// asks what became of another counts as an act: it may be answered wrongly if it comes too early.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Back {
    /// The first of them.
    pub resume_s: f64,
    /// Half of them.
    pub half_resumed_s: f64,
    /// All of them, those in doubt after a person's answer.
    pub all_resumed_s: f64,
    /// The first that called to read; none if none did.
    pub reads_resume_s: Option<f64>,
    /// All whose first call was one to read.
    pub all_reads_resumed_s: Option<f64>,
    /// The first that called to act; none if none did.
    pub acts_resume_s: Option<f64>,
    /// What was left of the killed workers' leases: the least of it.
    pub lease_left_s: f64,
    /// Acts before the first of those leases had passed: what an early takeover must not do, and a proof may.
    pub acts_within_lease: usize,
}

impl Back {
    /// Finds the first calls after the kill that came from others than the killed.
    #[must_use]
    pub fn of(
        arrivals: &[Arrival],
        victims: &[u32],
        killed_at: Duration,
        lease_left: Duration,
        orphans: &[u32],
    ) -> Self {
        let others = |a: &&Arrival| a.at > killed_at && !victims.contains(&a.request.worker);
        let calls: Vec<_> = arrivals.iter().filter(others).collect();
        let mut first = BTreeMap::<u32, &Arrival>::new();
        let mut acts = Vec::new();
        for call in calls.into_iter().filter(|call| orphans.contains(&call.request.errand)) {
            first.entry(call.request.errand).or_insert(call);
            if !reads(call) {
                acts.push(call.at - killed_at);
            }
        }
        let since = |call: &&Arrival| call.at - killed_at;
        let mut back: Vec<_> = first.values().map(since).collect();
        let mut read: Vec<_> = first.values().filter(|call| reads(call)).map(since).collect();
        [&mut back, &mut read, &mut acts].into_iter().for_each(|times| times.sort_unstable());
        let seconds = |at: Option<&Duration>| at.map(Duration::as_secs_f64);
        let needed = |at| seconds(at).unwrap_or(f64::NAN);
        Self {
            resume_s: needed(back.first()),
            half_resumed_s: needed(back.get(back.len() / 2)),
            all_resumed_s: needed(back.last()),
            reads_resume_s: seconds(read.first()),
            all_reads_resumed_s: seconds(read.last()),
            acts_resume_s: seconds(acts.first()),
            lease_left_s: lease_left.as_secs_f64(),
            acts_within_lease: acts.iter().filter(|at| **at + BLUR < lease_left).count(),
        }
    }
}

fn reads(call: &Arrival) -> bool {
    call.request.word == Word::LookUp
}

/// Returns the place of the worker that the most errands are with.
#[must_use]
pub fn busiest(before: &[Arrival], crew: &[Worker]) -> usize {
    let errands = |place: &usize| crew.get(*place).map(|of| orphans(before, &[of.id]).len());
    (0..crew.len()).max_by_key(errands).unwrap_or_default()
}

/// Returns the errands whose last call came from a victim and was not their last step.
#[must_use]
pub fn orphans(before: &[Arrival], victims: &[u32]) -> Vec<u32> {
    let mut last = BTreeMap::new();
    for Arrival { request, .. } in before {
        last.insert(request.errand, (request.worker, request.step));
    }
    let orphaned = |(worker, step): &(u32, u32)| victims.contains(worker) && *step + 1 < STEPS;
    last.into_iter().filter(|(_, at)| orphaned(at)).map(|(errand, _)| errand).collect()
}
