//! A step whose body changed while a StepRun of it was open.

use mainstay::prelude::*;
use mainstay_core::{id::RunId, run::RunStatus};
use serde_json::{Value, json};

use crate::{
    rig::{Rig, World, waits},
    tools::{FOREVER, Probe},
};

mod before {
    use super::*;

    #[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
    pub(super) struct Parcel {}

    #[flow(name = "parcel", version = 1)]
    impl Parcel {
        #[start(grants = ["post", "courier"])]
        async fn send(&self, cx: &StepContext) -> Result<Value> {
            let _: Value = cx.signal("packed").await?;
            let sent: Value = cx.tool(("post", json!({}))).await.required()?;
            let _: Value = cx.signal("arrived").await?;
            Ok(sent)
        }
    }
}

mod after {
    use super::*;

    #[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
    pub(super) struct Parcel {}

    #[flow(name = "parcel", version = 1)]
    impl Parcel {
        #[start(grants = ["post", "courier"])]
        async fn send(&self, cx: &StepContext) -> Result<Value> {
            let _: Value = cx.signal("packed").await?;
            let sent: Value = if cx.patch("courier").await {
                cx.tool(("courier", json!({}))).await.required()?
            } else {
                cx.tool(("post", json!({}))).await.required()?
            };
            let _: Value = cx.signal("arrived").await?;
            Ok(sent)
        }
    }
}

mod changed {
    use super::*;

    #[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
    pub(super) struct Parcel {}

    #[flow(name = "parcel", version = 1)]
    impl Parcel {
        #[start(grants = ["post", "courier"])]
        async fn send(&self, cx: &StepContext) -> Result<Value> {
            let _: Value = cx.signal("packed").await?;
            let sent: Value = if cx.patch("courier").await {
                cx.tool(("courier", json!({}))).await.required()?
            } else {
                cx.tool(("post", json!({}))).await.required()?
            };
            let _: Value = cx.signal("arrived").await?;
            Ok(json!([sent]))
        }
    }
}

fn program<F: Flow>(world: &World) -> Rig {
    world.program(|p| {
        for name in ["post", "courier"] {
            p.tool(Probe::fixed(name, FOREVER, json!(name)));
        }
        p.flow::<F>();
    })
}

async fn say(rig: &Rig, run_id: RunId, word: &str) {
    rig.runtime.signal(run_id, word, &json!(1), word).await.unwrap();
}

#[tokio::test]
async fn a_step_run_that_had_not_come_to_the_patch_takes_the_new_side() {
    let world = World::memory();
    let old = program::<before::Parcel>(&world);
    let run_id = old.start("parcel", json!({})).await;
    assert_eq!(waits(&old.drive(run_id).await.row), ["signal"]);
    say(&old, run_id, "packed").await;
    let new = program::<after::Parcel>(&world);
    assert_eq!(waits(&new.drive(run_id).await.row), ["signal"], "no person is asked");
    say(&new, run_id, "arrived").await;
    assert_eq!(new.completed(run_id).await, json!("courier"), "and it takes the same side again");
}

#[tokio::test]
async fn a_step_run_that_was_past_the_patch_keeps_to_the_old_side() {
    let world = World::memory();
    let old = program::<before::Parcel>(&world);
    let run_id = old.start("parcel", json!({})).await;
    say(&old, run_id, "packed").await;
    assert_eq!(waits(&old.drive(run_id).await.row), ["signal"]);
    say(&old, run_id, "arrived").await;
    assert_eq!(program::<after::Parcel>(&world).completed(run_id).await, json!("post"));
}

#[tokio::test]
async fn a_step_run_that_begins_with_the_new_body_takes_the_new_side() {
    let world = World::memory();
    let new = program::<after::Parcel>(&world);
    let run_id = new.start("parcel", json!({})).await;
    assert_eq!(waits(&new.drive(run_id).await.row), ["signal"]);
    say(&new, run_id, "packed").await;
    say(&new, run_id, "arrived").await;
    assert_eq!(new.completed(run_id).await, json!("courier"));
}

#[tokio::test]
async fn another_change_beside_the_patch_waits_for_a_person() {
    let world = World::memory();
    let old = program::<before::Parcel>(&world);
    let run_id = old.start("parcel", json!({})).await;
    say(&old, run_id, "packed").await;
    assert_eq!(waits(&old.drive(run_id).await.row), ["signal"]);
    say(&old, run_id, "arrived").await;
    let new = program::<changed::Parcel>(&world);
    assert_eq!(waits(&new.drive(run_id).await.row), ["worker_version"]);
    new.runtime.retry(run_id, "ann").await.unwrap();
    assert_eq!(new.completed(run_id).await, json!(["post"]), "a person lets it go on");
}

#[tokio::test]
async fn after_a_crash_only_the_very_same_body_goes_on() {
    let world = World::memory();
    let post = Probe::hanging_once("post", FOREVER, json!("post"));
    let old = world.program(|p| drop(p.flow::<before::Parcel>().tool(post.clone())));
    let run_id = old.start("parcel", json!({})).await;
    say(&old, run_id, "packed").await;
    let worker = old.worker();
    post.called(1).await;
    worker.kill().await;
    old.let_leases_lapse();

    let new = program::<after::Parcel>(&world);
    let row = new.drive(run_id).await.row;
    assert_eq!((row.status, waits(&row)), (RunStatus::Parked, vec!["worker_version"]));
    say(&old, run_id, "arrived").await;
    assert_eq!(old.completed(run_id).await, json!("post"));
    let keys = post.keys();
    assert_eq!((keys.len(), &keys[0]), (2, &keys[1]), "the same key, so it is sent once");
}
