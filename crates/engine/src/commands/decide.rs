//! A person's decision: once, about what was shown, and not about one's own request.

use mainstay_core::{
    code::Code,
    digest::Digest,
    id::{ReviewId, RunId},
    review::{Decision, ReviewOutcome, ReviewReason, ReviewRequest},
    store::{
        operation::{DecideReview, Decided},
        row::ReviewFilter,
    },
    tool::input::Questions,
};

use crate::{error::EngineError, runtime::Runtime};

impl Runtime {
    /// Decides a review, once, bound to the subject that was shown.
    ///
    /// # Errors
    /// There is no such review, it is closed, its subject changed, the run has ended, whoever asked
    /// for an irreversible call would approve it themselves, or it is no answer to what is asked.
    pub async fn decide(
        &self,
        review_id: ReviewId,
        subject_digest: Digest,
        decision: Decision,
        by: &str,
    ) -> Result<RunId, EngineError> {
        if !matches!(decision, Decision::Reject { .. }) {
            let found = self.store.reviews(ReviewFilter::One(review_id)).await?;
            for row in &found {
                refuse_own(&row.request, &decision, by)?;
                self.refuse_no_answer(&row.request, &decision)?;
            }
        }
        let outcome = ReviewOutcome::Decided { decision, by: by.to_owned(), at: self.clock.now() };
        let closed = |how: String| {
            EngineError::new(Code::ReviewClosed, format!("{review_id} was already decided: {how}"))
                .with_hint("a decision counts once; nothing was changed")
        };
        match self.store.decide(DecideReview { review_id, subject_digest, outcome }).await? {
            Decided::Counted(run_id) => Ok(run_id),
            Decided::Closed(Some(ReviewOutcome::Decided { decision, by, .. })) => {
                Err(closed(format!("{} by {by}", decision.verb())))
            }
            Decided::Closed(_) => Err(closed("it expired or was withdrawn".into())),
            Decided::SubjectChanged => Err(EngineError::new(
                Code::DecisionInvalid,
                "what the review is about is not what was shown",
            )
            .with_hint(format!("look again with `mainstay reviews show {review_id}`"))),
            Decided::Ended => Err(closed("its run has ended".into())),
            Decided::Unknown => {
                Err(EngineError::new(Code::UnknownId, format!("there is no review {review_id}")))
            }
        }
    }

    /// What no question asked for would be no use to the call that waits.
    fn refuse_no_answer(
        &self,
        review: &ReviewRequest,
        decision: &Decision,
    ) -> Result<(), EngineError> {
        if review.reason != ReviewReason::Input {
            return Ok(());
        }
        let asked = review.subject.get("questions").cloned().unwrap_or_default();
        let asked: Questions = serde_json::from_value(asked).unwrap_or_default();
        let answered = asked.answered(decision, self.schema.as_ref());
        answered.map(drop).map_err(|why| {
            EngineError::new(Code::DecisionInvalid, why).with_hint(format!(
                "`mainstay reviews show {}` has the questions and the form of each answer",
                review.review_id
            ))
        })
    }
}

/// Nobody approves an irreversible call that they asked for; the run looks again before it acts.
fn refuse_own(review: &ReviewRequest, decision: &Decision, by: &str) -> Result<(), EngineError> {
    let said = |pointer: &str| review.subject.pointer(pointer).and_then(serde_json::Value::as_str);
    let own = matches!(decision, Decision::Approve { .. })
        && review.reason == ReviewReason::Approval
        && said("/reversibility") == Some("irreversible")
        && said("/asked_by/requested_by") == Some(by);
    if !own {
        return Ok(());
    }
    let why = format!("`{by}` asked for this call, and it cannot be undone");
    Err(EngineError::new(Code::OwnRequest, why)
        .with_hint("let another person decide; `--by` names who does"))
}
