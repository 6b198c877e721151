//! A short storm, and a short freeze; the long ones run by command.

use std::{path::Path, time::Duration};

use mainstay_drills::{chance, drill_freeze, drill_storm, network, place::Kind};

use crate::PROGRAM;

fn tell(text: String) {
    println!("{text}");
}

/// Every kind of blow comes at least once: the first ones are one of each.
#[tokio::test(flavor = "multi_thread")]
async fn a_storm_loses_and_repeats_nothing() {
    let span = Duration::from_secs(8);
    let plan = drill_storm::Plan { span, workers: 4, lease: 1, seed: chance::seed() };
    let report = drill_storm::drill(Path::new(PROGRAM), plan, &tell).await.unwrap();
    assert!(report.verdict.is_clean(), "{report:#?}");
    let blows = &report.blows;
    let parted = usize::from(network::is_possible().await);
    assert!(blows.killed > 0 && blows.frozen > 0 && blows.terminated > 0, "{blows:?}");
    assert_eq!(blows.gave_up, 0, "a worker outlives the database's absence: {blows:?}");
    assert!(blows.crashed == 1 && blows.parted >= parted, "{blows:?}");
}

async fn frozen(kind: Kind) {
    let plan = drill_freeze::Plan { kind, times: 12, at_a_time: 4, lease: 1, seed: chance::seed() };
    let report = drill_freeze::drill(Path::new(PROGRAM), plan, &tell).await.unwrap();
    assert!(report.verdict.is_clean(), "{report:#?}");
    assert!(report.taken_over > 0, "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_frozen_past_their_lease_lose_and_repeat_nothing_on_postgres() {
    frozen(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_frozen_past_their_lease_lose_and_repeat_nothing_on_sqlite() {
    frozen(Kind::Sqlite).await;
}
