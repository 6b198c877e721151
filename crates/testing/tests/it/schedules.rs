//! Fault schedules: every shape bears them, a seed is a history, and planted faults are found.

use std::sync::Arc;

use mainstay_testing::{
    rig::Ground,
    schedule::{Fault, Replay, Report},
};

use crate::{planted::Unfenced, shapes::all};

/// Plays so many seeds, or the one that failed: `SEED=17 cargo test …`.
async fn play(ground: Ground, seeds: u64) -> Report {
    #[expect(clippy::disallowed_methods, reason = "chosen by the person who runs the test")]
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = seed.map_or(0..seeds, |seed: u64| seed..seed + 1);
    let report = all().on(ground).with_seeds(seeds).run().await;
    eprintln!("{report}");
    report
}

#[tokio::test]
async fn every_shape_bears_schedules_in_memory() {
    let report = play(Ground::Memory, 2_000).await.assert_safe();
    let struck: Vec<_> = report.faults.keys().copied().collect();
    assert!(report.schedules < 2_000 || Fault::KINDS.iter().all(|kind| struck.contains(kind)));
}

#[tokio::test]
async fn every_shape_bears_schedules_on_sqlite() {
    play(Ground::Sqlite, 100).await.assert_safe();
}

async fn replayed(ground: Ground, seed: u64) -> Replay {
    all().on(ground).replay(seed).await.unwrap()
}

fn assert_same(one: &Replay, other: &Replay) {
    assert_eq!(one.schedule, other.schedule);
    assert_eq!(one.struck, other.struck);
    assert_eq!(one.journals, other.journals);
}

#[tokio::test]
async fn a_seed_is_a_history_byte_for_byte() {
    let mut struck = 0;
    for seed in 0..24 {
        let first = replayed(Ground::Memory, seed).await;
        assert_same(&first, &replayed(Ground::Memory, seed).await);
        struck += first.struck.len();
    }
    assert!(struck > 24, "only {struck} things went wrong");
}

/// A store may give small payloads along with a row or not: the rows hold their digests.
fn bare(replay: Replay) -> Replay {
    let mut replay = replay;
    replay.journals.iter_mut().flatten().for_each(|row| row.payloads.clear());
    replay
}

#[tokio::test]
async fn a_seed_is_the_same_history_on_every_store() {
    for seed in 0..6 {
        let memory = bare(replayed(Ground::Memory, seed).await);
        assert_same(&memory, &bare(replayed(Ground::Sqlite, seed).await));
        assert_same(&memory, &bare(replayed(Ground::Postgres, seed).await));
    }
}

#[tokio::test]
async fn a_store_without_the_fence_is_found_and_its_seed_finds_it_again() {
    let planted = || all().with_store(|store| Arc::new(Unfenced(store)));
    let report = planted().with_seeds(0..60).run().await;
    let seed = *report.failed_seeds.first().expect("no schedule noticed the missing fence");
    let again = planted().with_seeds(seed..seed + 1).run().await;
    assert_eq!(again.findings.first(), report.findings.first(), "seed {seed}");
}
