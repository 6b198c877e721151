//! Faults in what the model is asked.

use mainstay_core::{
    digest::Digest,
    flow::FlowVersion,
    payload::INLINE_LIMIT,
    store::{
        StoreError,
        operation::{
            Append, ClaimRequest, Death, DecideReview, JournalRequest, LendPayloads, NewRun,
            Operation, RowChange,
        },
        row::ReviewFilter,
    },
    wait::WaitMode,
};

use super::{Fault, Faulty};

impl Faulty {
    /// Changes what the model is asked.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a fault concerns few operations")]
    pub(super) async fn ask(&self, operation: Operation) -> Result<Operation, StoreError> {
        Ok(match operation {
            Operation::Append(mut parts) => {
                for part in &mut parts {
                    self.spoil(part).await?;
                }
                Operation::Append(parts)
            }
            Operation::Claim(wish) if self.fault == Fault::AnyLane => {
                Operation::Claim(in_more_lanes(wish))
            }
            Operation::Claim(wish) if self.fault == Fault::AnyRun => {
                Operation::Claim(ClaimRequest { only: None, ..wish })
            }
            Operation::Deliver(mut message) if self.fault == Fault::NoDeduplication => {
                let mut sent = self.sent.lock().unwrap();
                *sent += 1;
                message.key.push_str(&sent.to_string());
                Operation::Deliver(message)
            }
            Operation::TakeOver(mut takeover) => {
                if self.fault == Fault::EagerTakeOver {
                    self.inner.revoke(takeover.session).await?;
                }
                if self.fault == Fault::PresumesProof {
                    takeover.death = Death::Proved;
                }
                Operation::TakeOver(takeover)
            }
            Operation::CreateRun(run) => Operation::CreateRun(Box::new(self.start(*run))),
            Operation::FireTimers(mut fire) if self.fault == Fault::SilentTimers => {
                fire.limit = 0;
                Operation::FireTimers(fire)
            }
            Operation::Decide(decision) if self.fault == Fault::AnySubject => {
                Operation::Decide(self.as_shown(decision).await?)
            }
            Operation::Rehome(mut wish) if self.fault == Fault::BlindMove => {
                let row = self.inner.run(wish.run_id).await?;
                wish.inbox_seen = row.map_or(0, |row| row.inbox_head);
                Operation::Rehome(wish)
            }
            Operation::LendPayloads(wish) if self.fault == Fault::LendsNothing => {
                Operation::LendPayloads(LendPayloads { digests: Vec::new(), ..wish })
            }
            operation => operation,
        })
    }

    async fn spoil(&self, part: &mut Append) -> Result<(), StoreError> {
        match (self.fault, &mut part.change) {
            (Fault::NoFence, _) => self.move_to_the_end(part).await?,
            (
                Fault::BlindPark,
                RowChange::Park { inbox_seen, .. } | RowChange::Finish { inbox_seen, .. },
            ) => {
                *inbox_seen = self.inner.run(part.run_id).await?.map_or(0, |row| row.inbox_head);
            }
            (Fault::WakesEarly, RowChange::Park { wait, .. }) => wait.mode = WaitMode::Any,
            (Fault::NoCheckpoint, RowChange::Checkpoint(_)) => part.change = RowChange::Keep,
            (Fault::CutPayloads, _) => {
                for row in part.rows_mut() {
                    row.payloads.retain(|payload| payload.bytes().len() <= INLINE_LIMIT);
                }
            }
            _ => {}
        }
        Ok(())
    }

    async fn move_to_the_end(&self, part: &mut Append) -> Result<(), StoreError> {
        let whole = JournalRequest { run_id: part.run_id, from: 1, limit: u32::MAX };
        let journal = self.inner.journal(whole).await?;
        let Some(last) = journal.last() else { return Ok(()) };
        (part.head.position, part.head.link) = (last.position, last.link);
        part.epoch = last.epoch;
        for (row, position) in part.rows_mut().iter_mut().zip(last.position + 1..) {
            (row.position, row.epoch) = (position, last.epoch);
        }
        Ok(())
    }

    fn start(&self, mut run: NewRun) -> NewRun {
        if self.fault == Fault::SharedKeys {
            run.tenant = "everybody".to_owned();
        }
        if let (Fault::AnyInput, Some((_, input))) = (self.fault, &mut run.key) {
            *input = Digest::ZERO;
        }
        run
    }

    async fn as_shown(&self, mut decision: DecideReview) -> Result<DecideReview, StoreError> {
        let reviews = self.inner.reviews(ReviewFilter::One(decision.review_id)).await?;
        if let Some(review) = reviews.first() {
            decision.subject_digest = review.request.subject_digest;
        }
        Ok(decision)
    }
}

fn in_more_lanes(mut wish: ClaimRequest) -> ClaimRequest {
    let definition = Digest::of(b"other");
    wish.lanes.push(FlowVersion { name: "other".to_owned(), version: 1, definition });
    wish
}
