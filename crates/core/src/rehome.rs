//! A run that waits for long moves to the present: its old week can be dropped, it goes on.
//!
//! Its old journal ends with [`Entry::Moved`](crate::journal::Entry::Moved), the new one begins
//! with [`Entry::Rehomed`](crate::journal::Entry::Rehomed), which carries the fold and everything it
//! reaches. What the run is stays as it was: the root of its keys, its waits, its place under its
//! parent. Only the id is new, because the id is the week.

use crate::{
    digest::NotCanonical,
    fold::{Projection, steps::StepRun},
    id::{RunId, SessionId},
    journal::{Entry, Epoch, Head, JournalRow, Position},
    payload::{INLINE_LIMIT, PayloadRef},
    time::Timestamp,
};

/// A payload that a fold reaches, and the row whose bytes it stands in if it is small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// The reference.
    pub payload: PayloadRef,
    /// The row.
    pub at: Position,
}

impl Reached {
    /// Returns whether it is stored apart from the row, under the run's week.
    #[must_use]
    pub const fn is_apart(&self) -> bool {
        self.payload.len as usize > INLINE_LIMIT
    }
}

impl Projection {
    /// Returns the id the run was started under: what others know it by.
    #[must_use]
    pub fn born_as(&self) -> RunId {
        self.born.unwrap_or(self.run_id)
    }

    /// Returns every payload the fold reaches: values, and the arguments a person may have to see.
    #[must_use]
    pub fn reached(&mut self) -> Vec<Reached> {
        let effects = self.steps.iter().flat_map(|step| &step.effects);
        let arguments = effects.filter_map(|effect| {
            let payload = effect.arguments.clone()?;
            Some(Reached { payload, at: effect.asked_at })
        });
        let mut reached: Vec<_> = arguments.collect();
        let held = self.held_mut().into_iter();
        reached.extend(held.map(|held| Reached { payload: held.payload.clone(), at: held.at }));
        reached
    }

    /// Lets the fold stand on its own, as the first entry of a journal: no place of another journal
    /// is left in it, and what stood in an order keeps it.
    pub fn stand_alone(&mut self) {
        self.rank_effects();
        self.steps.iter_mut().for_each(StepRun::carry_order);
        self.held_mut().into_iter().for_each(|held| held.at = 1);
        self.position = 1;
    }

    /// A signal goes to the wait that was opened first, in whichever step that is.
    fn rank_effects(&mut self) {
        let mut all: Vec<_> = self.steps.iter_mut().flat_map(|step| &mut step.effects).collect();
        all.sort_by_key(|effect| (effect.asked_at, effect.rank));
        for (effect, rank) in all.into_iter().zip(0..) {
            effect.rank = rank;
            if let Some(intent) = &mut effect.intent {
                intent.at = 1;
            }
        }
    }

    /// Begins a journal with what its first entry carries.
    #[must_use]
    pub fn rehomed(mut self, run_id: RunId, at: Timestamp) -> Self {
        self.born = Some(self.born_as());
        self.run_id = run_id;
        (self.at, self.position) = (at, 1);
        self
    }
}

/// Returns the rows that end an old journal: a claim, and that the run goes on as `to`, whose first
/// row is `first`.
///
/// # Errors
/// An entry cannot be written as canonical JSON.
pub fn last_rows(
    (run_id, head, epoch): (RunId, Head, Epoch),
    (session, nonce): (SessionId, [u8; 16]),
    at: Timestamp,
    (to, first): (RunId, &JournalRow),
) -> Result<[JournalRow; 2], NotCanonical> {
    let claimed = JournalRow::claimed(session, nonce, head.position + 1, epoch + 1, at)?;
    let moved = Entry::Moved { to, head: first.link };
    let head = claimed.head(run_id, head);
    let moved = JournalRow::after(head, run_id, epoch + 1, at, &moved, Vec::new())?;
    Ok([claimed, moved])
}
