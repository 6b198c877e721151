//! A run that kills its worker five times is set aside with its reason.

use std::path::Path;

use mainstay_core::wait::Wait;
use mainstay_drills::{drill_bomb::drill, place::Kind};

use crate::PROGRAM;

async fn is_set_aside(kind: Kind) {
    let report = drill(Path::new(PROGRAM), kind, 20).await.unwrap();
    assert_eq!(report.deaths, 5, "{report:#?}");
    assert_eq!(report.waits, [Wait::Quarantine { crashes: 5 }]);
    assert!(report.verdict.is_clean(), "the errands beside it: {report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_kills_its_worker_five_times_is_set_aside_on_postgres() {
    is_set_aside(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_kills_its_worker_five_times_is_set_aside_on_sqlite() {
    is_set_aside(Kind::Sqlite).await;
}
