//! Plans given as data: what is refused before anything is spent, what is shown, what was done.

use std::fs;

use serde_json::{Value, json};

use crate::program::Place;

const RUN: [&str; 4] = ["jobs", "run", "--plan", "plan.json"];

fn place(steps: Value) -> Place {
    let place = Place::new();
    let plan = json!({"goal": "pay an order back", "steps": steps}).to_string();
    fs::write(place.path().join("plan.json"), plan).unwrap();
    place
}

fn paying() -> Value {
    json!([
        {"id": "find", "tool": "find_order", "args": {"order": {"$from": "input", "path": "/order"}},
         "expect": "found"},
        {"id": "pay", "tool": "pay_back", "args": {
            "order": {"$from": "input", "path": "/order"}, "cents": 700}, "expect": "= 700"},
    ])
}

#[test]
fn a_plan_runs_step_by_step_and_its_actions_come_from_the_journal() {
    let place = place(paying());
    let run = [&RUN[..], &["--input", "order=A-7", "--yes", "--budget", "tool_calls=2"]].concat();
    let done = place.json(0, &run);
    assert_eq!((&done["status"], &done["flow"]), (&json!("completed"), &json!("job")));
    assert_eq!(done["spend"]["tool_calls"], 2);
    assert_eq!(done["spend"]["model_calls"], 0, "no model is asked about a plan that is given");
    let digest = done["plan_digest"].as_str().unwrap();
    assert_eq!(digest.len(), 64);
    assert_eq!(done["output"]["versions"][0]["digest"], digest);
    let actions: Vec<_> = done["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| {
            assert_eq!(action["idempotency_key"].as_str().unwrap().len(), 64);
            let of = |field: &str| action[field].clone();
            [of("step"), of("tool"), of("effect"), of("outcome"), of("attempts")]
        })
        .collect();
    assert_eq!(
        json!(actions),
        json!([
            ["find", "find_order", "read", "found", 1],
            ["pay", "pay_back", "idempotent", "found", 1],
        ])
    );
    let again = place.json(0, &run);
    assert_eq!(again["plan_digest"], done["plan_digest"]);
    assert_ne!(again["actions"][1]["idempotency_key"], done["actions"][1]["idempotency_key"]);
}

#[test]
fn a_plan_that_changes_something_is_shown_with_its_digest_and_needs_a_yes() {
    let place = place(paying());
    let asked = place.run(&[&RUN[..], &["--input", "order=A-7"]].concat());
    asked.refused(2, "MS-1011", "--yes");
    assert!(asked.err.contains("digest: ") && asked.err.contains("2. pay: pay_back (idempotent)"));
    assert_eq!(place.json(0, &["runs", "ls"])["runs"], json!([]));
    let only_reads = json!([{"id": "find", "tool": "find_order", "args": {"order": "A-7"}}]);
    let place = self::place(only_reads);
    assert_eq!(place.json(0, &RUN)["status"], "completed");
}

/// Each of these is found before a run begins: there is no run, and no call was made.
#[test]
fn a_plan_that_is_not_sound_exits_2_with_its_code_and_nothing_is_spent() {
    let step = |id: &str, tool: &str, args: Value| json!({"id": id, "tool": tool, "args": args});
    let from = |id: &str| json!({"order": {"$from": id, "path": ""}});
    let table = [
        ("MS-2201", json!([{"id": "a", "tool": "find_order", "then": 1}])),
        ("MS-2202", json!([step("a", "sell_everything", json!({}))])),
        ("MS-2203", json!([step("a", "find_order", from("b"))])),
        (
            "MS-2203",
            json!([step("a", "find_order", json!({"order": {"$from": "input", "path": "x"}}))]),
        ),
        (
            "MS-2204",
            json!([step("a", "find_order", from("b")), step("b", "find_order", from("a"))]),
        ),
        ("MS-2205", json!([step("a", "find_order", json!({"order": 7}))])),
        ("MS-2205", json!([step("a", "pay_back", json!({"order": {"$from": "input"}}))])),
        (
            "MS-2206",
            json!([{"id": "a", "tool": "book_courier", "args": {"number": "1"}, "effect": "read"}]),
        ),
    ];
    for (code, steps) in table {
        let place = place(steps.clone());
        let refused = place.json(2, &[&RUN[..], &["--yes"]].concat());
        assert_eq!(refused["error"]["code"], code, "{steps}: {refused}");
        assert!(!refused["error"]["hint"].is_null(), "{refused}");
        assert_eq!((&refused["run_id"], &refused["actions"]), (&Value::Null, &json!([])));
        assert_eq!(place.json(0, &["runs", "ls"])["runs"], json!([]), "{steps}");
    }
    let place = place(paying());
    let dear = [&RUN[..], &["--yes", "--input", "order=A-7", "--budget", "tool_calls=1"]].concat();
    assert_eq!(place.json(2, &dear)["error"]["code"], "MS-2207");
}

#[test]
fn a_step_that_fails_stops_the_job_and_the_rest_is_not_called() {
    let place = place(json!([
        {"id": "pay", "tool": "pay_back", "args": {"order": "A-9", "cents": 1}},
        {"id": "book", "tool": "book_courier", "args": {"number": "A-9"}},
    ]));
    let failed = place.json(1, &[&RUN[..], &["--yes"]].concat());
    assert_eq!(
        (&failed["status"], &failed["error"]["code"]),
        (&json!("failed"), &json!("MS-2209"))
    );
    let actions = failed["actions"].as_array().unwrap();
    assert_eq!((actions.len(), &actions[0]["outcome"]), (1, &json!("failed")));
}
