//! What the doctor and `flows check` find.

use serde_json::{Value, json};

use crate::program::{Ended, Place};

fn health<'a>(report: &'a Value, check: &str) -> &'a Value {
    let checks = report["checks"].as_array().unwrap();
    &checks.iter().find(|found| found["check"] == check).unwrap()["health"]
}

#[test]
fn a_healthy_store_has_a_clean_bill() {
    let place = Place::new();
    place.run(&["run", "greet", "--input", "name=Ann"]);
    let report = place.json(0, &["doctor"]);
    assert_eq!(report["healthy"], true);
    for check in
        ["disk", "store", "schema", "durability", "clock", "workers", "runs", "versions", "weeks"]
    {
        assert_eq!(health(&report, check), "ok", "{report}");
    }
}

#[test]
fn a_run_without_a_worker_is_a_warning() {
    let place = Place::new();
    place.run(&["run", "greet", "--detach", "--input", "name=Ann"]);
    assert_eq!(health(&place.json(0, &["doctor"]), "versions"), "warn");
}

#[test]
fn a_database_that_is_not_there_is_a_problem_with_a_next_step() {
    let place = Place::new();
    let report = place.json(21, &["doctor"]);
    assert_eq!((&report["healthy"], health(&report, "store")), (&json!(false), &json!("fail")));
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0, "a doctor makes nothing");
}

#[test]
fn migrate_makes_the_schema_once() {
    let place = Place::new();
    let dry = place.run(&["migrate", "--dry-run"]);
    assert!(dry.out.contains("would be made"), "{dry:?}");
    let made = place.json(0, &["migrate"]);
    assert_eq!((&made["found"], &made["now"]), (&json!(0), &made["wanted"]));
    let again = place.json(0, &["migrate"]);
    assert_eq!(again["found"], again["wanted"]);
}

#[test]
fn the_flows_of_this_program_go_on_with_its_own_runs() {
    let place = Place::new();
    place.run(&["run", "parcel"]);
    let checked = place.json(0, &["flows", "check"]);
    assert_eq!((&checked["checked"], &checked["stuck"]), (&json!(1), &json!([])));
    let listed = place.json(0, &["flows", "ls"]);
    assert_eq!(listed["flows"].as_array().unwrap().len(), 5);
    for format in ["ascii", "mermaid", "dot", "svg"] {
        let drawn = place.run(&["flows", "plot", "refund", "--format", format]).out;
        assert!(drawn.contains("look_up"), "{format}: {drawn}");
    }
}

#[test]
fn a_run_of_a_version_that_is_not_here_would_not_go_on() {
    let place = Place::new();
    let parcel = place.json(14, &["run", "parcel"]);
    place.json(10, &["run", "refund", "--input", "order=A-7", "cents=9900"]);
    place.sql(&[
        "UPDATE mainstay_lanes SET version = 7 WHERE flow = 'parcel'",
        "UPDATE mainstay_run_index SET version = 7 WHERE flow = 'parcel'",
    ]);
    let checked = place.json(5, &["flows", "check"]);
    assert_eq!(checked["checked"], 2);
    let stuck = checked["stuck"].as_array().unwrap();
    assert_eq!(stuck.len(), 1, "{checked}");
    assert_eq!(
        (&stuck[0]["run_id"], &stuck[0]["version"]),
        (&parcel["run_id"], &json!(7)),
        "{checked}"
    );
    let why = stuck[0]["why"].as_str().unwrap();
    assert!(why.starts_with("this program has no parcel v7"), "{why}");
    assert_eq!(place.json(0, &["flows", "check", "refund"])["stuck"], json!([]));
}

#[test]
fn a_run_that_no_worker_can_drive_says_so_and_is_not_waited_for() {
    let place = Place::new();
    place.run(&["run", "parcel", "--detach"]);
    let without = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        Ended::of(command.env("WITHOUT_PARCEL", "1").output().unwrap())
    };
    let resumed = without(&["runs", "resume", "--json"]);
    let run: Value = serde_json::from_str(&resumed.out).unwrap();
    assert_eq!(
        (resumed.exit, &run["status"], &run["waiting_for"], &run["error"]["code"]),
        (14, &json!("queued"), &json!(["worker_version"]), &json!("MS-2004")),
        "{run}"
    );
    let shown = without(&["runs", "show"]).out;
    assert!(shown.contains("no worker has parcel v1"), "{shown}");
    // With the program that has it, it goes on to its signal.
    let resumed = place.json(14, &["runs", "resume"]);
    assert_eq!(resumed["waiting_for"], json!(["signal"]), "{resumed}");
}
