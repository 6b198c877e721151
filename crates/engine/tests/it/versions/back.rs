//! A run that waits for a worker goes on when one comes, without being asked.

use mainstay_core::run::RunStatus;
use serde_json::json;

use crate::rig::{World, kinds, waits};

/// The same graph twice, with two bodies.
macro_rules! note {
    ($module:ident, $answer:literal) => {
        mod $module {
            use mainstay::prelude::*;

            #[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
            pub(super) struct Note {}

            #[flow(name = "note", version = 1)]
            impl Note {
                #[start]
                async fn hear(&self, cx: &StepContext) -> Result<String> {
                    let word: String = cx.signal("word").await?;
                    Ok(format!($answer, word))
                }
            }
        }
    };
}

note!(before, "{} was said");
note!(after, "somebody said {}");

#[tokio::test]
async fn a_run_that_waits_for_its_code_goes_on_when_a_worker_has_it() {
    let world = World::memory();
    let old = world.program(|program| drop(program.flow::<before::Note>()));
    let new = world.program(|program| drop(program.flow::<after::Note>()));
    let run_id = old.start("note", json!({})).await;
    old.drive(run_id).await;
    old.runtime.signal(run_id, "word", &json!("tea"), "k").await.unwrap();
    assert_eq!(waits(&new.drive(run_id).await.row), ["worker_version"]);

    // Another program that does not have it leaves it alone.
    let wrong = new.worker();
    world.clock.advance(std::time::Duration::from_secs(6));
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    wrong.stop().await;
    let row = new.runtime.row(run_id).await.unwrap();
    assert_eq!((row.status, row.inbox_head), (RunStatus::Parked, 1), "nobody told it anything");

    let right = old.worker();
    old.wait_for_status(run_id, RunStatus::Completed).await;
    right.stop().await;
    let view = old.view(run_id).await;
    assert_eq!(old.output(&view.projection).await, json!("tea was said"));
    assert!(kinds(&view).contains(&"received"));
}
