//! Runs of many steps: their folds stay small, and nothing that was done is forgotten.

use std::{collections::BTreeSet, sync::Arc};

use mainstay::prelude::*;
use mainstay_core::{
    budget::Limits, fold::steps::Phase, id::RunId, journal::Entry, journal::Leave, run::RunStatus,
};
use mainstay_engine::{
    commands::{RunView, StartRun},
    fork::ForkRun,
};
use serde_json::{Value, json};

use crate::{
    rig::{Program, Rig, World, waits},
    tools::{FOREVER, Probe},
};

#[derive(Route)]
enum Way {
    On,
    There,
}

/// The same graph as two versions.
macro_rules! march {
    ($module:ident, $version:literal, $($migration:item)?) => {
        mod $module {
            use super::*;

            #[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
            pub(super) struct March {
                steps: u32,
                gone: u32,
            }

            #[flow(name = "march", version = $version)]
            impl March {
                #[start]
                #[step(compensate = come_home)]
                async fn set_out(&self) -> Result<String> {
                    Ok(format!("to {}", self.steps))
                }

                #[listen(or_(set_out, Way::On))]
                async fn go(&mut self) -> Result<u32> {
                    self.gone += 1;
                    Ok(self.gone)
                }

                #[router(go)]
                fn way(&self, gone: &u32) -> Way {
                    if *gone < self.steps { Way::On } else { Way::There }
                }

                #[listen(Way::There)]
                #[finish]
                async fn rest(
                    &self,
                    cx: &StepContext,
                    #[from(set_out)] aim: &String,
                    #[from(go)] gone: &u32,
                ) -> Result<String> {
                    let word: String = cx.signal("word").await?;
                    if word == "no" {
                        return Err(StepError::new("turned back"));
                    }
                    Ok(format!("{aim}, {gone} gone, {word}"))
                }

                #[step(grants = ["return"])]
                async fn come_home(&self, cx: &StepContext, set_out: &String) -> Result<()> {
                    let _: Value = cx.tool(("return", json!({"from": set_out}))).await.required()?;
                    Ok(())
                }

                $($migration)?
            }
        }
    };
}

march!(one, 1,);
march!(
    two,
    2,
    #[migrate(from = 1)]
    fn from_one(state: Value) -> Result<Self> {
        serde_json::from_value(state).map_err(|e| StepError::new(e.to_string()))
    }
);

const STEPS: usize = 200;

fn home() -> Arc<Probe> {
    Probe::fixed("return", FOREVER, json!("home"))
}

/// Checkpoints are as frequent as in a run of many thousand steps.
fn often(program: &mut Program) {
    program.options.checkpoint_rows = 40;
}

fn first(world: &World, home: &Arc<Probe>) -> Rig {
    world.program(|p| {
        often(p);
        p.flow::<one::March>().tool(home.clone());
    })
}

async fn march(rig: &Rig, depth: u64) -> RunId {
    let mut wish = StartRun::new("march", json!({ "steps": STEPS }));
    wish.limits = Limits { depth: Some(depth), ..Limits::none() };
    rig.start_with(wish).await
}

async fn say(rig: &Rig, run_id: RunId, word: &str) -> RunView {
    rig.runtime.signal(run_id, "word", &json!(word), "k").await.unwrap();
    rig.drive(run_id).await
}

/// Every StepRun, once, and well ended.
fn every_step(view: &RunView) -> bool {
    let steps = view.steps();
    let keys: BTreeSet<_> = steps.iter().map(|step| step.key.to_string()).collect();
    let mut wanted: BTreeSet<_> =
        (1..=STEPS).flat_map(|n| [format!("go#{n}"), format!("way#{n}")]).collect();
    wanted.extend(["set_out#1".to_owned(), "rest#1".to_owned()]);
    let finished = steps.iter().all(|step| step.phase == Phase::Finished);
    keys == wanted && steps.len() == wanted.len() && finished
}

#[tokio::test]
async fn the_checkpoints_of_a_long_run_do_not_grow() {
    let world = World::sqlite("long").await;
    let rig = first(&world, &home());
    let run_id = march(&rig, 1_000).await;
    assert_eq!(waits(&rig.drive(run_id).await.row), ["signal"]);
    let view = say(&rig, run_id, "yes").await;
    assert_eq!(rig.output(&view.projection).await, json!("to 200, 200 gone, yes"));
    let fold = |entry: &Entry| match entry {
        Entry::Checkpoint { fold } => Some(fold.len),
        _ => None,
    };
    let sizes: Vec<_> = view.rows.iter().filter_map(|(_, entry)| fold(entry)).collect();
    let (early, late) = sizes.split_at(4);
    assert!(late.len() > 5, "{sizes:?}");
    // They go up and down, because StepRuns are let go of together.
    let most = |sizes: &[u32]| sizes.iter().max().copied().unwrap();
    assert!(4 * most(late) < 5 * most(early), "{sizes:?}");
    assert!(every_step(&view), "a reader still sees all of them");
}

#[tokio::test]
async fn a_long_run_is_undone_to_its_first_step() {
    let (world, home) = (World::memory(), home());
    let rig = first(&world, &home);
    let run_id = march(&rig, 1_000).await;
    rig.drive(run_id).await;
    let view = say(&rig, run_id, "no").await;
    assert_eq!(view.row.status, RunStatus::Failed);
    assert_eq!(home.arguments(), [json!({"from": "to 200"})]);

    let limits = Limits { depth: Some(1_000), ..Limits::none() };
    let wish = ForkRun { run_id, at: None, limits, leave: Leave::Given };
    let fork = rig.runtime.fork(wish).await.unwrap().run_id;
    let view = rig.drive(fork).await;
    assert_eq!(waits(&view.row), Vec::<&str>::new(), "the word was said before it failed");
    assert_eq!(view.row.status, RunStatus::Failed);
    assert_eq!(home.arguments().len(), 2, "and the fork undoes what it began with");
}

#[tokio::test]
async fn a_reader_sees_the_steps_of_every_version() {
    let (world, home) = (World::memory(), home());
    let old = first(&world, &home);
    let run_id = march(&old, 150).await;
    assert_eq!(waits(&old.drive(run_id).await.row), ["budget"]);
    let new = world.program(|p| {
        often(p);
        p.flow::<two::March>().tool(home.clone());
    });
    let add = Limits { depth: Some(1_000), ..Limits::none() };
    new.runtime.top_up(run_id, add, "ann").await.unwrap();
    assert_eq!(waits(&new.drive(run_id).await.row), ["signal"]);
    let view = say(&new, run_id, "yes").await;
    assert_eq!((view.row.status, view.row.flow.version), (RunStatus::Completed, 2));
    assert!(every_step(&view), "{:?}", view.steps().len());
}
