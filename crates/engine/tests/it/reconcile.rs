//! Actions of which the other side can be asked whether they happened.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use mainstay::prelude::*;
use mainstay_core::{
    id::RunId,
    journal::Entry,
    review::{Decision, ReviewReason},
    run::RunStatus,
    store::operation::Operation,
    time::Timestamp,
    tool::{EffectClass, Reconciled, ToolCall},
    wait::Wait,
};
use serde_json::{Value, json};

use crate::{
    rig::{Rig, World, waits},
    tap::Tap,
    tools::{Probe, spec},
};

const VISIBLE_WITHIN: Duration = Duration::from_secs(300);
const RECONCILABLE: EffectClass = EffectClass::Reconcilable { visible_within: VISIBLE_WITHIN };

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Order {}

#[flow(name = "order", version = 1)]
impl Order {
    #[start(grants = ["order"])]
    async fn order(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.tool(("order", json!({"cup": 1}))).await.required()?)
    }
}

/// A run whose order was sent, and nobody knows what became of it.
struct Lost {
    rig: Rig,
    run_id: RunId,
    order: Arc<Probe>,
}

impl Lost {
    /// The worker died after the intent was committed and the call was sent.
    async fn with_its_worker() -> Self {
        let world = World::memory();
        let order = Probe::hanging_once("order", RECONCILABLE, json!("ordered"));
        let program = || world.program(|p| drop(p.flow::<Order>().tool(order.clone())));
        let first = program();
        let run_id = first.start("order", json!({})).await;
        let worker = first.worker();
        order.called(1).await;
        worker.kill().await;
        first.let_leases_lapse();
        Self { rig: program(), run_id, order }
    }

    /// The worker lives, and the answer was lost.
    async fn on_the_way() -> Self {
        let lost = ToolFailure::timed_out(Duration::from_secs(1));
        let order = Probe::failing("order", RECONCILABLE, &[lost]);
        let rig = World::memory().program(|p| drop(p.flow::<Order>().tool(order.clone())));
        let run_id = rig.start("order", json!({})).await;
        Self { rig, run_id, order }
    }

    /// Drives until the run parks on a timer, and returns when that is due.
    async fn due(&self) -> Timestamp {
        let worker = self.rig.worker();
        let row = self.rig.wait_for(self.run_id, |row| row.status == RunStatus::Parked).await;
        worker.stop().await;
        let wait = row.wait.unwrap();
        let [Wait::Timer { due }] = wait.waits[..] else { panic!("{wait:?}") };
        due
    }

    /// Returns from when on the journal lets *absent* count.
    async fn absent_counts_from(&self) -> Timestamp {
        let view = self.rig.view(self.run_id).await;
        let intent = view.projection.steps[0].effects[0].intent.clone().unwrap();
        intent.not_after.after(VISIBLE_WITHIN)
    }
}

#[tokio::test]
async fn what_is_found_on_the_other_side_is_not_sent_again() {
    let lost = Lost::with_its_worker().await;
    lost.order.is_there(Reconciled::Happened(json!("found")));
    assert_eq!(lost.rig.completed(lost.run_id).await, json!("found"));
    assert_eq!((lost.order.count(), lost.order.looks()), (1, lost.order.keys()));
    let view = lost.rig.view(lost.run_id).await;
    assert_eq!(view.projection.ledger.total_spent().tool_calls, 1, "it was one call");
}

#[tokio::test]
async fn what_is_absent_may_still_appear_and_is_looked_for_again_before_it_is_sent_again() {
    for appears in [false, true] {
        let lost = Lost::with_its_worker().await;
        lost.order.is_there(Reconciled::Absent);
        assert_eq!(lost.due().await, lost.absent_counts_from().await);
        assert_eq!((lost.order.count(), lost.order.looks().len()), (1, 1), "nothing is sent yet");
        if appears {
            lost.order.is_there(Reconciled::Happened(json!("late")));
        }
        let told = lost.rig.completed(lost.run_id).await;
        assert!(lost.order.looks().len() >= 2, "it was looked for again");
        let keys = lost.order.keys();
        match appears {
            true => assert_eq!((told, keys.len()), (json!("late"), 1)),
            false => assert_eq!((told, keys.len()), (json!("ordered"), 2)),
        }
        assert!(keys.iter().all(|key| *key == keys[0]), "always with the same key: {keys:?}");
    }
}

#[tokio::test]
async fn what_the_other_side_does_not_know_is_put_before_a_person() {
    for lost in [Lost::with_its_worker().await, Lost::on_the_way().await] {
        let view = lost.rig.drive(lost.run_id).await;
        assert_eq!(waits(&view.row), ["review"]);
        let asked = lost.rig.open_review(lost.run_id).await.request;
        assert_eq!(asked.reason, ReviewReason::InDoubt);
        assert_eq!(asked.subject["idempotency_key"], json!(lost.order.keys()[0]));
        assert_eq!(asked.subject["arguments"], json!({"cup": 1}));
        let happened = Decision::Amend { subject: json!("as ann saw"), note: None };
        lost.rig.decide(lost.run_id, happened).await;
        assert_eq!(lost.rig.completed(lost.run_id).await, json!("as ann saw"));
        assert_eq!(lost.order.count(), 1);
    }
}

#[tokio::test]
async fn an_answer_lost_on_the_way_is_looked_for_too() {
    let found =
        [(Reconciled::Happened(json!("found")), "found", 1), (Reconciled::Absent, "done", 2)];
    for (there, told, calls) in found {
        let lost = Lost::on_the_way().await;
        lost.order.is_there(there);
        assert_eq!(lost.due().await, lost.absent_counts_from().await);
        assert_eq!(lost.rig.completed(lost.run_id).await, json!(told));
        let keys = lost.order.keys();
        assert_eq!(keys.len(), calls);
        assert!(keys.iter().chain(&lost.order.looks()).all(|key| *key == keys[0]), "one key");
    }
}

/// Drives a run with a call of four seconds, whose first intent takes so long to commit, and returns until when its call was
/// told that it may take effect, and what its intents said about that.
async fn with_a_slow_commit(took: Duration) -> (i64, Vec<i64>) {
    let world = World::memory();
    let (clock, slow) = (world.clock.clone(), AtomicBool::new(true));
    let world = world.through(|store| {
        Tap::new(store, move |operation| {
            let Operation::Append(parts) = operation else { return None };
            let mut rows = parts.iter().flat_map(|part| part.rows.iter());
            if rows.any(|row| row.kind == "effect_intended") && slow.swap(false, Ordering::AcqRel) {
                clock.advance(took);
            }
            None
        })
    });
    let answer = |call: ToolCall, _| async move { Ok(json!(call.deadline.micros())) };
    let order = Probe::of(spec("order", RECONCILABLE).with_timeout(Duration::from_secs(4)), answer);
    let rig = world.program(|p| drop(p.flow::<Order>().tool(order.clone())));
    let run_id = rig.start("order", json!({})).await;
    let deadline = rig.completed(run_id).await.as_i64().unwrap();
    assert_eq!(order.count(), 1);
    let view = rig.view(run_id).await;
    let said = view.rows.iter().filter_map(|(_, entry)| match entry {
        Entry::EffectIntended { not_after, .. } => Some(not_after.micros()),
        _ => None,
    });
    (deadline, said.collect())
}

#[tokio::test]
async fn a_call_may_not_take_effect_later_than_its_intent_says() {
    let (deadline, said) = with_a_slow_commit(Duration::from_secs(2)).await;
    assert_eq!(said, [deadline]);
}

/// As when a server restarts.
#[tokio::test]
async fn a_call_that_its_intent_leaves_no_time_for_is_announced_anew() {
    let (deadline, said) = with_a_slow_commit(Duration::from_secs(4)).await;
    let [first, second] = said[..] else { panic!("{said:?}") };
    assert!(first < deadline && deadline <= second, "{first} {deadline} {second}");
}
