//! After a crash, a stop or a change of code: what goes on, what waits, what is shown.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use mainstay::prelude::*;
use mainstay_core::{journal::Entry, run::RunStatus, tool::EffectClass, wait::Wait};
use serde_json::{Value, json};

use crate::{
    rig::{Rig, World, kinds, waits},
    tools::{FOREVER, Probe, spec},
};

static CHANGED: AtomicBool = AtomicBool::new(false);

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Drift {}

#[flow(name = "drift", version = 1)]
impl Drift {
    #[start(grants = ["red", "blue"])]
    async fn paint(&self, cx: &StepContext) -> Result<String> {
        let colour = if CHANGED.load(Ordering::SeqCst) { "blue" } else { "red" };
        let _: Value = cx.tool((colour, json!({}))).await.required()?;
        cx.signal::<Value>("dry").await?;
        Ok(colour.to_owned())
    }
}

#[tokio::test]
async fn code_that_asks_for_something_else_parks_and_shows_both_sides() {
    let tool = |name| Probe::fixed(name, FOREVER, json!(name));
    let (red, blue) = (tool("red"), tool("blue"));
    let rig = World::memory().program(|p| {
        p.flow::<Drift>().tool(red.clone()).tool(blue.clone());
    });
    let run_id = rig.start("drift", json!({})).await;
    assert_eq!(waits(&rig.drive(run_id).await.row), ["signal"]);
    CHANGED.store(true, Ordering::SeqCst);
    rig.runtime.signal(run_id, "dry", &json!(1), "k").await.unwrap();
    let view = rig.drive(run_id).await;
    let wait = view.row.wait.clone().unwrap();
    let Some(Wait::Divergence(sides)) = wait.waits.first() else { panic!("{wait:?}") };
    assert_eq!(sides.position.as_ref().unwrap().to_string(), "paint#1:0");
    assert_eq!(sides.journal.as_ref().unwrap().name, "red");
    assert_eq!(sides.code.as_ref().unwrap().name, "blue");
    assert_eq!(blue.count(), 0, "nothing is guessed");

    CHANGED.store(false, Ordering::SeqCst);
    rig.runtime.retry(run_id, "ann").await.unwrap();
    assert_eq!(rig.completed(run_id).await, json!("red"));
    assert_eq!(red.count(), 1);
}

mod before {
    use super::*;

    #[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
    pub(super) struct Letter {}

    #[flow(name = "letter", version = 1)]
    impl Letter {
        #[start]
        async fn write(&self, cx: &StepContext) -> Result<String> {
            let name: String = cx.signal("name").await?;
            Ok(format!("dear {name}"))
        }
    }
}

mod after {
    use super::*;

    #[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
    pub(super) struct Letter {}

    #[flow(name = "letter", version = 1)]
    impl Letter {
        #[start]
        async fn write(&self, cx: &StepContext) -> Result<String> {
            let name: String = cx.signal("name").await?;
            Ok(format!("hello {name}"))
        }
    }
}

#[tokio::test]
async fn an_open_step_whose_body_changed_waits_for_the_old_one_or_for_a_person() {
    let world = World::memory();
    let old = world.program(|p| drop(p.flow::<before::Letter>()));
    let new = world.program(|p| drop(p.flow::<after::Letter>()));
    let mut runs = Vec::new();
    for _ in 0..2 {
        let run_id = old.start("letter", json!({})).await;
        old.drive(run_id).await;
        old.runtime.signal(run_id, "name", &json!("ann"), "k").await.unwrap();
        let row = new.drive(run_id).await.row;
        assert_eq!((row.status, waits(&row)), (RunStatus::Parked, vec!["worker_version"]));
        new.runtime.retry(run_id, "ann").await.unwrap();
        runs.push(run_id);
    }
    assert_eq!(old.completed(runs[0]).await, json!("dear ann"), "the old program goes on");
    assert_eq!(new.completed(runs[1]).await, json!("hello ann"), "or a person lets the new one");
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Work {}

#[flow(name = "work", version = 1)]
impl Work {
    #[start(grants = ["work"])]
    async fn work(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.tool(("work", json!({}))).await.required()?)
    }

    #[listen(work)]
    async fn end(&self, done: &Value) -> Result<Value> {
        Ok(done.clone())
    }
}

#[tokio::test]
async fn five_crashes_in_one_place_set_a_run_aside() {
    let world = World::memory();
    let deadly = Arc::new(AtomicBool::new(true));
    let kills = deadly.clone();
    let work = Probe::new("work", FOREVER, move |_, _| {
        let kills = kills.clone();
        async move {
            if kills.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            Ok(json!("done"))
        }
    });
    let program = || world.program(|p| drop(p.flow::<Work>().tool(work.clone())));
    let first = program();
    let run_id = first.start("work", json!({})).await;
    for crash in 1..=5 {
        let rig = program();
        let worker = rig.worker();
        work.called(crash).await;
        worker.kill().await;
        rig.let_leases_lapse();
    }
    let view = program().drive(run_id).await;
    assert_eq!(waits(&view.row), ["quarantine"]);
    assert_eq!(view.row.wait.unwrap().waits, [Wait::Quarantine { crashes: 5 }]);
    assert_eq!(work.count(), 5, "it is not tried a sixth time by itself");
    deadly.store(false, Ordering::SeqCst);
    first.runtime.retry(run_id, "ann").await.unwrap();
    assert_eq!(program().completed(run_id).await, json!("done"));
}

#[tokio::test]
async fn a_worker_that_stops_waits_for_its_calls_and_gives_its_runs_back() {
    let world = World::memory();
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let opens = gate.clone();
    let work = Probe::new("work", EffectClass::AtMostOnce, move |_, _| {
        let gate = gate.clone();
        async move {
            let _open = gate.acquire().await?;
            Ok(json!("done"))
        }
    });
    let program = || world.program(|p| drop(p.flow::<Work>().tool(work.clone())));
    let rig = program();
    let run_id = rig.start("work", json!({})).await;
    let worker = rig.worker();
    work.called(1).await;
    let stopping = tokio::spawn(worker.stop());
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!stopping.is_finished(), "it waits for the call");
    opens.add_permits(1);
    assert_eq!(stopping.await.unwrap().sessions_lost, 0);
    let view = rig.view(run_id).await;
    assert_eq!((view.row.status, view.row.crashes), (RunStatus::Queued, 0));
    assert_eq!(*kinds(&view).last().unwrap(), "released");
    assert_eq!(program().completed(run_id).await, json!("done"));
    assert_eq!(work.count(), 1);
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Careful {}

#[flow(name = "careful", version = 1)]
impl Careful {
    #[start(grants = ["work"])]
    #[step(retry(max = 2, base = "1s"))]
    async fn go(&self, cx: &StepContext) -> Result<String> {
        let ask = |cx: StepContext| async move { cx.review(Review::of("go?", &json!({}))).await };
        let act = |cx: StepContext| async move {
            cx.tool::<(&str, Value)>(("work", json!({}))).await.required()
        };
        let (done, said) = cx
            .join(act, |cx| async move {
                let said = ask(cx).await;
                said.map(|said| format!("{said:?}"))
            })
            .await;
        Ok(format!("{}: {}", done?, said?))
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Racing {}

#[flow(name = "racing", version = 1)]
impl Racing {
    #[start(grants = ["work"])]
    #[step(retry(max = 2, base = "1s"))]
    async fn go(&self, cx: &StepContext) -> Result<String> {
        let signal = cx.signal_within::<Value>("go", Duration::from_secs(600));
        let _: Value = cx.tool(("work", json!({}))).await.required()?;
        Ok(format!("{:?}", signal.await?))
    }
}

#[tokio::test]
async fn a_wait_outlives_the_attempt_that_opened_it() {
    let flaky =
        spec("work", EffectClass::Read).with_retry(mainstay_core::retry::RetryPolicy::never());
    let flaky = Probe::of(flaky, |_, nth| {
        let down = ToolFailure::unavailable("not now");
        std::future::ready(if nth == 1 { Err(down) } else { Ok(json!("done")) })
    });
    let rig = World::memory().program(|p| drop(p.flow::<Racing>().tool(flaky)));
    let run_id = rig.start("racing", json!({})).await;
    let worker = rig.worker();
    rig.wait_for_entry(run_id, |entry| matches!(entry, Entry::StepFailed { .. })).await;
    rig.clock.advance(Duration::from_secs(2));
    rig.wait_for_entry(run_id, |entry| matches!(entry, Entry::StepStarted { attempt: 2, .. }))
        .await;
    rig.wait_for(run_id, |row| row.status == RunStatus::Parked).await;
    rig.clock.advance(Duration::from_secs(601));
    rig.wait_for(run_id, |row| row.status == RunStatus::Completed).await;
    worker.stop().await;
    let view = rig.view(run_id).await;
    assert_eq!(rig.output(&view.projection).await, json!("None"));
}

#[tokio::test]
async fn a_decision_outlives_the_attempt_that_asked_for_it() {
    let flaky =
        spec("work", EffectClass::Read).with_retry(mainstay_core::retry::RetryPolicy::never());
    let flaky = Probe::of(flaky, |_, nth| {
        let down = ToolFailure::unavailable("not now");
        std::future::ready(if nth == 1 { Err(down) } else { Ok(json!("done")) })
    });
    let rig = World::memory().program(|p| drop(p.flow::<Careful>().tool(flaky)));
    let run_id = rig.start("careful", json!({})).await;
    let view = rig.drive(run_id).await;
    assert_eq!(view.row.status, RunStatus::Parked);
    rig.approve(run_id).await;
    let said = rig.completed(run_id).await;
    assert!(said.as_str().unwrap().contains("Approve"), "{said}");
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Race {}

#[flow(name = "race", version = 1)]
impl Race {
    #[start(grants = ["left", "right"])]
    async fn run(&self, cx: &StepContext) -> Result<String> {
        let arm = |name: &'static str| -> Box<dyn FnOnce(StepContext) -> _ + Send> {
            Box::new(move |cx: StepContext| {
                Box::pin(async move { cx.tool((name, json!({}))).await.required() })
                    as futures::future::BoxFuture<'static, Result<Value, Failure>>
            })
        };
        let (number, first) = cx.race(vec![arm("left"), arm("right")]).await;
        cx.signal::<Value>("go").await?;
        Ok(format!("{number}: {}", first?))
    }
}

#[tokio::test]
async fn a_race_has_the_same_winner_on_every_replay() {
    let left = Probe::new("left", EffectClass::Read, |_, _| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(json!("left"))
    });
    let right = Probe::fixed("right", EffectClass::Read, json!("right"));
    let world = World::memory();
    let program = || -> Rig {
        world.program(|p| drop(p.flow::<Race>().tool(left.clone()).tool(right.clone())))
    };
    let first = program();
    let run_id = first.start("race", json!({})).await;
    assert_eq!(waits(&first.drive(run_id).await.row), ["signal"]);
    first.runtime.signal(run_id, "go", &json!(1), "k").await.unwrap();
    assert_eq!(program().completed(run_id).await, json!("1: \"right\""));
    assert_eq!((left.count(), right.count()), (1, 1), "the loser was recorded, not repeated");
}
