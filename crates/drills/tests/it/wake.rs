//! Parked runs go on when somebody decides, and cost their worker nothing until then.

use std::path::Path;

use mainstay_drills::{
    drill_decide::{self, Where},
    drill_parked,
    place::Kind,
};

use crate::PROGRAM;

async fn decided(kind: Kind, worker: Where) {
    let plan = drill_decide::Plan { kind, worker, times: 3 };
    let figures = drill_decide::drill(Path::new(PROGRAM), plan).await.unwrap();
    assert_eq!(figures.decisions, 3, "{figures:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_go_on_when_their_worker_is_in_the_process_that_decides() {
    decided(Kind::Postgres, Where::Here).await;
    decided(Kind::Sqlite, Where::Here).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_go_on_when_their_worker_is_in_another_process() {
    decided(Kind::Postgres, Where::Elsewhere).await;
    decided(Kind::Sqlite, Where::Elsewhere).await;
}

async fn parked(kind: Kind) {
    let size = drill_parked::Plan { kind, runs: 120, warm: 60, woken: 10 };
    let figures = drill_parked::drill(Path::new(PROGRAM), size).await.unwrap();
    assert_eq!((figures.parked, figures.woken), (120, 10), "{figures:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn parked_runs_wake_on_postgres() {
    parked(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parked_runs_wake_on_sqlite() {
    parked(Kind::Sqlite).await;
}
