//! The desk crashed everywhere: whatever dies and whenever, the shop sees each action once.

use mainstay_engine::commands::StartRun;
use mainstay_testing::{crash::Everywhere, rig::Ground};

use crate::stage::{desk, letter, sign_up};

/// Every lane of the letters, and every way an answer comes about. Each run is a plan of its own:
/// a case plays its whole plan, and what one letter does to the shop does not touch another.
fn plans() -> Vec<StartRun> {
    let letters = [
        "T-07", // return, with a person who is asked
        "T-12", // return, with a van, and an answer that is sent back
        "T-17", // exchange
        "T-26", // cancel
        "T-39", // order question, with a second wish
        "T-41", // product advice
        "T-45", // abuse
    ];
    // The sign-up that is undone.
    letters.into_iter().map(letter).chain([sign_up(2)]).collect()
}

async fn crash(ground: Ground) {
    let (mut points, mut cases) = (0, 0);
    for run in plans() {
        let plan = Everywhere::new(move |stage| desk(stage, vec![run.clone()]));
        let report = plan.on(ground).run().await.assert_safe();
        points += report.points.len();
        cases += report.cases;
    }
    println!("figure crash_points={points} points");
    println!("figure crash_cases={cases} cases");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desk_survives_every_crash_on_sqlite() {
    crash(Ground::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desk_survives_every_crash_on_postgres() {
    crash(Ground::Postgres).await;
}
