//! Parts of commits: most as an owner would write them, some as nobody should.

use std::time::Duration;

use mainstay_core::{
    digest::Digest,
    id::RunId,
    inbox::InboxBody,
    journal::Entry,
    payload::{INLINE_LIMIT, Payload},
    run::RunStatus,
    store::operation::{Append, Operation, OutboxMessage, RowChange},
    wait::{Wait, WaitMode},
};

use super::{
    super::super::{
        Failure, Owner, World,
        owner::{finished_step, for_signal, started_step},
        reviews::request,
        world::lane,
    },
    Generator,
};

/// Returns `len` bytes that depend on `seed`.
pub(super) fn bytes(len: usize, seed: u64) -> Payload {
    let [byte, ..] = seed.to_le_bytes();
    Payload::from_bytes(vec![byte; len])
}

impl Generator {
    /// Draws a commit of one to three parts, each of another run.
    pub(super) fn append(&mut self, world: &World) -> Result<Operation, Failure> {
        if self.draw.one_in(25) {
            // The answer was lost: the same commit again.
            return Ok(Operation::Append(self.last_append.clone()));
        }
        let mut parts: Vec<Append> = Vec::new();
        for _ in 0..=self.draw.below(3) {
            let Some(owner) = self.an_owner() else { continue };
            if parts.iter().all(|part| part.run_id != owner.run_id) {
                parts.push(self.part(world, &owner)?);
            }
        }
        Ok(Operation::Append(parts))
    }

    fn an_owner(&mut self) -> Option<Owner> {
        let stale = self.draw.one_in(12);
        let live: Vec<_> = self.owners.values().cloned().collect();
        let from = if stale { &self.stale } else { &live };
        self.draw.pick(from).cloned()
    }

    fn part(&mut self, world: &World, owner: &Owner) -> Result<Append, Failure> {
        let read = self.read.get(&owner.run_id).copied().unwrap_or_default();
        let seen = if self.draw.one_in(6) { self.draw.below(5) } else { read };
        let mut part = match self.draw.below(20) {
            0..10 => self.step(owner)?,
            10..14 => self.park(world, owner, seen)?,
            14 => self.checkpoint(owner)?,
            15 | 16 => owner.release()?,
            17 => {
                let entries = [finished_step(), Entry::Released];
                owner.part(&entries, RowChange::Move { to: lane("other") })?
            }
            _ => self.finish(owner, seen)?,
        };
        self.decorate(world, &mut part)?;
        self.spoil(&mut part);
        Ok(part)
    }

    fn step(&mut self, owner: &Owner) -> Result<Append, Failure> {
        let sizes = [1, 40, INLINE_LIMIT, INLINE_LIMIT + 1, 20_000];
        let size = self.draw.pick(&sizes).copied().unwrap_or(1);
        let payload = bytes(size, self.draw.next());
        match self.draw.below(3) {
            0 => owner.part(&[started_step()], RowChange::Keep),
            1 => owner.part(&[started_step(), finished_step()], RowChange::Keep),
            _ => owner.step_with(&payload),
        }
    }

    fn checkpoint(&mut self, owner: &Owner) -> Result<Append, Failure> {
        let fold = bytes(30, self.draw.next());
        let entry = Entry::Checkpoint { fold: fold.reference(Default::default()) };
        owner.part(&[entry], RowChange::Checkpoint(owner.head.position + 1))
    }

    fn park(&mut self, world: &World, owner: &Owner, seen: u64) -> Result<Append, Failure> {
        let mode = if self.draw.one_in(3) { WaitMode::All } else { WaitMode::Any };
        let mut waits = vec![for_signal()];
        match self.draw.below(4) {
            0 => waits.push(Wait::Child { run_id: self.a_run(world) }),
            1 => waits = vec![Wait::Timer { due: world.now() }],
            2 => waits.push(Wait::Quarantine { crashes: 5 }),
            _ => {}
        }
        owner.park(seen, mode, waits)
    }

    fn finish(&mut self, owner: &Owner, seen: u64) -> Result<Append, Failure> {
        let ends =
            [RunStatus::Completed, RunStatus::Failed, RunStatus::Cancelled, RunStatus::Partial];
        let status = self.draw.pick(&ends).copied().unwrap_or(RunStatus::Completed);
        let mut part = owner.finish(seen)?;
        part.change = RowChange::Finish { inbox_seen: seen, status };
        Ok(part)
    }

    /// Adds timers, reviews and messages to others.
    fn decorate(&mut self, world: &World, part: &mut Append) -> Result<(), Failure> {
        let key = |n: u64| format!("t{n}");
        if self.draw.one_in(4) {
            let due = world.now().after(Duration::from_millis(self.draw.below(9_000)));
            part.timers.push((key(self.draw.below(3)), due));
        }
        if self.draw.one_in(8) {
            part.timers_off.push(key(self.draw.below(3)));
        }
        if self.draw.one_in(6) {
            part.reviews.push(request(world)?);
        }
        if self.draw.one_in(12) {
            part.reviews_off.extend(self.draw.pick(&self.reviews).map(|r| r.review_id));
        }
        if self.draw.one_in(5) {
            let to = self.a_run(world);
            part.outbox.push(self.message(to));
        }
        Ok(())
    }

    fn message(&mut self, run_id: RunId) -> OutboxMessage {
        OutboxMessage::Tell {
            run_id,
            key: format!("k{}", self.draw.below(5)),
            body: Box::new(InboxBody::TimerFired { key: "x".to_owned(), due: None }),
            payloads: vec!["{}".to_owned()],
        }
    }

    /// Makes one part in a dozen one that must be refused.
    fn spoil(&mut self, part: &mut Append) {
        match self.draw.below(60) {
            0 => part.head.link = Digest::ZERO,
            1 => part.head.position += 1,
            2 => part.timers.push(("zero\0".to_owned(), Default::default())),
            3 => part.rows_mut().clear(),
            4 => part.change = RowChange::Keep,
            _ => {}
        }
    }
}
