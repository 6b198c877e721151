//! Reviews: opened with a commit, decided once, by whoever saw exactly the subject.

use std::time::Duration;

use mainstay_core::{
    digest::Digest,
    id::{ReviewId, prefix_range},
    inbox::InboxBody,
    review::{Decision, ReviewOutcome, ReviewReason, ReviewRequest},
    run::RunStatus,
    store::{
        operation::{DecideReview, Decided, InboxRequest},
        row::{ReviewFilter, ReviewRow},
    },
    wait::{Wait, WaitMode},
};
use serde_json::json;

use super::{Failure, Owner, Verdict, World, absent, equal, holds, joined, world::payload};

/// A review that was not opened yet.
pub(super) fn request(world: &World) -> Result<ReviewRequest, Failure> {
    let subject = json!({"refund": 4_200, "currency": "EUR"});
    Ok(ReviewRequest {
        review_id: world.review_id(),
        position: "pay#1:0".parse().map_err(|_| absent("a position"))?,
        reason: ReviewReason::Asked,
        title: "refund above the limit".to_owned(),
        subject_digest: payload(&subject)?.digest(),
        subject,
        queue: "refunds".to_owned(),
        expires_at: None,
    })
}

fn decision(request: &ReviewRequest, by: &str) -> DecideReview {
    DecideReview {
        review_id: request.review_id,
        subject_digest: request.subject_digest,
        outcome: ReviewOutcome::Decided {
            decision: Decision::Approve { note: None },
            by: by.to_owned(),
            at: Default::default(),
        },
    }
}

/// A run that is parked for a review.
async fn parked(world: &World) -> Result<(Owner, ReviewRequest), Failure> {
    let mut owner = world.owned().await?;
    let request = request(world)?;
    let wait = Wait::Review { review_id: request.review_id, reason: request.reason, bound: None };
    let mut part = owner.park(0, WaitMode::Any, vec![wait])?;
    part.reviews.push(request.clone());
    owner.accept(&*world.store, part).await?;
    Ok((owner, request))
}

async fn review(world: &World, id: ReviewId) -> Result<ReviewRow, Failure> {
    let mut rows = world.store.reviews(ReviewFilter::One(id)).await?;
    rows.pop().ok_or_else(|| absent("the review"))
}

pub(super) async fn a_review_opens_with_its_commit(world: World) -> Verdict {
    let (owner, request) = parked(&world).await?;
    let row = ReviewRow {
        run_id: owner.run_id,
        tenant: "acme".to_owned(),
        request: request.clone(),
        opened_at: world.now(),
        outcome: None,
        open: true,
    };
    equal("open", world.store.reviews(ReviewFilter::Open(5)).await?, vec![row.clone()])?;
    equal("by id", review(&world, request.review_id).await?, row)
}

pub(super) async fn of_racing_decisions_one_counts(world: World) -> Verdict {
    let (owner, request) = parked(&world).await?;
    let mut tasks = Vec::new();
    for n in 0..16 {
        let (store, decision) = (world.store.clone(), decision(&request, &format!("person {n}")));
        tasks.push(tokio::spawn(async move {
            (decision.outcome.clone(), store.decide(decision).await)
        }));
    }
    let (mut counted, mut told) = (Vec::new(), Vec::new());
    for task in tasks {
        let (outcome, answer) = joined(task).await?;
        match answer? {
            Decided::Counted(run_id) => {
                equal("whose", run_id, owner.run_id)?;
                counted.push(outcome);
            }
            Decided::Closed(outcome) => told.push(outcome),
            Decided::SubjectChanged | Decided::Ended | Decided::Unknown => {
                holds("counted or closed", false)?;
            }
        }
    }
    equal("counted", counted.len(), 1)?;
    let outcome = counted.pop().ok_or_else(|| absent("the winner"))?;
    holds("the others see it", told.iter().all(|o| o.as_ref() == Some(&outcome)))?;
    let row = review(&world, request.review_id).await?;
    equal("the review", (row.open, row.outcome), (false, Some(outcome.clone())))?;
    let inbox = world.store.inbox(InboxRequest { run_id: owner.run_id, after: 0 }).await?;
    let bodies: Vec<_> = inbox.into_iter().map(|message| message.body).collect();
    let told = InboxBody::Reviewed { review_id: request.review_id, outcome };
    equal("one message", bodies, vec![told])?;
    equal("woken", world.row(owner.run_id).await?.status, RunStatus::Queued)
}

pub(super) async fn a_decision_is_bound_to_what_was_shown(world: World) -> Verdict {
    let (owner, request) = parked(&world).await?;
    let other = DecideReview { subject_digest: Digest::of(b"other"), ..decision(&request, "ada") };
    equal("another subject", world.store.decide(other).await?, Decided::SubjectChanged)?;
    holds("still open", review(&world, request.review_id).await?.open)?;
    equal("still parked", world.row(owner.run_id).await?.status, RunStatus::Parked)?;
    let answer = world.store.decide(decision(&request, "ada")).await?;
    equal("the subject that was shown", answer, Decided::Counted(owner.run_id))
}

pub(super) async fn a_closed_review_cannot_be_decided(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    let (kept, dropped) = (request(&world)?, request(&world)?);
    let mut part = owner.step()?;
    part.reviews = vec![kept.clone(), dropped.clone()];
    owner.accept(&*world.store, part).await?;
    let mut part = owner.step()?;
    part.reviews_off = vec![dropped.review_id];
    owner.accept(&*world.store, part).await?;
    let answer = world.store.decide(decision(&dropped, "ada")).await?;
    equal("closed without a decision", answer, Decided::Closed(None))?;
    let open = world.store.reviews(ReviewFilter::Open(5)).await?;
    equal("open", open.iter().map(|r| r.request.review_id).collect(), vec![kept.review_id])?;
    let unknown = DecideReview { review_id: world.review_id(), ..decision(&kept, "ada") };
    equal("unknown", world.store.decide(unknown).await?, Decided::Unknown)?;
    let expired = DecideReview { outcome: ReviewOutcome::Expired, ..decision(&kept, "nobody") };
    equal("expired", world.store.decide(expired).await?, Decided::Counted(owner.run_id))?;
    let late = world.store.decide(decision(&kept, "ada")).await?;
    equal("too late", late, Decided::Closed(Some(ReviewOutcome::Expired)))
}

pub(super) async fn reviews_of_an_ended_run_are_closed(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    let request = request(&world)?;
    let mut part = owner.step()?;
    part.reviews.push(request.clone());
    owner.accept(&*world.store, part).await?;
    owner.accept(&*world.store, owner.finish(0)?).await?;
    equal("open", world.store.reviews(ReviewFilter::Open(5)).await?, vec![])?;
    let answer = world.store.decide(decision(&request, "ada")).await?;
    equal("a decision", answer, Decided::Closed(None))
}

pub(super) async fn reviews_are_found_by_age_run_and_prefix(world: World) -> Verdict {
    let mut opened = Vec::new();
    for _ in 0..3 {
        let (owner, request) = parked(&world).await?;
        opened.push((owner.run_id, request.review_id));
        world.clock.advance(Duration::from_secs(1));
    }
    let ids = |rows: Vec<ReviewRow>| -> Vec<_> {
        rows.iter().map(|row| (row.run_id, row.request.review_id)).collect()
    };
    let (first, rest) = opened.split_first().ok_or_else(|| absent("a review"))?;
    let last = rest.last().ok_or_else(|| absent("a second review"))?;
    let oldest = world.store.reviews(ReviewFilter::Open(1)).await?;
    equal("the oldest open one", ids(oldest), vec![*first])?;
    let newest = world.store.reviews(ReviewFilter::All(1)).await?;
    equal("the newest", ids(newest), vec![*last])?;
    equal("all", ids(world.store.reviews(ReviewFilter::Open(9)).await?), opened.clone())?;
    let of_run = world.store.reviews(ReviewFilter::OfRun(first.0)).await?;
    equal("of a run", ids(of_run), vec![*first])?;
    let text = last.1.to_string();
    let digits = text.trim_start_matches("rev_");
    let (low, high) = prefix_range(digits).map_err(|e| Failure(e.to_string()))?;
    let by_prefix = world.store.reviews(ReviewFilter::Ids(low, high)).await?;
    equal("by its id", ids(by_prefix), vec![*last])
}
