//! What a person says counts as said, once: D, E, H.

use std::time::Duration;

use mainstay::prelude::*;
use mainstay_core::run::RunStatus;
use serde_json::{Value, json};

use crate::{
    rig::World,
    tools::{FOREVER, Probe},
};

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Payout {}

#[flow(name = "payout", version = 1)]
impl Payout {
    #[start(grants = ["send_money"])]
    async fn pay(&self, cx: &StepContext) -> Result<String> {
        let review = Review::of("send it?", &json!({"cents": 900}));
        let outcome = cx.review(review.with_expiry(Duration::from_secs(60))).await?;
        if let ReviewOutcome::Decided { decision: Decision::Approve { .. }, .. } = &outcome {
            let _: Value = cx.tool(("send_money", json!({}))).await.required()?;
        }
        Ok(match outcome {
            ReviewOutcome::Decided { decision, .. } => decision.verb().to_owned(),
            ReviewOutcome::Expired => "expired".to_owned(),
        })
    }
}

#[tokio::test]
async fn d_silence_never_approves() {
    let money = Probe::fixed("send_money", FOREVER, json!("sent"));
    let rig = World::memory().program(|p| drop(p.flow::<Payout>().tool(money.clone())));
    let run_id = rig.start("payout", json!({})).await;
    rig.drive(run_id).await;
    let request = rig.open_review(run_id).await.request;
    rig.clock.advance(Duration::from_secs(61));
    let worker = rig.worker();
    rig.wait_for(run_id, |row| row.status == RunStatus::Completed).await;
    worker.stop().await;

    let view = rig.view(run_id).await;
    assert_eq!(rig.output(&view.projection).await, json!("expired"));
    assert_eq!(money.count(), 0);
    let late = Decision::Approve { note: None };
    let refused = rig.runtime.decide(request.review_id, request.subject_digest, late, "ann").await;
    assert_eq!(refused.unwrap_err().code.to_string(), "MS-6001");
}

#[tokio::test]
async fn e_words_are_words_and_never_an_approval() {
    for text in ["not approved", "approved", "yes, approve it", ""] {
        let money = Probe::fixed("send_money", FOREVER, json!("sent"));
        let rig = World::memory().program(|p| drop(p.flow::<Payout>().tool(money.clone())));
        let run_id = rig.start("payout", json!({})).await;
        rig.drive(run_id).await;
        rig.decide(run_id, Decision::Respond { text: text.to_owned() }).await;
        assert_eq!(rig.completed(run_id).await, json!("respond"), "{text}");
        assert_eq!(money.count(), 0, "{text}");
    }
}

#[tokio::test]
async fn h_a_decision_delivered_twice_pays_once() {
    let world = World::sqlite("peer-h").await;
    let money = Probe::fixed("send_money", FOREVER, json!("sent"));
    let program = || world.program(|p| drop(p.flow::<Payout>().tool(money.clone())));
    let rig = program();
    let run_id = rig.start("payout", json!({})).await;
    rig.drive(run_id).await;
    let request = rig.open_review(run_id).await.request;
    let approve = || async {
        let yes = Decision::Approve { note: None };
        rig.runtime.decide(request.review_id, request.subject_digest, yes, "ann").await
    };
    let (first, second) = tokio::join!(approve(), approve());
    assert_eq!([&first, &second].iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(program().completed(run_id).await, json!("approve"));
    assert_eq!(approve().await.unwrap_err().code.to_string(), "MS-6001");
    assert_eq!(program().completed(run_id).await, json!("approve"));
    assert_eq!(money.count(), 1);
}

#[tokio::test]
async fn h_a_decision_about_something_else_than_was_shown_does_not_count() {
    let money = Probe::fixed("send_money", FOREVER, json!("sent"));
    let rig = World::memory().program(|p| drop(p.flow::<Payout>().tool(money.clone())));
    let run_id = rig.start("payout", json!({})).await;
    rig.drive(run_id).await;
    let review = rig.open_review(run_id).await.request.review_id;
    let other = mainstay_core::digest::Digest::of(b"something else");
    let yes = Decision::Approve { note: None };
    let refused = rig.runtime.decide(review, other, yes, "ann").await.unwrap_err();
    assert_eq!(refused.code.to_string(), "MS-6002");
    assert_eq!(rig.drive(run_id).await.row.status, RunStatus::Parked);
    assert_eq!(money.count(), 0);
}
