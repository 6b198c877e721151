//! Moves of runs that rest, and the end of weeks.

use std::time::Duration;

use mainstay_core::{
    id::RunId,
    store::{
        operation::{DropWeek, HoldDuty, LendPayloads, Operation, Rehome, Rehoming, WeekRuns},
        week::UPKEEP,
    },
    week::Week,
};

use super::{
    super::super::{Failure, Owner, World},
    Generator,
};

const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl Generator {
    /// Draws something about weeks or moves.
    pub(super) fn week(&mut self, world: &World) -> Result<Operation, Failure> {
        Ok(match self.draw.below(12) {
            0..6 => return self.a_move(world),
            6 => Operation::Hold(HoldDuty {
                duty: UPKEEP.to_owned(),
                holder: self.a_session(world),
                span: Duration::from_secs(self.draw.below(20)),
            }),
            7 => Operation::DropWeek(DropWeek {
                week: self.a_week(world),
                term: if self.draw.one_in(8) { 0 } else { self.term },
                limit: u32::MAX,
            }),
            8 => Operation::Weeks(Week::at(world.now())),
            9 => Operation::MakeWeeks(()),
            10 => self.lend(world),
            _ => Operation::WeekRuns(WeekRuns {
                week: self.a_week(world),
                after: self.draw.one_in(2).then(|| self.a_run(world)),
                limit: self.small(9),
            }),
        })
    }

    /// Returns an id of one of the last weeks: some are dropped, and come again.
    pub(super) fn an_old_id(&mut self, world: &World) -> RunId {
        let mut random = [0; 10];
        random.iter_mut().zip(self.draw.next().to_be_bytes()).for_each(|(to, from)| *to = from);
        let weeks = self.small(60);
        RunId::new(world.now().before(WEEK * weeks), random)
    }

    fn a_week(&mut self, world: &World) -> Week {
        let old = self.draw.one_in(2);
        Week::of(if old { self.an_old_id(world) } else { self.a_run(world) })
    }

    fn a_move(&mut self, world: &World) -> Result<Operation, Failure> {
        let resting: Vec<_> = self.rests.values().cloned().collect();
        let Some((owner, seen)) = self.draw.pick(&resting).cloned() else {
            return Ok(Operation::MakeWeeks(()));
        };
        let seen = if self.draw.one_in(6) { self.draw.below(4) } else { seen };
        let mut wish = world.a_move(&owner, seen)?;
        if self.draw.one_in(20) {
            wish.first.epoch += 1;
        }
        Ok(Operation::Rehome(Box::new(wish)))
    }

    fn lend(&mut self, world: &World) -> Operation {
        let to = self.a_run(world);
        let some = self.draw.pick(&self.payloads).copied();
        let (from, digests) = some.map_or_else(
            || (world.run_id(), Vec::new()),
            |(from, digest, _)| (from, vec![digest, digest]),
        );
        Operation::LendPayloads(LendPayloads { from, to, digests })
    }

    /// One who was refused knows that the run does not rest as it did.
    pub(super) fn learn_move(&mut self, wish: &Rehome, moved: Rehoming) {
        let Some((owner, seen)) = self.rests.remove(&wish.run_id) else { return };
        if moved == Rehoming::Done {
            self.owners.remove(&wish.run_id).into_iter().for_each(|stale| self.stale.push(stale));
            let head = wish.first.own_head();
            let owner = Owner { run_id: wish.to, epoch: wish.epoch + 1, head, ..owner };
            self.rests.insert(wish.to, (owner, seen));
            self.runs.push(wish.to);
        }
    }
}
