//! Several programs and workers at one run: J, M, N.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use mainstay::prelude::*;
use mainstay_core::{
    flow::FlowVersion, journal::Entry, run::RunStatus, store::operation::Operation,
    tool::EffectClass,
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::{
    rig::{World, waits},
    tap::Tap,
    tools::Probe,
};

mod old {
    use super::*;

    #[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
    pub(super) struct Leave {}

    #[flow(name = "leave", version = 1)]
    impl Leave {
        #[start]
        async fn ask_boss(&self, cx: &StepContext) -> Result<String> {
            match cx.review(Review::of("may they go?", &json!({}))).await? {
                ReviewOutcome::Decided { decision, .. } => Ok(decision.verb().to_owned()),
                ReviewOutcome::Expired => Ok("expired".to_owned()),
            }
        }

        #[listen(ask_boss)]
        async fn tell(&self, verb: &String) -> Result<String> {
            Ok(format!("the boss said {verb}"))
        }
    }
}

mod renamed {
    use super::*;

    #[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
    pub(super) struct Leave {}

    #[flow(name = "leave", version = 2)]
    impl Leave {
        #[start]
        async fn ask_manager(&self, cx: &StepContext) -> Result<String> {
            let _ = cx.review(Review::of("may they go?", &json!({}))).await?;
            Ok("the manager said something".to_owned())
        }
    }
}

#[tokio::test]
async fn j_a_run_waits_in_sight_for_a_program_with_its_version() {
    let world = World::sqlite("peer-j").await;
    let first = world.program(|p| drop(p.flow::<old::Leave>()));
    let run_id = first.start("leave", json!({})).await;
    assert_eq!(waits(&first.drive(run_id).await.row), ["review"]);

    let second = world.program(|p| drop(p.flow::<renamed::Leave>()));
    second.approve(run_id).await;
    let worker = second.worker();
    let other = second.start("leave", json!({})).await;
    second.settled(other).await;
    worker.stop().await;
    let row = second.runtime.row(run_id).await.unwrap();
    assert_eq!(row.status, RunStatus::Queued, "decided, and waiting for its version");
    assert_eq!(row.flow, FlowVersion { version: 1, ..row.flow.clone() });
    assert!(!second.runtime.flows.lanes().contains(&row.flow), "no lane here drives it");
    assert_eq!(second.view(run_id).await.projection.steps.len(), 1, "and it still reads back");

    let third = world.program(|p| drop(p.flow::<old::Leave>().flow::<renamed::Leave>()));
    assert_eq!(third.completed(run_id).await, json!("the boss said approve"));
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Work {}

#[flow(name = "work", version = 1)]
impl Work {
    #[start(grants = ["work"])]
    async fn work(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.tool(("work", json!({"much": true}))).await.required()?)
    }
}

#[tokio::test]
async fn m_two_workers_one_run_one_journal() {
    let world = World::sqlite("peer-m").await;
    let tool = Probe::fixed("work", EffectClass::AtMostOnce, json!("done"));
    let program = || world.program(|p| drop(p.flow::<Work>().tool(tool.clone())));
    let (left, right) = (program(), program());
    let mut runs = Vec::new();
    for _ in 0..20 {
        runs.push(left.start("work", json!({})).await);
    }
    let workers = [left.worker(), right.worker()];
    for run_id in &runs {
        left.settled(*run_id).await;
    }
    for worker in workers {
        worker.stop().await;
    }
    assert_eq!(tool.count(), runs.len(), "each run's call is made once");
    for run_id in runs {
        let view = left.view(run_id).await;
        assert_eq!(view.row.status, RunStatus::Completed);
        let claims = view.rows.iter().filter(|(_, e)| matches!(e, Entry::Claimed { .. })).count();
        assert_eq!(claims, 1);
    }
}

#[tokio::test]
async fn m_a_worker_that_was_away_too_long_can_add_nothing() {
    let world = World::sqlite("peer-m-zombie").await;
    let tool = Probe::fixed("work", EffectClass::AtMostOnce, json!("done"));
    let asked = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(Semaphore::new(0));
    let (count, opens) = (asked.clone(), gate.clone());
    let stalled = world.through(move |store| {
        Tap::new(store, move |operation| {
            let late = count.load(Ordering::SeqCst) > 0;
            match operation {
                Operation::Append(_) => count.fetch_add(1, Ordering::SeqCst),
                // Nor does it come back under a new session before the gate opens.
                Operation::OpenSession(_) if late => 0,
                _ => return None,
            };
            let gate = gate.clone();
            Some(Box::pin(async move { drop(gate.acquire().await) }))
        })
    });
    let zombie = stalled.program(|p| drop(p.flow::<Work>().tool(tool.clone())));
    let run_id = zombie.start("work", json!({})).await;
    let away = zombie.worker();
    while asked.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    zombie.let_leases_lapse();

    let rig = world.program(|p| drop(p.flow::<Work>().tool(tool.clone())));
    assert_eq!(rig.completed(run_id).await, json!("done"));
    let before = rig.view(run_id).await.rows.len();
    opens.add_permits(1_000);
    assert!(away.stop().await.sessions_lost > 0, "it learns that its time is over");
    assert_eq!(rig.view(run_id).await.rows.len(), before, "and could add nothing");
    assert_eq!(tool.count(), 1);
}

#[tokio::test]
async fn n_a_call_longer_than_many_beats_is_made_once_while_the_worker_lives() {
    let world = World::sqlite("peer-n-alive").await;
    let gate = Arc::new(Semaphore::new(0));
    let opens = gate.clone();
    let tool = Probe::new("work", EffectClass::AtMostOnce, move |_, _| {
        let gate = gate.clone();
        async move {
            let _open = gate.acquire().await?;
            Ok(json!("done"))
        }
    });
    let program = || world.program(|p| drop(p.flow::<Work>().tool(tool.clone())));
    let (rig, other) = (program(), program());
    let run_id = rig.start("work", json!({})).await;
    let worker = rig.worker();
    tool.called(1).await;
    let onlooker = other.worker();
    rig.sessions_are_open(2).await;
    // Forty seconds pass, a second at a time: more than twice the lease, more than ten beats. No
    // second comes before the beats of the last are in, however slow the machine.
    for _ in 0..40 {
        rig.clock.advance(Duration::from_secs(1));
        rig.beats_are_in().await;
    }
    opens.add_permits(1);
    rig.settled(run_id).await;
    assert_eq!(worker.stop().await.sessions_lost, 0, "the beats went on");
    onlooker.stop().await;
    let view = rig.view(run_id).await;
    assert_eq!(rig.output(&view.projection).await, json!("done"));
    assert_eq!((tool.count(), view.row.epoch), (1, 1));
}

#[tokio::test]
async fn n_after_a_real_loss_the_call_is_in_doubt_and_a_person_says_what_happened() {
    let world = World::sqlite("peer-n-lost").await;
    let tool = Probe::hanging_once("work", EffectClass::AtMostOnce, json!("made twice"));
    let program = || world.program(|p| drop(p.flow::<Work>().tool(tool.clone())));
    let first = program();
    let run_id = first.start("work", json!({})).await;
    let worker = first.worker();
    tool.called(1).await;
    worker.kill().await;
    first.let_leases_lapse();

    let second = program();
    let view = second.drive(run_id).await;
    assert_eq!((view.row.status, waits(&view.row)), (RunStatus::Parked, vec!["review"]));
    let review = second.open_review(run_id).await.request;
    assert_eq!(review.queue, "in_doubt");
    assert_eq!(review.subject["tool"], "work");
    assert_eq!(review.subject["arguments"], json!({"much": true}));
    assert_eq!(review.subject["idempotency_key"], tool.keys()[0]);
    let happened = Decision::Amend { subject: json!("it was done"), note: None };
    second.decide(run_id, happened).await;
    assert_eq!(program().completed(run_id).await, json!("it was done"));
    assert_eq!(tool.count(), 1, "nothing is sent again by itself");
}
