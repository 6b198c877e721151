//! Crash everywhere: the sale survives, planted faults do not.

use std::future::Future;

use mainstay_testing::{
    crash::{Everywhere, Report},
    rig::{Ground, Setup, Stage},
};

use crate::{sale, shapes};

async fn on<S, F>(ground: Ground, setup: S) -> Report
where
    S: Fn(Stage) -> F + Send + Sync + 'static,
    F: Future<Output = Setup> + 'static,
{
    let plan = Everywhere::new(setup).on(ground);
    // A case that failed is played alone with `ONLY=append#7:after`.
    #[expect(clippy::disallowed_methods, reason = "chosen by the person who runs the test")]
    let plan = match std::env::var("ONLY") {
        Ok(only) => plan.only(&only).unwrap(),
        Err(_) => plan,
    };
    let report = plan.run().await;
    eprintln!("{report}");
    report
}

#[tokio::test]
async fn a_sale_survives_every_crash_in_memory() {
    on(Ground::Memory, sale::sold).await.assert_safe();
}

#[tokio::test]
async fn a_failing_sale_is_undone_after_every_crash_in_memory() {
    on(Ground::Memory, sale::undone).await.assert_safe();
}

#[tokio::test]
async fn a_sale_survives_every_crash_on_sqlite() {
    on(Ground::Sqlite, sale::sold).await.assert_safe();
}

#[tokio::test]
async fn a_failing_sale_is_undone_after_every_crash_on_sqlite() {
    on(Ground::Sqlite, sale::undone).await.assert_safe();
}

#[tokio::test]
async fn a_sale_survives_every_crash_on_postgres() {
    on(Ground::Postgres, sale::sold).await.assert_safe();
}

#[tokio::test]
async fn a_failing_sale_is_undone_after_every_crash_on_postgres() {
    on(Ground::Postgres, sale::undone).await.assert_safe();
}

#[tokio::test]
async fn a_fan_out_survives_every_crash_in_memory() {
    on(Ground::Memory, shapes::fan).await.assert_safe();
}

#[tokio::test]
async fn timers_and_signals_survive_every_crash_in_memory() {
    on(Ground::Memory, shapes::wait).await.assert_safe();
}

#[tokio::test]
async fn a_fan_out_survives_every_crash_on_sqlite() {
    on(Ground::Sqlite, shapes::fan).await.assert_safe();
}

#[tokio::test]
async fn timers_and_signals_survive_every_crash_on_sqlite() {
    on(Ground::Sqlite, shapes::wait).await.assert_safe();
}

#[tokio::test]
async fn a_fan_out_survives_every_crash_on_postgres() {
    on(Ground::Postgres, shapes::fan).await.assert_safe();
}

#[tokio::test]
async fn timers_and_signals_survive_every_crash_on_postgres() {
    on(Ground::Postgres, shapes::wait).await.assert_safe();
}

/// Recovery is code like any other: it is crashed everywhere too.
#[tokio::test]
async fn a_sale_survives_every_crash_of_its_recovery() {
    for first in ["append#9:after", "tool:charge#1:after", "tool:book_van#1:after", "claim#2:after"]
    {
        let plan = Everywhere::new(sale::sold).after(first).unwrap();
        let report = plan.run().await;
        eprintln!("after {first}: {report}");
        assert!(report.points.iter().any(|point| point.what == "take_over"), "{report}");
        report.assert_safe();
    }
}
