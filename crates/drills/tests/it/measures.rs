//! What measures still measures, on amounts that say nothing about speed.

use std::{path::Path, time::Duration};

use mainstay_drills::{
    drill_agents,
    drill_drive::{self, Effort, Ground},
    drill_footprint, drill_grow, drill_pinned,
    place::Kind,
};

use crate::PROGRAM;

const MIB: u64 = 1 << 20;

fn tell(text: String) {
    println!("{text}");
}

#[test]
fn a_fixed_amount_of_work_is_driven_to_its_end_on_every_ground() {
    for ground in [Ground::Memory, Ground::Sqlite] {
        for effort in [Effort::Usual, Effort::Wasted] {
            let work = drill_drive::drill(ground, 8, effort).unwrap();
            assert_eq!((work.runs, work.steps), (8, 80), "{ground:?} {effort:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_held_while_the_queue_is_churned() {
    let plan = drill_pinned::Plan { span: Duration::from_secs(3), steps: 2, concurrency: 16 };
    let report = drill_pinned::drill(plan, &tell).await.unwrap();
    assert!(report.free.runs > 50 && report.pinned.runs > 50, "{report:#?}");
    assert!(report.fall.is_finite() && report.pinned.queue_bytes > 0, "{report:#?}");
}

async fn has_a_footprint(kind: Kind) {
    let plan = drill_footprint::Plan { kind, starts: 1, runs: 40, seconds: 15 };
    let figures = drill_footprint::drill(Path::new(PROGRAM), plan).await.unwrap();
    assert!(figures.start_ms > 0.0 && figures.start_ms <= figures.start_worst_ms, "{figures:#?}");
    assert!(figures.idle_bytes > MIB, "{figures:#?}");
    assert!(figures.in_flight_bytes > MIB, "{figures:#?}");
    assert!(figures.in_flight_bytes <= figures.most_bytes, "{figures:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_with_many_runs_in_flight_is_weighed_on_sqlite() {
    has_a_footprint(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_with_many_runs_in_flight_is_weighed_on_postgres() {
    has_a_footprint(Kind::Postgres).await;
}

async fn has_turns_and_agents(kind: Kind) {
    let plan = drill_agents::Plan { kind, runs: 2, latency: Duration::from_millis(1) };
    let turns = drill_agents::turns(plan).await.unwrap();
    assert_eq!(turns.turns, 22);
    assert!(turns.added_p50_ms > 0.0 && turns.added_p50_ms <= turns.added_max_ms, "{turns:#?}");
    assert!(turns.model_p50_ms >= 1.0 && turns.commits_per_turn > 0.0, "{turns:#?}");
    let waiting = drill_agents::waiting(kind, 8).await.unwrap();
    assert!(waiting.agents == 8 && waiting.before_bytes > MIB, "{waiting:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_turns_are_timed_and_waiting_agents_weighed_on_sqlite() {
    has_turns_and_agents(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_turns_are_timed_and_waiting_agents_weighed_on_postgres() {
    has_turns_and_agents(Kind::Postgres).await;
}

async fn grows(kind: Kind) {
    let (rows, workers) = (vec![300, 3_000], vec![1, 2]);
    let plan = drill_grow::Plan { kind, rows, workers, rounds: 1, runs: 60 };
    let report = drill_grow::drill(Path::new(PROGRAM), plan, &tell).await.unwrap();
    assert_eq!(report.points.len(), 4, "{report:#?}");
    assert!(report.points.iter().all(|point| point.steps_per_s > 0.0), "{report:#?}");
    for (wanted, point) in [300, 300, 3_000, 3_000].into_iter().zip(&report.points) {
        assert!((wanted - 20..=wanted + 20).contains(&point.rows), "{point:?}");
    }
    assert!((0.0..1.0).contains(&report.spread), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn journals_are_filled_and_several_workers_measured_on_postgres() {
    grows(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn journals_are_filled_and_several_workers_measured_on_sqlite() {
    grows(Kind::Sqlite).await;
}
