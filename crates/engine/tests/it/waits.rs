//! Waits: signals, children, people, budgets; and that no wake-up is lost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use mainstay::prelude::*;
use mainstay_core::{
    budget::Limits,
    failure::StepError,
    inbox::InboxBody,
    journal::Entry,
    run::RunStatus,
    store::operation::{Delivery, Operation},
    tool::EffectClass,
};
use mainstay_engine::commands::StartRun;
use serde_json::{Value, json};

use crate::{
    rig::{Rig, World, kinds, waits},
    tap::{Tap, ends, parks},
    tools::Probe,
};

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Listen {
    seconds: u64,
}

#[flow(name = "listen", version = 1)]
impl Listen {
    #[start]
    async fn hear(&self, cx: &StepContext) -> Result<String> {
        let within = Duration::from_secs(self.seconds);
        let first: Option<i64> = cx.signal_within("first", within).await?;
        let second: i64 = cx.signal("second").await?;
        Ok(format!("{first:?} {second}"))
    }
}

#[tokio::test]
async fn a_signal_may_come_early_late_or_not_at_all() {
    let rig = Rig::flow::<Listen>();
    let early = rig.start("listen", json!({"seconds": 60})).await;
    rig.runtime.signal(early, "second", &json!(2), "b").await.unwrap();
    rig.runtime.signal(early, "first", &json!(1), "a").await.unwrap();
    rig.runtime.signal(early, "first", &json!(9), "a").await.unwrap();
    assert_eq!(rig.completed(early).await, json!("Some(1) 2"), "the same key counts once");

    let late = rig.start("listen", json!({"seconds": 60})).await;
    assert_eq!(waits(&rig.drive(late).await.row), ["signal"]);
    rig.runtime.signal(late, "first", &json!(3), "a").await.unwrap();
    rig.drive(late).await;
    rig.runtime.signal(late, "second", &json!(4), "b").await.unwrap();
    assert_eq!(rig.completed(late).await, json!("Some(3) 4"));

    let never = rig.start("listen", json!({"seconds": 60})).await;
    rig.drive(never).await;
    rig.clock.advance(Duration::from_secs(61));
    rig.runtime.signal(never, "second", &json!(5), "b").await.unwrap();
    assert_eq!(rig.completed(never).await, json!("None 5"));
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Child {
    number: i64,
}

#[flow(name = "child", version = 1)]
impl Child {
    #[start]
    async fn double(&self) -> Result<i64> {
        if self.number < 0 {
            return Err(StepError::new("a number below zero"));
        }
        Ok(self.number * 2)
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Parent {
    numbers: Vec<i64>,
}

#[flow(name = "parent", version = 1)]
impl Parent {
    #[start]
    async fn spread(&self, cx: &StepContext) -> Result<Vec<String>> {
        let numbers = self.numbers.clone();
        let told = cx.map(numbers, |cx, number| async move {
            let child = ChildRun::of("child", &json!({"number": number}));
            match cx.run_flow::<i64>(child).await {
                Ok(doubled) => doubled.to_string(),
                Err(failure) => failure.message,
            }
        });
        Ok(told.await)
    }
}

#[tokio::test]
async fn a_child_run_ends_well_or_badly_and_its_parent_is_told() {
    let rig = World::memory().program(|p| drop(p.flow::<Parent>().flow::<Child>()));
    let run_id = rig.start("parent", json!({"numbers": [4, -1]})).await;
    assert_eq!(rig.completed(run_id).await, json!(["8", "a number below zero"]));
}

#[tokio::test]
async fn a_map_over_two_hundred_children_wakes_once() {
    let rig = World::memory().program(|p| drop(p.flow::<Parent>().flow::<Child>()));
    let numbers: Vec<_> = (0..200).collect();
    let run_id = rig.start("parent", json!({"numbers": numbers})).await;
    let doubled: Vec<_> = numbers.iter().map(|n| (n * 2).to_string()).collect();
    assert_eq!(rig.completed(run_id).await, json!(doubled));
    let view = rig.view(run_id).await;
    let claims = kinds(&view).into_iter().filter(|kind| *kind == "claimed").count();
    assert_eq!(claims, 2, "started once, woken once");
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Pair {}

#[flow(name = "pair", version = 1)]
impl Pair {
    #[start(grants = ["act"])]
    async fn act(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.tool(("act", json!({}))).await.required()?)
    }

    #[start(grants = ["slow"])]
    async fn slow(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.tool(("slow", json!({}))).await.required()?)
    }

    #[listen(and_(act, slow))]
    async fn end(&self, #[from(act)] act: &Value) -> Result<Value> {
        Ok(act.clone())
    }
}

#[tokio::test]
async fn a_person_may_decide_about_a_doubt_while_a_sibling_still_works() {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let opens = gate.clone();
    let slow = Probe::new("slow", EffectClass::Read, move |_, _| {
        let gate = gate.clone();
        async move {
            let _open = gate.acquire().await?;
            Ok(json!("slow"))
        }
    });
    let act = Probe::new("act", EffectClass::AtMostOnce, |_, _| async {
        Err(ToolFailure::new("the line went dead"))
    });
    let rig =
        World::memory().program(|p| drop(p.flow::<Pair>().tool(act.clone()).tool(slow.clone())));
    let run_id = rig.start("pair", json!({})).await;
    let worker = rig.worker();
    rig.wait_for_entry(run_id, |entry| matches!(entry, Entry::WaitOpened { .. })).await;
    rig.decide(run_id, Decision::Amend { subject: json!("it happened"), note: None }).await;
    rig.clock.advance(Duration::from_secs(4));
    tokio::time::sleep(Duration::from_millis(50)).await;
    opens.add_permits(1);
    rig.settled(run_id).await;
    worker.stop().await;
    let view = rig.view(run_id).await;
    assert_eq!(view.row.status, RunStatus::Completed, "{:?}", view.projection.finished);
    assert_eq!(rig.output(&view.projection).await, json!("it happened"));
    assert_eq!(act.count(), 1);
}

/// Speaks to the run in the moment before it first parks.
fn speaking_before_the_park(
    world: &World,
    say: impl Fn(&Delivery) -> InboxBody + Send + Sync + 'static,
) -> World {
    let said = AtomicBool::new(false);
    let store = world.store.clone();
    world.through(move |inner| {
        Tap::new(inner, move |operation| {
            let Operation::Append(parts) = operation else { return None };
            if !parks(operation) || said.swap(true, Ordering::SeqCst) {
                return None;
            }
            let (run_id, key) = (parts[0].run_id, "just now".to_owned());
            let body = InboxBody::CancelRequested { by: String::new(), reason: String::new() };
            let mut delivery = Delivery { run_id, key, body, payloads: Vec::new() };
            delivery.body = say(&delivery);
            let store = store.clone();
            Some(Box::pin(async move { drop(store.deliver(delivery).await) }))
        })
    })
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Spend {}

#[flow(name = "spend", version = 1)]
impl Spend {
    #[start(grants = ["buy"])]
    async fn spend(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.tool(("buy", json!({}))).await.required()?)
    }
}

#[tokio::test]
async fn a_budget_raised_in_the_moment_of_parking_is_not_lost() {
    let world = speaking_before_the_park(&World::memory(), |_| InboxBody::ToppedUp {
        by: "ann".into(),
        add: Limits { tool_calls: Some(1), ..Limits::none() },
    });
    let buy = Probe::fixed("buy", EffectClass::Read, json!("bought"));
    let rig = world.program(|p| drop(p.flow::<Spend>().tool(buy)));
    let limits = Limits { tool_calls: Some(0), ..Limits::none() };
    let run_id = rig.start_with(StartRun { limits, ..StartRun::new("spend", json!({})) }).await;
    assert_eq!(rig.completed(run_id).await, json!("bought"));
}

#[tokio::test]
async fn a_cancellation_in_the_moment_of_parking_is_not_lost() {
    let world = speaking_before_the_park(&World::memory(), |_| InboxBody::CancelRequested {
        by: "ann".into(),
        reason: "enough".into(),
    });
    let rig = world.program(|p| drop(p.flow::<Listen>()));
    let run_id = rig.start("listen", json!({"seconds": 5})).await;
    let worker = rig.worker();
    rig.wait_for(run_id, |row| row.status == RunStatus::Cancelled).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_call_that_had_no_room_beside_another_is_made_when_there_is_room() {
    let script = "
model: desk
price: { input_per_million: 1000000, output_per_million: 1000000 }
rules:
  - reply: { text: ok }
    usage: { input_tokens: 5, output_tokens: 1 }
";
    let rig = World::memory().program(|p| drop(p.flow::<TwoCalls>().script(script)));
    let limits = Limits { output_tokens: Some(150), ..Limits::none() };
    let run_id = rig.start_with(StartRun { limits, ..StartRun::new("two_calls", json!({})) }).await;
    assert_eq!(rig.completed(run_id).await, json!("okok"));
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct TwoCalls {}

#[flow(name = "two_calls", version = 1)]
impl TwoCalls {
    #[start]
    async fn both(&self, cx: &StepContext) -> Result<String> {
        let model: mainstay_core::model::ModelId = "scripted:desk".parse()?;
        let ask = |cx: StepContext, text: &'static str| {
            let request = ModelRequest::new(model.clone()).with_user(text);
            async move { cx.model(request.with_max_output_tokens(100)).await }
        };
        let (one, two) = cx.join(|cx| ask(cx, "one"), |cx| ask(cx, "two")).await;
        Ok(format!("{}{}", one?.text, two?.text))
    }
}

#[tokio::test]
async fn a_message_that_comes_just_before_the_end_is_received_and_then_the_run_ends() {
    let spoke = Arc::new(AtomicBool::new(false));
    let world = World::memory().through(|store| {
        let inner = store.clone();
        Tap::new(store, move |operation| {
            let run_id = ends(operation).filter(|_| !spoke.swap(true, Ordering::AcqRel))?;
            let store = inner.clone();
            let (key, by) = ("late".to_owned(), "ann".to_owned());
            let body = InboxBody::RetryRequested { by };
            let delivery = Delivery { run_id, key, body, payloads: Vec::new() };
            Some(Box::pin(async move {
                store.deliver(delivery).await.unwrap();
            }))
        })
    });
    let rig = world.program(|p| drop(p.flow::<Child>()));
    let run_id = rig.start("child", json!({"number": 4})).await;
    assert_eq!(rig.completed(run_id).await, json!(8));
    let told = kinds(&rig.view(run_id).await);
    assert_eq!(told, ["created", "claimed", "step_finished", "received", "finished"]);
}
