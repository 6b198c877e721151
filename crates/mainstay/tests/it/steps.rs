//! A program with steps that a worker serves, on the command line.

use std::fs;

use serde_json::{Value, json};

use crate::program::{Ended, Place, example};

/// A worker that serves everything the program needs, declared by hand.
const RISK: &str = r#"
[workers.risk.tools.look_up]
input_schema = { type = "object", properties = { id = { type = "string" } } }
[workers.risk.steps.score]
input_schema = { type = "object", properties = { order = true } }
effect = "read"
[workers.risk.steps.charge_card]
input_schema = { type = "object", properties = { order = true, score = true } }
"#;

fn run(place: &Place, arguments: &[&str]) -> Ended {
    Ended::of(place.command_of(&example("order_desk"), arguments).output().unwrap())
}

fn json(place: &Place, exit: i32, arguments: &[&str]) -> Value {
    let ended = run(place, &[arguments, &["--json"]].concat());
    assert_eq!(ended.exit, exit, "{arguments:?}: {ended:?}");
    serde_json::from_str(&ended.out).unwrap()
}

fn configured(text: &str) -> Place {
    let place = Place::new();
    fs::write(place.path().join("mainstay.toml"), text).unwrap();
    place
}

/// A tool that every process can call.
const CAT: &str = r#"
[process]
programs = ["/bin/cat"]
[process.repeat]
argv = ["/bin/cat"]
description = "Returns what it gets."
arguments = { type = "object", properties = { q = { type = "string" } } }
effect = "read"
"#;

const START: [&str; 4] = ["run", "order_desk", "--input", "order=A-1"];

#[test]
fn a_step_that_no_worker_is_declared_to_serve_is_told_of_before_anything_begins() {
    let place = Place::new();
    let says = "step `score` of `order_desk` is served by `risk.score`, and no worker `risk`";
    run(&place, &START).refused(2, "MS-5067", says);
    run(&place, &["worker"]).refused(2, "MS-5067", "[workers.risk]");
    let place = configured(&RISK.replace("steps.charge_card", "steps.charge_crad"));
    run(&place, &START).refused(2, "MS-5067", "did you mean `charge_crad`?");
    let place = configured(&RISK.replace("steps.charge_card", "tools.charge_card"));
    run(&place, &START).refused(2, "MS-5067", "which is declared as a tool");
}

#[test]
fn a_process_that_does_not_listen_leaves_such_a_run_to_one_that_does() {
    let place = configured(&format!("{CAT}{RISK}"));
    let left = json(&place, 14, &START);
    assert_eq!((&left["status"], &left["error"]["code"]), (&json!("queued"), &json!("MS-2004")));
    // Driving something of its own does not make it take the other.
    let called = ["tools", "call", "repeat", "q=x"];
    assert_eq!(json(&place, 0, &called)["status"], "completed");
    let run_id = left["run_id"].as_str().unwrap();
    let shown = json(&place, 0, &["runs", "show", run_id]);
    assert!(!shown["timeline"].to_string().contains("claimed"), "{shown}");
}

#[test]
fn steps_are_shown_as_steps_and_cannot_be_called_by_hand() {
    let place = configured(RISK);
    let listed = json(&place, 0, &["tools", "ls"]);
    let origins: Vec<_> = listed["tools"].as_array().unwrap().iter().collect();
    let origins: Vec<_> =
        origins.iter().map(|tool| format!("{} {}", tool["name"], tool["origin"])).collect();
    let expected = [
        r#""risk.charge_card" "step:risk""#,
        r#""risk.look_up" "worker:risk""#,
        r#""risk.score" "step:risk""#,
    ];
    assert_eq!(origins, expected);
    let shown = run(&place, &["flows", "show", "order_desk"]);
    assert!(shown.out.contains("served by worker risk"), "{}", shown.out);
    let by_hand = run(&place, &["tools", "call", "risk.score", "order=A-1"]);
    by_hand.refused(2, "MS-5001", "`risk.score`: it is a step");
    let plan = json!({"goal": "g", "steps": [{"id": "a", "tool": "risk.score", "args": {}}]});
    fs::write(place.path().join("plan.json"), plan.to_string()).unwrap();
    let planned = run(&place, &["jobs", "run", "--plan", "plan.json", "--yes"]);
    assert_eq!(planned.exit, 2, "{planned:?}");
    assert!(planned.err.contains("risk.score"), "{planned:?}");
}
