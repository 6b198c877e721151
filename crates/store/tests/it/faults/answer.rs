//! Faults in what the model answers.

use mainstay_core::store::{
    StoreError,
    operation::{
        Appended, Beat, ClaimRequest, ClaimedRun, Decided, Delivered, FiredTimers, Operation, Reply,
    },
    row::ReviewFilter,
};

use super::{Fault, Faulty};

impl Faulty {
    /// Changes what the model answers.
    pub(super) async fn answer(
        &self,
        asked: &Operation,
        reply: Reply,
    ) -> Result<Reply, StoreError> {
        Ok(match (self.fault, asked, reply) {
            (_, _, Reply::Append(answers)) => Reply::Append(self.appended(answers)),
            (_, Operation::Claim(wish), Reply::Claim(claimed)) => {
                Reply::Claim(self.claimed(wish, claimed).await?)
            }
            (Fault::EndedTakesMessages, _, Reply::Deliver(Delivered::Ended)) => {
                Reply::Deliver(Delivered::Accepted { position: 1, woke: false })
            }
            (Fault::ImmortalSession, _, Reply::Beat(Beat::Lost)) => {
                let now = self.inner.facts(()).await?.now;
                Reply::Beat(Beat::Alive { now, moved: Vec::new() })
            }
            (Fault::SilentTimers, _, Reply::FireTimers(_)) => {
                Reply::FireTimers(FiredTimers { fired: 0, next_in: None })
            }
            (
                Fault::EveryDecisionCounts,
                Operation::Decide(decision),
                Reply::Decide(Decided::Closed(Some(_))),
            ) => {
                let reviews = self.inner.reviews(ReviewFilter::One(decision.review_id)).await?;
                Reply::Decide(Decided::Counted(reviews[0].run_id))
            }
            (Fault::OutboxReadOnce, _, Reply::Outbox(rows)) => {
                self.inner.outbox_done(rows.clone()).await?;
                Reply::Outbox(rows)
            }
            (Fault::LosesAliases, Operation::Run(run_id), Reply::Run(Some(row)))
                if row.run_id != *run_id =>
            {
                Reply::Run(None)
            }
            (Fault::TwoHolders, _, Reply::Hold(None)) => Reply::Hold(Some(1)),
            (Fault::NoInlinePayloads, _, Reply::Journal(mut rows)) => {
                rows.iter_mut().for_each(|row| row.payloads.clear());
                Reply::Journal(rows)
            }
            (_, _, reply) => reply,
        })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "each fault has its one place")]
    fn appended(&self, mut answers: Vec<Appended>) -> Vec<Appended> {
        let poisoned = answers.iter().any(|a| matches!(a, Appended::Poison(_)));
        for answer in &mut answers {
            match self.fault {
                Fault::RepeatsAccepted if matches!(answer, Appended::Fenced { found: Some(_) }) => {
                    *answer = Appended::Accepted;
                }
                Fault::PoisonSpreads if poisoned => *answer = Appended::Poison(String::new()),
                _ => {}
            }
        }
        answers
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "each fault has its one place")]
    async fn claimed(
        &self,
        wish: &ClaimRequest,
        mut claimed: Vec<ClaimedRun>,
    ) -> Result<Vec<ClaimedRun>, StoreError> {
        match self.fault {
            Fault::DoubleClaim if claimed.is_empty() => {
                return Ok(self.last_claim.lock().unwrap().clone());
            }
            Fault::CrashedBesideOthers if !claimed.is_empty() => {
                let rest = wish.nonces[claimed.len()..].to_vec();
                let more = ClaimRequest { nonces: rest, ..wish.clone() };
                claimed.extend(self.inner.claim(more).await?);
            }
            Fault::ForgetsCrashes => claimed.iter_mut().for_each(|c| c.run.crashes = 0),
            _ => {}
        }
        self.last_claim.lock().unwrap().clone_from(&claimed);
        Ok(claimed)
    }
}
