//! Finished steps, recorded effects and limits on spending: C, F, I, K.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use mainstay::prelude::*;
use mainstay_core::{budget::Limits, model::ModelId, run::RunStatus};
use mainstay_engine::commands::StartRun;
use serde_json::{Value, json};

use crate::{
    rig::{World, waits},
    tools::{FOREVER, Probe},
};

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Shop {}

#[flow(name = "shop", version = 1)]
impl Shop {
    #[start(grants = ["charge"])]
    async fn charge(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.tool(("charge", json!({"cents": 500}))).await.required()?)
    }

    #[listen(charge, grants = ["ship"])]
    async fn ship(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.tool(("ship", json!({}))).await.required()?)
    }

    #[listen(ship)]
    async fn thank(&self, parcel: &Value) -> Result<String> {
        Ok(format!("thank you, {parcel}"))
    }
}

#[tokio::test]
async fn c_a_finished_step_is_not_run_again_after_a_crash() {
    let world = World::sqlite("peer-c").await;
    let charge = Probe::fixed("charge", FOREVER, json!("paid"));
    let ship = Probe::hanging_once("ship", FOREVER, json!("parcel"));
    let program =
        || world.program(|p| drop(p.flow::<Shop>().tool(charge.clone()).tool(ship.clone())));
    let wish = StartRun { key: Some("order 7".into()), ..StartRun::new("shop", json!({})) };

    let first = program();
    let run_id = first.start_with(wish.clone()).await;
    let worker = first.worker();
    ship.called(1).await;
    worker.kill().await;
    first.let_leases_lapse();

    let second = program();
    let again = second.runtime.start(wish).await.unwrap();
    assert!(again.existed && again.run_id == run_id, "the same key is the same run");
    assert_eq!(second.completed(run_id).await, json!("thank you, \"parcel\""));
    assert_eq!(charge.count(), 1, "the customer is charged once");
    assert_eq!(ship.count(), 2);
    assert_eq!(ship.keys()[0], ship.keys()[1], "the repeat carries the first one's key");
}

#[tokio::test]
async fn f_killed_between_any_two_calls_the_run_goes_on_and_acts_once() {
    for killed_in in ["charge", "ship"] {
        let world = World::sqlite(&format!("peer-f-{killed_in}")).await;
        let tool = |name: &str| match name {
            _ if name == killed_in => Probe::hanging_once(name, FOREVER, json!(name)),
            _ => Probe::fixed(name, FOREVER, json!(name)),
        };
        let (charge, ship) = (tool("charge"), tool("ship"));
        let program =
            || world.program(|p| drop(p.flow::<Shop>().tool(charge.clone()).tool(ship.clone())));
        let first = program();
        let run_id = first.start("shop", json!({})).await;
        let worker = first.worker();
        if killed_in == "charge" {
            charge.called(1).await;
        } else {
            ship.called(1).await;
        }
        worker.kill().await;
        first.let_leases_lapse();

        assert_eq!(program().completed(run_id).await, json!("thank you, \"ship\""), "{killed_in}");
        for probe in [&charge, &ship] {
            let mut keys = probe.keys();
            keys.dedup();
            assert_eq!(keys.len(), 1, "whatever was sent, was sent under one key: {killed_in}");
        }
        let calls = charge.count() + ship.count();
        assert_eq!(calls, 3, "only the call that was cut off is repeated: {killed_in}");
    }
}

static BEFORE_REVIEW: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Transfer {}

#[flow(name = "transfer", version = 1)]
impl Transfer {
    #[start(grants = ["reserve", "transfer"])]
    async fn transfer(&self, cx: &StepContext) -> Result<Value> {
        let number = cx.random().await % 1_000;
        BEFORE_REVIEW.fetch_add(1, Ordering::SeqCst);
        let reserved = cx.tool(("reserve", json!({"number": number}))).await.required()?;
        let outcome = cx.review(Review::of("send?", &reserved)).await?;
        let ReviewOutcome::Decided { decision: Decision::Approve { .. }, .. } = outcome else {
            return Ok(Value::Null);
        };
        Ok(cx.tool(("transfer", json!({"reserved": reserved}))).await.required()?)
    }
}

#[tokio::test]
async fn i_code_before_a_review_runs_again_and_its_effects_do_not() {
    let world = World::sqlite("peer-i").await;
    let reserve = Probe::fixed("reserve", FOREVER, json!("r1"));
    let transfer = Probe::fixed("transfer", FOREVER, json!("sent"));
    let program = || {
        world.program(|p| drop(p.flow::<Transfer>().tool(reserve.clone()).tool(transfer.clone())))
    };
    let first = program();
    let run_id = first.start("transfer", json!({})).await;
    assert_eq!(waits(&first.drive(run_id).await.row), ["review"]);
    first.approve(run_id).await;

    assert_eq!(program().completed(run_id).await, json!("sent"));
    assert_eq!(BEFORE_REVIEW.load(Ordering::SeqCst), 2, "the code runs from its top");
    assert_eq!((reserve.count(), transfer.count()), (1, 1));
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Essay {}

#[flow(name = "essay", version = 1)]
impl Essay {
    #[start]
    async fn write(&self, cx: &StepContext) -> Result<String> {
        let model: ModelId = "scripted:desk".parse()?;
        let request = ModelRequest::new(model).with_user("write a million tokens");
        Ok(cx.model(request.with_max_output_tokens(1_000_000)).await?.text)
    }
}

const SCRIPT: &str = "
model: desk
price: { input_per_million: 1, output_per_million: 1 }
rules:
  - reply: { text: a short essay }
    usage: { input_tokens: 5, output_tokens: 3 }
";

#[tokio::test]
async fn k_a_ten_token_budget_refuses_the_call_before_it_is_made() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = crate::models::Counted::new(SCRIPT, asked.clone());
    let rig = World::memory().program(|p| drop(p.flow::<Essay>().provider(counted)));
    let limits = Limits { tokens: Some(10), ..Limits::none() };
    let run_id = rig.start_with(StartRun { limits, ..StartRun::new("essay", json!({})) }).await;
    let view = rig.drive(run_id).await;
    assert_eq!((view.row.status, waits(&view.row)), (RunStatus::Parked, vec!["budget"]));
    assert_eq!(asked.load(Ordering::SeqCst), 0, "nothing reached the provider");
    assert_eq!(view.projection.ledger.total_spent().output_tokens, 0);

    let add = Limits { tokens: Some(2_000_000), ..Limits::none() };
    rig.runtime.top_up(run_id, add, "ann").await.unwrap();
    assert_eq!(rig.completed(run_id).await, json!("a short essay"));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}
