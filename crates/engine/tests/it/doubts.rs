//! Actions of which nobody knows whether they happened, and what people say about them.

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
    id::RunId,
    journal::{Entry, Leave},
    review::Decision,
    run::RunStatus,
    tool::EffectClass,
};
use mainstay_engine::fork::ForkRun;
use serde_json::{Value, json};

use crate::{
    rig::{Rig, World, kinds, waits},
    tools::{FOREVER, Probe},
};

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Put {}

#[flow(name = "put", version = 1)]
impl Put {
    #[start(grants = ["put"])]
    async fn put(&self, cx: &StepContext) -> Result<String> {
        Ok(match cx.tool::<(&str, Value)>(("put", json!({}))).await {
            Called::Found(value) => format!("found {value}"),
            Called::Failed(failure) => format!("failed: {}", failure.message),
            Called::InDoubt(doubt) => format!("in doubt: {}", doubt.because),
            Called::Empty | Called::Denied(_) => "nothing".to_owned(),
        })
    }
}

fn dead_line() -> ToolFailure {
    ToolFailure::new("the line went dead")
}

fn no_answer() -> ToolFailure {
    ToolFailure::timed_out(Duration::from_secs(1))
}

fn not_reached() -> ToolFailure {
    ToolFailure::unavailable("nobody is there")
}

fn amended(subject: &str) -> Decision {
    Decision::Amend { subject: json!(subject), note: None }
}

/// Drives a run of `Put` until it ends or stops.
async fn put(world: &World, put: &Arc<Probe>) -> (Rig, RunId) {
    let rig = world.program(|p| drop(p.flow::<Put>().tool(put.clone())));
    let run_id = rig.start("put", json!({})).await;
    rig.drive(run_id).await;
    (rig, run_id)
}

#[tokio::test]
async fn what_a_person_says_of_an_action_counts_also_where_no_intent_announced_it() {
    let reject = Decision::Reject { reason: "not in the books".into() };
    let respond = Decision::Respond { text: "the books are lost".into() };
    let table = [
        (amended("in the books"), "found \"in the books\"", 1),
        (reject, "failed: ann says it did not happen: not in the books", 1),
        (respond, "in doubt: the books are lost", 1),
        (Decision::Approve { note: None }, "found \"done\"", 2),
    ];
    for (decision, told, calls) in table {
        let world = World::memory();
        let probe = Probe::failing("put", FOREVER, &[dead_line()]);
        let (rig, run_id) = put(&world, &probe).await;
        rig.decide(run_id, decision).await;
        let next = world.program(|p| drop(p.flow::<Put>().tool(probe.clone())));
        assert_eq!(next.completed(run_id).await, json!(told));
        assert_eq!(probe.count(), calls, "{told}");
        assert!(probe.keys().iter().all(|key| *key == probe.keys()[0]), "always the same key");
        let spent = rig.view(run_id).await.projection.ledger.total_spent();
        assert_eq!(spent.tool_calls, calls as u64, "each call is charged once: {told}");
    }
}

#[tokio::test]
async fn a_leave_to_send_again_outlives_the_worker_that_acts_on_it() {
    let world = World::memory();
    let probe = Probe::new("put", FOREVER, |_, nth| async move {
        match nth {
            1 => return Err(dead_line()),
            2 => std::future::pending::<()>().await,
            _ => {}
        }
        Ok(json!("done"))
    });
    let (rig, run_id) = put(&world, &probe).await;
    rig.approve(run_id).await;
    let worker = rig.worker();
    probe.called(2).await;
    worker.kill().await;
    rig.let_leases_lapse();
    let next = world.program(|p| drop(p.flow::<Put>().tool(probe.clone())));
    assert_eq!(next.completed(run_id).await, json!("found \"done\""));
    assert_eq!(probe.count(), 3);
}

#[tokio::test]
async fn a_second_doubt_about_the_same_action_is_a_review_of_its_own() {
    let world = World::memory();
    let probe = Probe::failing("put", FOREVER, &[dead_line(), dead_line()]);
    let (rig, run_id) = put(&world, &probe).await;
    let first = rig.open_review(run_id).await.request.review_id;
    rig.approve(run_id).await;
    rig.drive(run_id).await;
    assert_ne!(rig.open_review(run_id).await.request.review_id, first);
    rig.decide(run_id, amended("seen")).await;
    assert_eq!(rig.completed(run_id).await, json!("found \"seen\""));
    assert_eq!(probe.count(), 2);
}

#[tokio::test]
async fn nobody_is_asked_while_a_repeat_with_the_same_key_can_tell() {
    let patient = no_answer().with_retry_after(Duration::from_secs(120));
    for failures in [vec![no_answer(), no_answer()], vec![patient.clone(), patient]] {
        let probe = Probe::failing("put", FOREVER, &failures);
        let (rig, run_id) = put(&World::memory(), &probe).await;
        assert_eq!(rig.completed(run_id).await, json!("found \"done\""));
        assert_eq!(probe.count(), 3);
        assert!(!kinds(&rig.view(run_id).await).contains(&"wait_opened"), "nobody was asked");
    }
    let probe = Probe::failing("put", FOREVER, &[no_answer(), no_answer(), no_answer()]);
    let (rig, run_id) = put(&World::memory(), &probe).await;
    assert_eq!(rig.open_review(run_id).await.request.subject["attempts"], json!(3));
    assert_eq!(probe.count(), 3, "but not for ever");
}

#[tokio::test]
async fn a_worker_that_stops_leaves_the_repeat_to_the_next() {
    let world = World::memory();
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let opens = gate.clone();
    let probe = Probe::new("put", FOREVER, move |_, nth| {
        let gate = gate.clone();
        async move {
            let _open = gate.acquire().await?;
            if nth == 1 { Err(no_answer()) } else { Ok(json!("done")) }
        }
    });
    let rig = world.program(|p| drop(p.flow::<Put>().tool(probe.clone())));
    let run_id = rig.start("put", json!({})).await;
    let worker = rig.worker();
    probe.called(1).await;
    let stopping = tokio::spawn(worker.stop());
    tokio::time::sleep(Duration::from_millis(20)).await;
    opens.add_permits(1);
    stopping.await.unwrap();
    let view = rig.view(run_id).await;
    assert_eq!(*kinds(&view).last().unwrap(), "released");
    assert!(rig.open_reviews(run_id).await.is_empty(), "a deploy is no reason to ask a person");
    assert_eq!(rig.completed(run_id).await, json!("found \"done\""));
    assert_eq!(probe.keys()[0], probe.keys()[1]);
}

#[tokio::test]
async fn that_a_repeat_did_not_arrive_says_nothing_of_the_call_before_it() {
    let lost_then_unreached = [no_answer(), not_reached(), not_reached()];
    let probe = Probe::failing("put", FOREVER, &lost_then_unreached);
    let (rig, run_id) = put(&World::memory(), &probe).await;
    assert_eq!(waits(&rig.view(run_id).await.row), ["review"]);
    assert_eq!(probe.count(), 3);

    let once = [dead_line(), not_reached(), not_reached(), not_reached()];
    let probe = Probe::failing("put", EffectClass::AtMostOnce, &once);
    let (rig, run_id) = put(&World::memory(), &probe).await;
    rig.approve(run_id).await;
    assert_eq!(waits(&rig.drive(run_id).await.row), ["review"], "the first may have happened");

    let refusal = ToolFailure::refused("no such shelf");
    let probe = Probe::failing("put", FOREVER, &[no_answer(), refusal]);
    let (rig, run_id) = put(&World::memory(), &probe).await;
    let told = rig.completed(run_id).await;
    assert_eq!(told, json!("failed: no such shelf"), "who knows the key speaks of both");
}

#[tokio::test]
async fn what_a_person_says_counts_where_the_tool_is_gone() {
    let world = World::memory();
    let probe = Probe::hanging_once("put", EffectClass::AtMostOnce, json!("done"));
    let first = world.program(|p| drop(p.flow::<Put>().tool(probe.clone())));
    let run_id = first.start("put", json!({})).await;
    let worker = first.worker();
    probe.called(1).await;
    worker.kill().await;
    first.let_leases_lapse();

    let without = world.program(|p| drop(p.flow::<Put>()));
    without.drive(run_id).await;
    without.approve(run_id).await;
    assert_eq!(waits(&without.drive(run_id).await.row), ["review"], "nothing to send it with");
    without.decide(run_id, amended("seen")).await;
    assert_eq!(without.completed(run_id).await, json!("found \"seen\""));
    assert_eq!(probe.count(), 1);
}

#[tokio::test]
async fn a_run_is_not_forked_in_the_middle_of_a_doubt() {
    let probe = Probe::failing("put", FOREVER, &[dead_line()]);
    let (rig, run_id) = put(&World::memory(), &probe).await;
    let wish = ForkRun { run_id, at: None, limits: Limits::none(), leave: Leave::Withheld };
    let refused = rig.runtime.fork(wish).await.unwrap_err();
    assert!(refused.to_string().contains("put#1:0"), "{refused}");
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Pair {}

#[flow(name = "put_pair", version = 1)]
impl Pair {
    #[start(grants = ["put"])]
    async fn put(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.tool(("put", json!({}))).await.required()?)
    }

    #[start(grants = ["fail"])]
    async fn fail(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.tool(("fail", json!({}))).await.required()?)
    }

    #[listen(and_(put, fail))]
    async fn end(&self) -> Result<()> {
        Err(StepError::new("never reached"))
    }
}

#[tokio::test]
async fn a_run_that_fails_waits_for_what_is_said_of_an_action_that_was_not_announced() {
    let world = World::memory();
    let probe = Probe::failing("put", FOREVER, &[dead_line()]);
    let fail = Probe::failing("fail", EffectClass::Read, &[ToolFailure::refused("no")]);
    let program =
        || world.program(|p| drop(p.flow::<Pair>().tool(probe.clone()).tool(fail.clone())));
    let rig = program();
    let run_id = rig.start("put_pair", json!({})).await;
    assert_eq!(waits(&rig.drive(run_id).await.row), ["review"]);
    rig.decide(run_id, amended("seen")).await;
    assert_eq!(program().drive(run_id).await.row.status, RunStatus::Failed);
    assert_eq!(probe.count(), 1);
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Impatient {}

#[flow(name = "impatient", version = 1)]
impl Impatient {
    #[start(grants = ["put"])]
    async fn go(&self, cx: &StepContext) -> Result<usize> {
        type Arm = Box<
            dyn FnOnce(StepContext) -> futures::future::BoxFuture<'static, Result<Value, Failure>>
                + Send,
        >;
        let act: Arm =
            Box::new(|cx| Box::pin(async move { cx.tool(("put", json!({}))).await.required() }));
        let stop: Arm = Box::new(|cx| Box::pin(async move { cx.signal::<Value>("stop").await }));
        Ok(cx.race(vec![act, stop]).await.0)
    }
}

#[tokio::test]
async fn a_step_does_not_end_before_its_doubts_although_its_code_does() {
    let world = World::memory();
    let probe = Probe::failing("put", EffectClass::AtMostOnce, &[dead_line()]);
    let program = || world.program(|p| drop(p.flow::<Impatient>().tool(probe.clone())));
    let rig = program();
    let run_id = rig.start("impatient", json!({})).await;
    rig.drive(run_id).await;
    rig.runtime.signal(run_id, "stop", &json!(1), "k").await.unwrap();
    let view = rig.drive(run_id).await;
    assert_eq!((view.row.status, waits(&view.row)), (RunStatus::Parked, vec!["review"]));
    rig.decide(run_id, amended("seen")).await;
    assert_eq!(program().completed(run_id).await, json!(1), "the signal came first");
    let settled = |entry: &Entry| matches!(entry, Entry::EffectSettled(_));
    assert!(rig.view(run_id).await.rows.iter().any(|(_, entry)| settled(entry)));
    assert_eq!(probe.count(), 1);
}

#[tokio::test]
async fn what_a_dead_worker_may_have_sent_is_in_doubt_when_nobody_can_be_reached() {
    let world = World::memory();
    let tool = Probe::new("put", FOREVER, |_, nth| async move {
        if nth == 1 {
            std::future::pending::<()>().await;
        }
        Err(not_reached())
    });
    let program = || world.program(|p| drop(p.flow::<Put>().tool(tool.clone())));
    let first = program();
    let run_id = first.start("put", json!({})).await;
    let worker = first.worker();
    tool.called(1).await;
    worker.kill().await;
    first.let_leases_lapse();
    let view = program().drive(run_id).await;
    assert_eq!(waits(&view.row), ["review"], "the first call may have arrived");
    assert!(!kinds(&view).contains(&"effect_intended"), "and no entry tells of it");
}

static FICKLE: AtomicBool = AtomicBool::new(false);

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Fickle {}

#[flow(name = "fickle", version = 1)]
impl Fickle {
    #[start(grants = ["send"])]
    async fn send(&self, cx: &StepContext) -> Result<Value> {
        if FICKLE.load(Ordering::SeqCst) {
            return Err(StepError::new("the disk is full"));
        }
        Ok(cx.tool(("send", json!({}))).await.required()?)
    }
}

#[tokio::test]
async fn an_attempt_that_fails_before_its_open_action_does_not_drop_it() {
    let world = World::memory();
    let tool = Probe::hanging_once("send", EffectClass::AtMostOnce, json!("twice"));
    let program = || world.program(|p| drop(p.flow::<Fickle>().tool(tool.clone())));
    let first = program();
    let run_id = first.start("fickle", json!({})).await;
    let worker = first.worker();
    tool.called(1).await;
    worker.kill().await;
    first.let_leases_lapse();
    FICKLE.store(true, Ordering::SeqCst);
    let second = program();
    assert_eq!(waits(&second.drive(run_id).await.row), ["divergence"]);

    FICKLE.store(false, Ordering::SeqCst);
    second.runtime.retry(run_id, "ann").await.unwrap();
    assert_eq!(waits(&second.drive(run_id).await.row), ["review"], "it is still in doubt");
    assert_eq!(tool.count(), 1);
}
