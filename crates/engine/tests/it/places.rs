//! A worker's places: how many runs execute at once, and when the next may begin.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use futures::FutureExt;
use mainstay::prelude::*;
use mainstay_core::{
    store::operation::{Operation, RowChange},
    tool::EffectClass,
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::{
    rig::{Rig, World},
    tap::Tap,
    tools::Probe,
};

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Work {}

#[flow(name = "work", version = 1)]
impl Work {
    #[start(grants = ["work"])]
    #[finish]
    async fn work(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.tool(("work", json!({}))).await.required()?)
    }
}

fn program(world: &World, tool: &Arc<Probe>, places: usize) -> Rig {
    world.program(|p| {
        p.flow::<Work>().tool(tool.clone());
        p.options.concurrency = places;
    })
}

#[tokio::test]
async fn no_more_runs_execute_than_there_are_places_however_many_wait() {
    let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts = (inside.clone(), most.clone());
    let tool = Probe::new("work", EffectClass::Read, move |_, _| {
        let (inside, most) = counts.clone();
        async move {
            most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            inside.fetch_sub(1, Ordering::SeqCst);
            Ok(json!("done"))
        }
    });
    let rig = program(&World::memory(), &tool, 4);
    let mut runs = Vec::new();
    for _ in 0..60 {
        runs.push(rig.start("work", json!({})).await);
    }
    let worker = rig.worker();
    for run_id in runs {
        rig.settled(run_id).await;
    }
    worker.stop().await;
    assert_eq!((most.load(Ordering::SeqCst), tool.count()), (4, 60));
}

#[tokio::test]
async fn a_run_that_ends_gives_up_its_place_before_its_end_is_durable() {
    let (first, gate) = (AtomicBool::new(true), Arc::new(Semaphore::new(0)));
    let held = gate.clone();
    let world = World::memory().through(|inner| {
        Tap::new(inner, move |operation| {
            let Operation::Append(parts) = operation else { return None };
            let ends = parts.iter().any(|p| matches!(p.change, RowChange::Finish { .. }));
            let gate = held.clone();
            let holds = ends && first.swap(false, Ordering::SeqCst);
            holds.then(|| async move { drop(gate.acquire().await) }.boxed())
        })
    });
    let tool = Probe::new("work", EffectClass::Read, |_, _| async { Ok(json!("done")) });
    let rig = program(&world, &tool, 1);
    let runs = [rig.start("work", json!({})).await, rig.start("work", json!({})).await];
    let worker = rig.worker();
    // The one place is free for the second while the first waits for the store.
    tool.called(2).await;
    gate.add_permits(1);
    for run_id in runs {
        rig.settled(run_id).await;
    }
    worker.stop().await;
}

// No pause ends while anybody has something to do.
#[tokio::test(start_paused = true)]
async fn a_worker_that_got_all_there_was_does_not_look_again_at_once() {
    let (claims, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counted = claims.clone();
    let world = World::memory().through(|inner| {
        Tap::new(inner, move |operation| {
            if matches!(operation, Operation::Claim(wish) if wish.only.is_none()) {
                counted.fetch_add(1, Ordering::SeqCst);
            }
            None
        })
    });
    let noted = (claims, seen.clone());
    let tool = Probe::new("work", EffectClass::Read, move |_, _| {
        let (claims, seen) = noted.clone();
        async move {
            // Long enough for a look.
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            seen.store(claims.load(Ordering::SeqCst), Ordering::SeqCst);
            Ok(json!("done"))
        }
    });
    let rig = program(&world, &tool, 4);
    let run_id = rig.start("work", json!({})).await;
    let worker = rig.worker();
    rig.settled(run_id).await;
    worker.stop().await;
    assert_eq!(seen.load(Ordering::SeqCst), 1);
}
