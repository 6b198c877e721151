//! Crash everywhere: the sale survives, planted faults do not.

use std::future::Future;

use mainstay_testing::{
    crash::{Everywhere, Report, Variant},
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
    println!("figure crash_points={} points", report.points.len());
    report
}

/// Lets every operation and call go wrong once without a crash.
async fn with<S, F>(variant: Variant, setup: S)
where
    S: Fn(Stage) -> F + Send + Sync + 'static,
    F: Future<Output = Setup> + 'static,
{
    let report = Everywhere::new(setup).with(&[variant]).run().await;
    eprintln!("{variant}: {report}");
    let calls = report.points.iter().filter(|point| point.what.starts_with("tool:"));
    assert!(calls.count() > 0 && report.cases > 10, "{report}");
    report.assert_safe();
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

#[tokio::test]
async fn a_parent_and_its_children_survive_every_crash_in_memory() {
    on(Ground::Memory, shapes::parent).await.assert_safe();
}

#[tokio::test]
async fn a_parent_and_its_children_survive_every_crash_on_sqlite() {
    on(Ground::Sqlite, shapes::parent).await.assert_safe();
}

#[tokio::test]
async fn a_parent_and_its_children_survive_every_crash_on_postgres() {
    on(Ground::Postgres, shapes::parent).await.assert_safe();
}

#[tokio::test]
async fn a_review_flow_survives_every_crash_in_memory() {
    on(Ground::Memory, shapes::paper).await.assert_safe();
}

#[tokio::test]
async fn a_review_flow_survives_every_crash_on_sqlite() {
    on(Ground::Sqlite, shapes::paper).await.assert_safe();
}

#[tokio::test]
async fn a_review_flow_survives_every_crash_on_postgres() {
    on(Ground::Postgres, shapes::paper).await.assert_safe();
}

#[tokio::test]
async fn an_error_at_every_step_changes_nothing_for_a_sale() {
    with(Variant::Refused, sale::sold).await;
}

#[tokio::test]
async fn an_error_at_every_step_changes_nothing_for_a_saga() {
    with(Variant::Refused, sale::undone).await;
}

#[tokio::test]
async fn an_error_at_every_step_changes_nothing_for_a_fan_out() {
    with(Variant::Refused, shapes::fan).await;
}

#[tokio::test]
async fn an_error_at_every_step_changes_nothing_for_timers_and_signals() {
    with(Variant::Refused, shapes::wait).await;
}

#[tokio::test]
async fn an_error_at_every_step_changes_nothing_for_a_parent_and_its_children() {
    with(Variant::Refused, shapes::parent).await;
}

#[tokio::test]
async fn an_error_at_every_step_changes_nothing_for_a_review_flow() {
    with(Variant::Refused, shapes::paper).await;
}

#[tokio::test]
async fn a_repeat_at_every_step_changes_nothing_for_a_sale() {
    with(Variant::Repeated, sale::sold).await;
}

#[tokio::test]
async fn a_repeat_at_every_step_changes_nothing_for_a_saga() {
    with(Variant::Repeated, sale::undone).await;
}

#[tokio::test]
async fn a_repeat_at_every_step_changes_nothing_for_a_fan_out() {
    with(Variant::Repeated, shapes::fan).await;
}

#[tokio::test]
async fn a_repeat_at_every_step_changes_nothing_for_timers_and_signals() {
    with(Variant::Repeated, shapes::wait).await;
}

#[tokio::test]
async fn a_repeat_at_every_step_changes_nothing_for_a_parent_and_its_children() {
    with(Variant::Repeated, shapes::parent).await;
}

#[tokio::test]
async fn a_repeat_at_every_step_changes_nothing_for_a_review_flow() {
    with(Variant::Repeated, shapes::paper).await;
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
