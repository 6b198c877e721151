//! Runs from their start to their end.

use mainstay::prelude::*;
use mainstay_core::run::RunStatus;
use mainstay_engine::context::Review;
use serde_json::json;

use crate::rig::Rig;

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Sum {
    a: i64,
    b: i64,
    log: Vec<String>,
}

#[flow(name = "sum", version = 1)]
impl Sum {
    #[start]
    async fn left(&self) -> Result<i64> {
        Ok(self.a)
    }

    #[start]
    async fn right(&self, cx: &StepContext) -> Result<i64> {
        cx.sleep(std::time::Duration::from_secs(3)).await;
        Ok(self.b)
    }

    #[listen(and_(left, right))]
    async fn note(&mut self, #[from(left)] left: &i64, #[from(right)] right: &i64) -> Result<i64> {
        self.log.push(format!("{left}+{right}"));
        Ok(left + right)
    }

    #[listen(note)]
    #[finish]
    async fn done(&self, total: &i64) -> Result<String> {
        Ok(format!("{} = {total}", self.log.join(",")))
    }
}

#[tokio::test]
async fn a_join_waits_for_a_timer_and_the_state_carries_on() {
    let rig = Rig::flow::<Sum>();
    let run_id = rig.start("sum", json!({"a": 2, "b": 3})).await;
    let view = rig.drive(run_id).await;
    assert_eq!(view.row.status, RunStatus::Completed);
    assert_eq!(rig.output(&view.projection).await, json!("2+3 = 5"));
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Ask {}

#[flow(name = "ask", version = 1)]
impl Ask {
    #[start]
    async fn ask(&self, cx: &StepContext) -> Result<String> {
        let answer = cx.review(Review::of("may I?", &json!({"n": 1}))).await?;
        Ok(format!("{answer:?}"))
    }
}

#[tokio::test]
async fn a_review_parks_the_run_and_a_decision_wakes_it() {
    use mainstay_core::{review::Decision, store::row::ReviewFilter};
    let rig = Rig::flow::<Ask>();
    let run_id = rig.start("ask", json!({})).await;
    let view = rig.drive(run_id).await;
    assert_eq!(view.row.status, RunStatus::Parked);
    let reviews = rig.runtime.store.reviews(ReviewFilter::Open(10)).await.unwrap();
    let review = &reviews[0].request;
    let decide =
        |decision| rig.runtime.decide(review.review_id, review.subject_digest, decision, "ann");
    decide(Decision::Approve { note: None }).await.unwrap();
    let again = decide(Decision::Reject { reason: "no".into() }).await;
    assert_eq!(again.unwrap_err().code.to_string(), "MS-6001");
    let view = rig.drive(run_id).await;
    assert_eq!(view.row.status, RunStatus::Completed);
    assert!(rig.output(&view.projection).await.to_string().contains("Approve"));
}
