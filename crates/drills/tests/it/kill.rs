//! Workers killed half-way: nothing is lost, nothing is repeated.

use std::{path::Path, time::Duration};

use mainstay_drills::{
    drill_kill::{Manner, Plan, Row, Victims, drill},
    ledger::Memory,
    place::Kind,
};

use crate::PROGRAM;

/// The table's plan with fewer errands, each of which takes longer than all take to be started: so
/// they are in step with each other.
fn table(kind: Kind) -> Plan {
    Plan { runs: 60, call: Duration::from_millis(40), ..Plan::table(kind) }
}

async fn drilled(plan: Plan) -> Row {
    let row = drill(Path::new(PROGRAM), plan).await.unwrap();
    assert!(row.orphans > 0, "nobody was in the middle of anything: {row:#?}");
    assert_eq!(row.verdict.completed, row.verdict.runs, "{row:#?}");
    row
}

#[tokio::test(flavor = "multi_thread")]
async fn all_workers_killed_half_way_lose_and_repeat_nothing_on_postgres() {
    let row = drilled(table(Kind::Postgres)).await;
    assert!(row.verdict.is_clean(), "{row:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_workers_killed_half_way_lose_and_repeat_nothing_on_sqlite() {
    let row = drilled(table(Kind::Sqlite)).await;
    assert!(row.verdict.is_clean(), "{row:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_worker_killed_half_way_leaves_its_errands_to_the_others_on_postgres() {
    let plan = Plan { victims: Victims::One, ..table(Kind::Postgres) };
    let row = drilled(plan).await;
    assert!(row.verdict.is_clean(), "{row:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_worker_killed_half_way_leaves_its_errands_to_the_others_on_sqlite() {
    let plan = Plan { victims: Victims::One, ..table(Kind::Sqlite) };
    let row = drilled(plan).await;
    assert!(row.verdict.is_clean(), "{row:#?}");
}

/// The step whose call is filed: the other side is asked what became of it.
const FILED: u32 = 6;

/// The planted fault: who asks whether a call happened is always told that it did not.
#[tokio::test(flavor = "multi_thread")]
async fn a_drill_notices_what_is_done_twice() {
    let call = Duration::from_millis(200);
    let plan = Plan { step: FILED, call, memory: Memory::Forgetful, ..table(Kind::Sqlite) };
    let row = drilled(plan).await;
    assert!(row.verdict.repeated > 0 && !row.verdict.is_clean(), "{row:#?}");
}

/// Nobody can prove a death: reads go on when the server has freed the lock, acts with the lease.
#[tokio::test(flavor = "multi_thread")]
async fn workers_of_another_host_read_early_and_act_when_the_lease_has_passed_on_postgres() {
    let plan = Plan { lease: Some(4), ..table(Kind::Postgres) };
    let row = drilled(plan.elsewhere().unwrap()).await;
    assert!(row.verdict.is_clean(), "{row:#?}");
    assert!(row.back.reads_resume_s < row.back.acts_resume_s, "{row:#?}");
    assert_eq!(row.back.acts_within_lease, 0, "{row:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_asked_to_go_leaves_its_errands_to_the_others_on_postgres() {
    asked(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_asked_to_go_leaves_its_errands_to_the_others_on_sqlite() {
    asked(Kind::Sqlite).await;
}

async fn asked(kind: Kind) {
    let (victims, manner) = (Victims::One, Manner::Ask);
    let row = drilled(Plan { victims, manner, ..table(kind) }).await;
    assert!(row.verdict.is_clean() && row.verdict.in_doubt == 0, "{row:#?}");
}
