//! Moving a run to a newer version of its flow: at a step boundary, visibly, or not at all.

use std::sync::Arc;

use mainstay::prelude::*;
use mainstay_core::{
    budget::Limits,
    code::Code,
    flow::FlowDefinition,
    id::RunId,
    journal::Entry,
    run::RunStatus,
    store::operation::{Operation, RowChange},
    wait::Wait,
};
use mainstay_engine::{
    commands::{RunView, StartRun},
    program::{FlowProgram, InputError, Inputs, StepDone},
};
use serde_json::{Value, json};

use crate::{
    rig::{Rig, World, kinds, waits},
    tap::Tap,
};

#[derive(Route)]
enum Enough {
    No,
    Yes,
}

mod one {
    use super::*;

    #[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
    pub(super) struct Essay {
        title: String,
        drafts: u32,
    }

    #[flow(name = "essay", version = 1)]
    impl Essay {
        #[start]
        async fn begin(&self) -> Result<()> {
            Ok(())
        }

        #[listen(or_(begin, Enough::No))]
        async fn draft(&mut self) -> Result<u32> {
            self.drafts += 1;
            Ok(self.drafts)
        }

        #[router(draft)]
        fn enough(&self, drafts: &u32) -> Enough {
            if *drafts < 2 { Enough::No } else { Enough::Yes }
        }

        #[listen(Enough::Yes)]
        #[finish]
        async fn publish(&self, cx: &StepContext) -> Result<String> {
            let word: String = cx.signal("print").await?;
            Ok(format!("{} v1, {} drafts, {word}", self.title, self.drafts))
        }
    }
}

mod two {
    use super::*;

    #[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
    pub(super) struct Essay {
        topic: String,
        drafts: u32,
    }

    #[flow(name = "essay", version = 2)]
    impl Essay {
        #[start]
        async fn begin(&self) -> Result<()> {
            Ok(())
        }

        #[listen(or_(begin, Enough::No))]
        async fn draft(&mut self) -> Result<u32> {
            self.drafts += 10;
            Ok(self.drafts)
        }

        #[router(draft)]
        fn enough(&self, drafts: &u32) -> Enough {
            if *drafts < 2 { Enough::No } else { Enough::Yes }
        }

        #[listen(Enough::Yes)]
        #[finish]
        async fn publish(&self) -> Result<String> {
            Ok(format!("{} v2, {} drafts", self.topic, self.drafts))
        }

        #[migrate(from = 1)]
        fn from_one(state: Value) -> Result<Self> {
            let topic = state["title"].as_str().filter(|title| !title.is_empty());
            let topic = topic.ok_or(StepError::new("an essay needs a title"))?.to_owned();
            let drafts = u32::try_from(state["drafts"].as_u64().unwrap_or(0)).unwrap_or(u32::MAX);
            Ok(Self { topic, drafts })
        }
    }
}

fn first(world: &World) -> Rig {
    world.program(|p| drop(p.flow::<one::Essay>()))
}

fn second(world: &World) -> Rig {
    world.program(|p| drop(p.flow::<two::Essay>()))
}

/// A run of version 1 that is parked between two steps: it may enter no step a second time.
async fn parked_between_steps(rig: &Rig, title: &str) -> RunId {
    let mut wish = StartRun::new("essay", json!({"title": title}));
    wish.limits = Limits { depth: Some(1), ..Limits::none() };
    let run_id = rig.start_with(wish).await;
    let view = rig.drive(run_id).await;
    assert_eq!(waits(&view.row), ["budget"]);
    assert!(view.projection.steps.iter().all(|step| !step.is_open()), "no step is open");
    run_id
}

async fn allow_another_draft(rig: &Rig, run_id: RunId) {
    let add = Limits { depth: Some(5), ..Limits::none() };
    rig.runtime.top_up(run_id, add, "ann").await.unwrap();
}

fn moves(view: &RunView) -> Vec<(u32, u32)> {
    let entries = view.rows.iter().map(|(_, entry)| entry);
    let moves = entries.filter_map(|entry| match entry {
        Entry::Migrated { from, to, .. } => Some((from.version, to.version)),
        _ => None,
    });
    moves.collect()
}

#[tokio::test]
async fn a_parked_run_moves_to_the_newer_version_between_two_steps() {
    let world = World::memory();
    let run_id = parked_between_steps(&first(&world), "Owls").await;
    let new = second(&world);
    allow_another_draft(&new, run_id).await;
    assert_eq!(new.completed(run_id).await, json!("Owls v2, 11 drafts"));
    let view = new.view(run_id).await;
    assert_eq!((view.row.flow.version, moves(&view)), (2, vec![(1, 2)]));
}

/// Drives a run with version 2 until it has journaled its move, and kills the worker before the row
/// has moved too.
async fn crash_between_the_commits(world: &World) -> RunId {
    let run_id = parked_between_steps(&first(world), "Owls").await;
    let (told, mut tells) = tokio::sync::mpsc::unbounded_channel();
    let tapped = world.through(|store| {
        Tap::new(store, move |operation| {
            let moves = |change: &RowChange| matches!(change, RowChange::Move { .. });
            let Operation::Append(parts) = operation else { return None };
            let at_last = parts.iter().any(|part| moves(&part.change));
            at_last.then(|| {
                told.send(()).unwrap();
                Box::pin(std::future::pending()) as _
            })
        })
    });
    let rig = second(&tapped);
    allow_another_draft(&rig, run_id).await;
    let worker = rig.worker();
    tells.recv().await.unwrap();
    worker.kill().await;
    rig.let_leases_lapse();
    run_id
}

#[tokio::test]
async fn a_move_that_a_crash_cut_in_two_is_finished_by_the_newer_version() {
    let world = World::sqlite("cut-move").await;
    let run_id = crash_between_the_commits(&world).await;
    let rig = second(&world);
    assert_eq!(rig.row_version(run_id).await, 1);
    assert_eq!(rig.completed(run_id).await, json!("Owls v2, 11 drafts"));
    assert_eq!(moves(&rig.view(run_id).await), [(1, 2)], "it moved once");
}

#[tokio::test]
async fn a_move_that_a_crash_cut_in_two_is_not_driven_on_by_the_older_version() {
    let world = World::memory();
    let run_id = crash_between_the_commits(&world).await;
    let old = first(&world);
    let worker = old.worker();
    old.wait_for(run_id, |row| row.flow.version == 2).await;
    worker.stop().await;
    assert_eq!(old.runtime.row(run_id).await.unwrap().status, RunStatus::Queued);
    assert_eq!(second(&world).completed(run_id).await, json!("Owls v2, 11 drafts"));
    assert_eq!(moves(&old.view(run_id).await), [(1, 2)]);
}

#[tokio::test]
async fn an_open_step_keeps_its_version() {
    let world = World::memory();
    let old = first(&world);
    let run_id = old.start("essay", json!({"title": "Owls"})).await;
    assert_eq!(waits(&old.drive(run_id).await.row), ["signal"]);
    old.runtime.signal(run_id, "print", &json!("now"), "k").await.unwrap();

    let new = second(&world);
    for _ in 0..2 {
        let view = new.drive(run_id).await;
        let Some(Wait::WorkerVersion { flow, step }) = view.row.wait.unwrap().waits.pop() else {
            panic!("it waits for its version")
        };
        assert_eq!((flow.version, step.unwrap().to_string()), (1, "publish#1".to_owned()));
        assert!(moves(&new.view(run_id).await).is_empty());
        new.runtime.retry(run_id, "ann").await.unwrap();
    }
    assert_eq!(old.completed(run_id).await, json!("Owls v1, 2 drafts, now"));
}

#[tokio::test]
async fn a_cancelled_run_ends_with_the_newer_version_although_a_step_was_open() {
    let world = World::memory();
    let old = first(&world);
    let run_id = old.start("essay", json!({"title": "Owls"})).await;
    assert_eq!(waits(&old.drive(run_id).await.row), ["signal"]);
    old.runtime.cancel(run_id, "ann", "no owls").await.unwrap();
    let view = second(&world).drive(run_id).await;
    assert_eq!((view.row.status, moves(&view)), (RunStatus::Cancelled, vec![(1, 2)]));
}

#[tokio::test]
async fn a_state_that_the_newer_version_refuses_waits_for_a_person_who_reads_why() {
    let world = World::memory();
    let old = first(&world);
    let run_id = parked_between_steps(&old, "").await;
    let new = second(&world);
    allow_another_draft(&new, run_id).await;
    let view = new.drive(run_id).await;
    let Some(Wait::Divergence(sides)) = view.row.wait.clone().unwrap().waits.pop() else {
        panic!("{:?}", view.row.wait)
    };
    let because = sides.because.unwrap();
    assert_eq!(because.code, Code::StepFailed);
    assert!(because.message.contains("an essay needs a title"), "{because}");
    assert!(!kinds(&view).contains(&"migrated"));

    old.runtime.retry(run_id, "ann").await.unwrap();
    assert_eq!(waits(&old.drive(run_id).await.row), ["signal"], "its own version goes on");
}

/// A version that says it takes runs of the older one, and then does not take this one.
struct Fickle(Arc<dyn FlowProgram>);

impl FlowProgram for Fickle {
    fn definition(&self) -> &FlowDefinition {
        self.0.definition()
    }

    fn initial(&self, input: &Value) -> Result<Value, InputError> {
        self.0.initial(input)
    }

    fn route(&self, router: usize, state: &Value, inputs: &Inputs) -> Result<String, StepError> {
        self.0.route(router, state, inputs)
    }

    fn run(
        &self,
        step: usize,
        state: Arc<Value>,
        inputs: Inputs,
        cx: StepContext,
    ) -> futures::future::BoxFuture<'static, Result<StepDone, StepError>> {
        self.0.run(step, state, inputs, cx)
    }

    fn migrate(&self, from: u32, state: &Value) -> Option<Result<Value, StepError>> {
        state.is_null().then(|| self.0.migrate(from, state)).flatten()
    }
}

#[tokio::test]
async fn a_run_that_the_newer_version_does_not_take_waits_for_its_own() {
    let world = World::memory();
    let old = first(&world);
    let run_id = parked_between_steps(&old, "Owls").await;
    let new = world.program(|p| p.flows.add(Arc::new(Fickle(two::Essay::program()))));
    allow_another_draft(&new, run_id).await;
    let view = new.drive(run_id).await;
    assert_eq!((view.row.status, waits(&view.row)), (RunStatus::Parked, vec!["worker_version"]));
    old.runtime.retry(run_id, "ann").await.unwrap();
    assert_eq!(waits(&old.drive(run_id).await.row), ["signal"]);
}
