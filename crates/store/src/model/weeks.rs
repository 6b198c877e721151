//! Weeks and the runs that outlive them: duties, moves, the end of a week.

use std::collections::BTreeSet;

use mainstay_core::{
    id::RunId,
    journal::JournalRow,
    run::RunStatus,
    store::{
        StoreError,
        operation::{
            DropWeek, DroppedWeek, HoldDuty, LendPayloads, Rehome, Rehoming, Term, WeekRuns,
        },
        week::UPKEEP,
    },
    time::Timestamp,
    week::Week,
};

use super::{Duty, Model, Run};
use crate::{sound, wire};

/// The last week there is room for: nothing here needs it made.
pub(super) const fn made_by(now: Timestamp) -> Week {
    wire::made_by(Week::at(now))
}

impl Model {
    /// Returns the id a run has now.
    pub(super) fn home(&self, run_id: RunId) -> RunId {
        self.aliases.get(&run_id).copied().unwrap_or(run_id)
    }

    /// Returns a journal, also of an id that moved.
    pub(super) fn rows_of(&self, run_id: RunId) -> &[JournalRow] {
        let left = || self.left.get(&run_id).map(|(_, rows)| rows.as_slice());
        let run = self.runs.get(&run_id).map(|run| run.journal.as_slice());
        run.or_else(left).unwrap_or_default()
    }

    /// Returns whose a run is, also under an id that moved.
    pub(super) fn tenant_of(&self, run_id: RunId) -> Option<&str> {
        let left = || self.left.get(&run_id).map(|(tenant, _)| tenant.as_str());
        self.runs.get(&run_id).map(|run| run.row.tenant.as_str()).or_else(left)
    }

    /// Gives a duty to the one who asks, unless another holds it.
    pub(super) fn hold(&mut self, now: Timestamp, wish: &HoldDuty) -> Option<Term> {
        let duty = self.duties.entry(wish.duty.clone());
        let duty = duty.or_insert(Duty { holder: wish.holder, term: 1, until: now });
        if duty.holder != wish.holder {
            if duty.until > now {
                return None;
            }
            duty.term += 1;
            duty.holder = wish.holder;
        }
        duty.until = now.after(wish.span);
        Some(duty.term)
    }

    /// Returns the weeks before one that journals are kept of.
    pub(super) fn weeks(&self, before: Week) -> Vec<Week> {
        let mut weeks: Vec<_> = self.kept().map(Week::of).filter(|week| *week < before).collect();
        weeks.dedup();
        weeks
    }

    /// Returns every id that a journal is kept of, in order.
    pub(super) fn kept(&self) -> impl Iterator<Item = RunId> {
        let all: BTreeSet<_> = self.runs.keys().chain(self.left.keys()).copied().collect();
        all.into_iter()
    }

    /// Returns the runs that journals of a week are kept of.
    pub(super) fn week_runs(&self, request: &WeekRuns) -> Vec<RunId> {
        let wanted = |id: &RunId| {
            Week::of(*id) == request.week && request.after.is_none_or(|after| *id > after)
        };
        self.kept().filter(wanted).take(request.limit as usize).collect()
    }

    /// Copies payloads to the week of another id.
    pub(super) fn lend_payloads(&mut self, wish: &LendPayloads) -> u64 {
        let Some(tenant) = self.tenant_of(wish.from).map(str::to_owned) else { return 0 };
        let (from, to) = (wire::week(wish.from), wire::week(wish.to));
        let mut there = 0;
        for digest in wish.digests.iter().collect::<BTreeSet<_>>() {
            let Some(payload) = self.payloads.get(&(from, tenant.clone(), *digest)) else {
                continue;
            };
            let payload = payload.clone();
            self.payloads.insert((to, tenant.clone(), *digest), payload);
            there += 1;
        }
        there
    }

    /// Moves a parked run to another id.
    pub(super) fn rehome(&mut self, wish: &Rehome) -> Result<Rehoming, StoreError> {
        sound::rehome(wish)?;
        if !self.runs.get(&wish.run_id).is_some_and(|run| rests_as_seen(run, wish)) {
            return Ok(Rehoming::Missed);
        }
        if self.kept().any(|id| id == wish.to) || self.aliases.contains_key(&wish.to) {
            return Ok(Rehoming::Taken);
        }
        self.move_run(wish);
        self.readdress(wish.run_id, wish.to);
        Ok(Rehoming::Done)
    }

    fn move_run(&mut self, wish: &Rehome) {
        for row in &wish.rows {
            self.insert_row(wish.run_id, row);
        }
        let Some(mut run) = self.runs.remove(&wish.run_id) else { return };
        let journal = std::mem::take(&mut run.journal);
        self.left.insert(wish.run_id, (run.row.tenant.clone(), journal));
        run.row.run_id = wish.to;
        run.row.epoch = wish.epoch + 1;
        run.row.checkpoint = 1;
        run.row.crashes = 0;
        run.row.reads_only_until = None;
        self.runs.insert(wish.to, run);
        self.insert_row(wish.to, &wish.first);
    }

    fn readdress(&mut self, from: RunId, to: RunId) {
        self.aliases.values_mut().filter(|home| **home == from).for_each(|home| *home = to);
        self.aliases.insert(from, to);
        self.reviews.values_mut().filter(|r| r.run_id == from).for_each(|r| r.run_id = to);
        let timers = std::mem::take(&mut self.timers);
        let moved = |(of, key): (RunId, String)| (if of == from { to } else { of }, key);
        self.timers = timers.into_iter().map(|(place, due)| (moved(place), due)).collect();
        self.changed.remove(&from);
        self.index.remove(&from);
        self.changed.insert(to);
    }

    /// Drops a week, unless an unfinished run keeps it.
    pub(super) fn drop_week(&mut self, wish: &DropWeek) -> DroppedWeek {
        if self.duties.get(UPKEEP).is_none_or(|duty| duty.term != wish.term) {
            return DroppedWeek::Superseded;
        }
        let of_week = |run_id: &RunId| Week::of(*run_id) == wish.week;
        let runs = self.runs.values().filter(|run| of_week(&run.row.run_id));
        let kept = runs.filter(|run| !run.row.status.is_terminal()).count();
        if kept > 0 {
            return DroppedWeek::Kept(kept as u64);
        }
        if wish.limit == 0 {
            return DroppedWeek::More;
        }
        let aliases = &self.aliases;
        self.keys.retain(|_, (run, _)| !of_week(run) || aliases.contains_key(run));
        self.runs.retain(|run, _| !of_week(run));
        self.left.retain(|run, _| !of_week(run));
        self.index.retain(|run, _| !of_week(run));
        self.changed.retain(|run| !of_week(run));
        self.reviews.retain(|_, review| !of_week(&review.run_id));
        self.payloads.retain(|(week, _, _), _| *week != wish.week.number());
        self.aliases.retain(|_, home| !of_week(home));
        DroppedWeek::Gone
    }
}

fn rests_as_seen(run: &Run, wish: &Rehome) -> bool {
    let end = run.journal.last();
    run.row.status == RunStatus::Parked
        && run.row.epoch == wish.epoch
        && run.row.inbox_head == wish.inbox_seen
        && end.is_some_and(|row| row.position == wish.head.position && row.link == wish.head.link)
}
