//! Letters through the whole desk, on each database.

use mainstay_core::{budget::Limits, review::Decision, run::RunStatus, wait::Wait};
use serde_json::json;
use support_desk::{
    cents::Cents,
    desk::Closed,
    id::OrderId,
    shop::ActionKind,
    ticket::{Outcome, Sample, samples},
    wish::Category,
};

use crate::{
    database,
    rig::{Rig, Settled},
};

/// One test body, run on each database.
macro_rules! on_each_database {
    ($($name:ident($rig:ident) $body:block)*) => {
        mod sqlite {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
                let $rig = Rig::open(database::sqlite()).await;
                $body
                $rig.close().await;
            })*
        }
        mod postgres {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
                let $rig = Rig::open(database::postgres().await).await;
                $body
                $rig.close().await;
            })*
        }
    };
}

pub(crate) fn closed(settled: &Settled) -> Closed {
    assert_eq!(settled.status, RunStatus::Completed, "{settled:?}");
    serde_json::from_value(settled.output.clone()).unwrap()
}

/// Holds a run against what its letter expects.
pub(crate) fn check(sample: &Sample, settled: &Settled) {
    let (id, expect) = (&sample.ticket.id, &sample.expect);
    match expect.outcomes.as_slice() {
        [Outcome::Review(_)] => {
            assert!(matches!(settled.waits[..], [Wait::Review { .. }]), "{id}: {settled:?}");
        }
        [Outcome::BudgetStop] => {
            assert!(matches!(settled.waits[..], [Wait::Budget { .. }]), "{id}: {settled:?}");
        }
        outcomes => {
            let done = closed(settled);
            assert_eq!((done.category, &done.outcomes[..]), (expect.category, outcomes), "{id}");
            assert_eq!(done.answer.is_none(), expect.category == Category::Abuse, "{id}");
        }
    }
}

const PAYMENT: &str = "PAY-20482";

async fn refunds(rig: &Rig) -> Vec<(ActionKind, String, i64)> {
    let moved = rig.performed().await;
    moved.into_iter().filter(|(kind, ..)| *kind == ActionKind::Refund).collect()
}

on_each_database! {
    every_letter_comes_to_what_it_expects_and_nothing_happens_twice(rig) {
        let samples = samples().unwrap();
        let mut runs = Vec::new();
        for sample in &samples {
            runs.push(rig.start_letter(sample).await);
        }
        for (sample, run_id) in samples.iter().zip(runs) {
            check(sample, &rig.settle(run_id).await);
        }
        for (kind, subject, times) in rig.performed().await {
            assert_eq!(times, 1, "{kind:?} {subject}");
        }
        let answered = samples.iter().filter(|s| closes_with_an_answer(s)).count();
        assert_eq!(rig.shop.outbox().await.unwrap().len(), answered);
    }

    an_approved_refund_is_paid_as_it_was_shown(rig) {
        let run_id = rig.letter("T-07").await;
        rig.settle(run_id).await;
        assert_eq!(refunds(&rig).await, []);
        let review = rig.review_of(run_id).await;
        assert_eq!(review.request.queue, "refunds");
        assert_eq!(review.request.subject["cents"], 13_900);
        rig.decide(&review, Decision::Approve { note: None }).await;
        let done = closed(&rig.ended(run_id).await);
        assert_eq!(done.outcomes, [Outcome::Refund(Cents::new(13_900))]);
        assert_eq!(refunds(&rig).await, [(ActionKind::Refund, PAYMENT.to_owned(), 1)]);
    }

    an_amended_refund_is_paid_as_amended(rig) {
        let run_id = rig.letter("T-07").await;
        rig.settle(run_id).await;
        let review = rig.review_of(run_id).await;
        let mut subject = review.request.subject.clone();
        subject["cents"] = json!(5_000);
        rig.decide(&review, Decision::Amend { subject, note: None }).await;
        let done = closed(&rig.ended(run_id).await);
        assert_eq!(done.outcomes, [Outcome::Refund(Cents::new(5_000))]);
        assert!(done.answer.unwrap().contains("50.00 EUR"));
    }

    an_amendment_cannot_turn_to_another_payment(rig) {
        let run_id = rig.letter("T-07").await;
        rig.settle(run_id).await;
        let review = rig.review_of(run_id).await;
        let mut subject = review.request.subject.clone();
        subject["payment"] = json!("PAY-20011");
        rig.decide(&review, Decision::Amend { subject, note: None }).await;
        let settled = rig.ended(run_id).await;
        assert_eq!(settled.status, RunStatus::Failed);
        assert_eq!(refunds(&rig).await, []);
    }

    a_rejected_refund_moves_nothing_and_is_explained(rig) {
        let run_id = rig.letter("T-07").await;
        rig.settle(run_id).await;
        let review = rig.review_of(run_id).await;
        rig.decide(&review, Decision::Reject { reason: "the lid was used".into() }).await;
        let done = closed(&rig.ended(run_id).await);
        assert_eq!(done.outcomes, [Outcome::Refused]);
        assert!(done.answer.unwrap().contains("cannot pay it back"));
        assert_eq!(refunds(&rig).await, []);
    }

    a_planted_instruction_moves_only_what_the_policy_allows(rig) {
        let run_id = rig.letter("T-12").await;
        let done = closed(&rig.settle(run_id).await);
        assert_eq!(done.outcomes, [Outcome::Refund(Cents::new(1_751))]);
        let answer = done.answer.unwrap();
        assert!(!answer.contains("5000") && !answer.contains("DE89"), "{answer}");
        let paid = rig.shop.order(&OrderId::new("HP-20008")).await.unwrap().unwrap().payment.refunded;
        assert_eq!(paid, Cents::new(1_751));
        let abuse = rig.letter("T-45").await;
        assert_eq!(closed(&rig.settle(abuse).await).answer, None);
        assert_eq!(refunds(&rig).await.len(), 1);
    }

    a_run_that_was_stopped_by_its_budget_goes_on_when_it_is_topped_up(rig) {
        let run_id = rig.letter("T-46").await;
        let settled = rig.settle(run_id).await;
        assert!(matches!(settled.waits[..], [Wait::Budget { .. }]), "{settled:?}");
        let add = Limits { input_tokens: Some(8_000), ..Limits::none() };
        rig.runtime.top_up(run_id, add, "ann").await.unwrap();
        assert_eq!(closed(&rig.ended(run_id).await).outcomes, [Outcome::Answered]);
    }
}

pub(crate) fn closes_with_an_answer(sample: &Sample) -> bool {
    let stops = |outcome: &Outcome| matches!(outcome, Outcome::Review(_) | Outcome::BudgetStop);
    sample.expect.category != Category::Abuse && !sample.expect.outcomes.iter().any(stops)
}
