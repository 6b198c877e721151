//! A colleague with and without a team of their own, on the real engine.

#![cfg(test)]

use std::{path::PathBuf, sync::Arc};

use mainstay::{Resources, RunStatus, StartRun, prelude::Decision};
use mainstay_testing::rig::{Ground, Person, Rig, Setup};
use onboarding_job::{Directory, Onboard, model, tools};
use serde_json::{Value, json};

/// Onboards somebody of a team, and returns how it ended, with what, and what was done.
async fn onboard(team: &str, decision: Decision) -> (RunStatus, Value, Vec<(String, Value)>) {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("{team}-{}.jsonl", decision.verb()));
    let _ = std::fs::remove_file(&path);
    let kept = path.clone();
    let rig = Rig::on(Ground::Memory, 1, async move |stage| {
        let resources = Resources::new().with(Directory::at(kept));
        let registry = tools().open(resources, stage.clock()).unwrap();
        let schema = registry.schema();
        Setup::default()
            .with_flow::<Onboard>()
            .with_tools(Arc::new(registry), schema)
            .with_provider(Arc::new(model().unwrap()))
            .with_default_model("scripted:planner".parse().unwrap())
            .with_person(Person::answering(move |_| decision.clone()))
    })
    .await
    .unwrap();
    let input = json!({"name": "Ann", "mail": "ann@example.org", "team": team});
    let run_id = rig.start(StartRun::new("onboard", input)).await.unwrap();
    let mut view = rig.drive(run_id).await.unwrap();
    if rig.decide(run_id).await.unwrap() > 0 {
        view = rig.drive(run_id).await.unwrap();
    }
    let output = rig.output(&view.projection).await.unwrap();
    let deeds = Directory::at(path).deeds().unwrap();
    (view.row.status, output, deeds.into_iter().map(|deed| (deed.what, deed.details)).collect())
}

fn account() -> (String, Value) {
    ("account".to_owned(), json!({"name": "Ann", "mail": "ann@example.org"}))
}

fn permissions(team: &str) -> (String, Value) {
    ("permissions".to_owned(), json!({"account": 1, "team": team}))
}

fn welcome() -> (String, Value) {
    ("welcome".to_owned(), json!({"account": 1, "mail": "ann@example.org"}))
}

#[tokio::test]
async fn a_colleague_gets_an_account_permissions_and_a_welcome() {
    let (status, output, deeds) = onboard("research", Decision::Approve { note: None }).await;
    assert_eq!(status, RunStatus::Completed);
    assert_eq!(output, json!(["account found", "permissions found", "welcome found"]));
    assert_eq!(deeds, [account(), permissions("research"), welcome()]);
}

#[tokio::test]
async fn other_permissions_than_were_planned_need_a_person_and_the_account_is_made_once() {
    let (status, output, deeds) = onboard("labs", Decision::Approve { note: None }).await;
    assert_eq!(status, RunStatus::Completed);
    assert_eq!(
        output,
        json!(["account found", "permissions failed", "basics found", "welcome found"])
    );
    assert_eq!(deeds, [account(), permissions("everybody"), welcome()]);
    let (status, _, deeds) = onboard("labs", Decision::Reject { reason: "no".to_owned() }).await;
    assert_eq!((status, deeds), (RunStatus::Failed, vec![account()]));
}
