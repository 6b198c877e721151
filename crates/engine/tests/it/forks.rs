//! Forks: a new run that begins with what another one had done.

use std::sync::Arc;

use mainstay::prelude::*;
use mainstay_core::{
    budget::{Dimension, Limits},
    code::Code,
    id::RunId,
    journal::{Entry, Leave, Position},
    run::RunStatus,
    tool::EffectClass,
};
use mainstay_engine::{commands::RunView, error::EngineError, fork::ForkRun};
use serde_json::{Value, json};

use crate::{
    rig::{Rig, World, waits},
    tools::{FOREVER, Probe},
};

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Order {
    what: String,
}

#[flow(name = "order", version = 1)]
impl Order {
    #[start(grants = ["price"])]
    async fn price(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.tool(("price", json!({"what": self.what}))).await.required()?)
    }

    #[listen(price, grants = ["buy"])]
    async fn buy(&self, cx: &StepContext, price: &Value) -> Result<String> {
        match cx.review(Review::of("buy it?", &json!({"price": price}))).await? {
            ReviewOutcome::Decided { decision: Decision::Approve { .. }, .. } => {}
            other => return Err(StepError::new(format!("{other:?}"))),
        }
        let bought: Value = cx.tool(("buy", json!({"price": price}))).await.required()?;
        Ok(format!("{bought} for {price}"))
    }
}

/// A shop whose second tool buys, with what the other side promises about it.
struct Shop {
    rig: Rig,
    price: Arc<Probe>,
    buy: Arc<Probe>,
}

impl Shop {
    fn new(effect: EffectClass) -> Self {
        Self::with(Probe::fixed("buy", effect, json!("bought")))
    }

    fn with(buy: Arc<Probe>) -> Self {
        let price = Probe::fixed("price", EffectClass::Read, json!(7));
        let tools = [price.clone(), buy.clone()];
        let rig = World::memory().program(|p| {
            p.flow::<Order>();
            tools.into_iter().for_each(|tool| drop(p.tool(tool)));
        });
        Self { rig, price, buy }
    }

    async fn bought(&self) -> RunId {
        let run_id = self.rig.start("order", json!({"what": "a lamp"})).await;
        assert_eq!(waits(&self.rig.drive(run_id).await.row), ["review"]);
        self.rig.approve(run_id).await;
        assert_eq!(self.rig.completed(run_id).await, json!("\"bought\" for 7"));
        run_id
    }

    async fn fork(&self, wish: ForkRun) -> Result<RunId, EngineError> {
        Ok(self.rig.runtime.fork(wish).await?.run_id)
    }
}

fn wish(run_id: RunId, at: Option<Position>, leave: Leave) -> ForkRun {
    ForkRun { run_id, at, limits: Limits { tool_calls: Some(5), ..Limits::none() }, leave }
}

/// The place of the last entry before the first that is as wanted.
fn before(view: &RunView, wanted: impl Fn(&Entry) -> bool) -> Position {
    let (row, _) = view.rows.iter().find(|(_, entry)| wanted(entry)).expect("such an entry");
    row.position - 1
}

const RECONCILED: EffectClass =
    EffectClass::Reconcilable { visible_within: std::time::Duration::from_secs(1) };

#[tokio::test]
async fn a_fork_is_a_run_of_its_own_and_keeps_what_was_done() {
    let shop = Shop::new(FOREVER);
    let run_id = shop.bought().await;
    let original = shop.rig.view(run_id).await;
    let at = before(&original, |entry| matches!(entry, Entry::WaitOpened { .. }));
    let fork = shop.fork(wish(run_id, Some(at), Leave::Given)).await.unwrap();
    assert_ne!(fork, run_id);
    assert_eq!(waits(&shop.rig.drive(fork).await.row), ["review"], "what was open is asked anew");
    shop.rig.approve(fork).await;
    assert_eq!(shop.rig.completed(fork).await, json!("\"bought\" for 7"));

    let view = shop.rig.view(fork).await;
    assert_ne!(view.projection.key_root, original.projection.key_root);
    let keys = shop.buy.keys();
    assert_eq!(keys.len(), 2);
    assert_ne!(keys[0], keys[1], "the other side sees another action");
    assert_eq!(shop.price.count(), 1, "what was finished is not done again");
    let untouched = shop.rig.view(run_id).await;
    assert_eq!(untouched.rows.len(), original.rows.len());
}

#[tokio::test]
async fn a_fork_spends_from_its_own_budget_and_owes_nothing() {
    let shop = Shop::new(FOREVER);
    let run_id = shop.bought().await;
    let original = shop.rig.view(run_id).await;
    assert_eq!(original.projection.ledger.total_spent().get(Dimension::ToolCalls), 2);
    let at = before(&original, |entry| matches!(entry, Entry::WaitOpened { .. }));
    let mut poor = wish(run_id, Some(at), Leave::Given);
    poor.limits.tool_calls = Some(0);
    let fork = shop.fork(poor).await.unwrap();
    let ledger = shop.rig.view(fork).await.projection.ledger;
    assert_eq!(ledger.limits().tool_calls, Some(0));
    assert_eq!(ledger.total_spent().get(Dimension::ToolCalls), 0);
    shop.rig.drive(fork).await;
    shop.rig.approve(fork).await;
    assert_eq!(waits(&shop.rig.drive(fork).await.row), ["budget"]);
    assert_eq!(shop.buy.count(), 1);

    let more = Limits { tool_calls: Some(1), ..Limits::none() };
    shop.rig.runtime.top_up(fork, more, "ann").await.unwrap();
    assert_eq!(shop.rig.completed(fork).await, json!("\"bought\" for 7"));
}

#[tokio::test]
async fn an_open_wait_is_issued_anew() {
    let shop = Shop::new(FOREVER);
    let run_id = shop.rig.start("order", json!({"what": "a lamp"})).await;
    assert_eq!(waits(&shop.rig.drive(run_id).await.row), ["review"]);
    let fork = shop.fork(wish(run_id, None, Leave::Given)).await.unwrap();
    assert_eq!(waits(&shop.rig.drive(fork).await.row), ["review"]);
    let (theirs, ours) = (shop.rig.open_review(run_id).await, shop.rig.open_review(fork).await);
    assert_ne!(theirs.request.review_id, ours.request.review_id);

    shop.rig.approve(fork).await;
    assert_eq!(shop.rig.completed(fork).await, json!("\"bought\" for 7"));
    let row = shop.rig.runtime.row(run_id).await.unwrap();
    assert_eq!(row.status, RunStatus::Parked, "the decision was about one of them");
    assert_eq!(shop.rig.open_review(run_id).await.request.review_id, theirs.request.review_id);
}

#[tokio::test]
async fn nothing_is_forked_in_the_middle_of_an_action() {
    let buy = Probe::hanging_once("buy", EffectClass::AtMostOnce, json!("bought"));
    let shop = Shop::with(buy.clone());
    let run_id = shop.rig.start("order", json!({"what": "a lamp"})).await;
    shop.rig.drive(run_id).await;
    shop.rig.approve(run_id).await;
    let worker = shop.rig.worker();
    buy.called(1).await;
    worker.kill().await;

    let refused = shop.fork(wish(run_id, None, Leave::Given)).await.unwrap_err();
    assert_eq!(refused.code, Code::WrongStatus);
    assert!(refused.message.contains("buy#1:1"), "{refused}");
    let view = shop.rig.view(run_id).await;
    let at = before(&view, |entry| matches!(entry, Entry::EffectIntended { .. }));
    let fork = shop.fork(wish(run_id, Some(at), Leave::Given)).await.unwrap();
    shop.rig.let_leases_lapse();
    assert_eq!(shop.rig.completed(fork).await, json!("\"bought\" for 7"));
}

#[tokio::test]
async fn what_must_not_happen_twice_needs_leave_to_be_repeated() {
    for effect in [RECONCILED, EffectClass::AtMostOnce] {
        let shop = Shop::new(effect);
        let run_id = shop.bought().await;
        let view = shop.rig.view(run_id).await;
        let at = before(&view, |entry| matches!(entry, Entry::WaitOpened { .. }));

        let without = shop.fork(wish(run_id, Some(at), Leave::Withheld)).await.unwrap();
        shop.rig.drive(without).await;
        shop.rig.approve(without).await;
        let ended = shop.rig.drive(without).await;
        assert_eq!((ended.row.status, shop.buy.count()), (RunStatus::Failed, 1));

        let with = shop.fork(wish(run_id, Some(at), Leave::Given)).await.unwrap();
        shop.rig.drive(with).await;
        shop.rig.approve(with).await;
        assert_eq!(shop.rig.completed(with).await, json!("\"bought\" for 7"));
        assert_eq!(shop.buy.count(), 2);
    }
}

#[tokio::test]
async fn what_the_other_side_recognises_or_only_reads_needs_no_leave() {
    for effect in [FOREVER, EffectClass::Read] {
        let shop = Shop::new(effect);
        let run_id = shop.bought().await;
        let view = shop.rig.view(run_id).await;
        let at = before(&view, |entry| matches!(entry, Entry::WaitOpened { .. }));
        let fork = shop.fork(wish(run_id, Some(at), Leave::Withheld)).await.unwrap();
        shop.rig.drive(fork).await;
        shop.rig.approve(fork).await;
        assert_eq!(shop.rig.completed(fork).await, json!("\"bought\" for 7"));
    }
}

#[tokio::test]
async fn a_failed_run_is_forked_from_before_its_failure() {
    let no = |_, nth| {
        let out = ToolFailure::refused("sold out");
        std::future::ready(if nth == 1 { Err(out) } else { Ok(json!("bought")) })
    };
    let shop = Shop::with(Probe::new("buy", FOREVER, no));
    let run_id = shop.rig.start("order", json!({"what": "a lamp"})).await;
    shop.rig.drive(run_id).await;
    shop.rig.approve(run_id).await;
    assert_eq!(shop.rig.drive(run_id).await.row.status, RunStatus::Failed);
    let fork = shop.fork(wish(run_id, None, Leave::Given)).await.unwrap();
    assert_eq!(shop.rig.completed(fork).await, json!("\"bought\" for 7"), "it is tried again");
    assert_eq!(shop.rig.runtime.row(run_id).await.unwrap().status, RunStatus::Failed);
}
