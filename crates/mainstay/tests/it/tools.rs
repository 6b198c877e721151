//! `mainstay tools …`: what there is, calls by hand, how they went, arguments checked by themselves.

use std::{fs, io::Write, process::Stdio};

use serde_json::{Value, json};

use crate::program::{Ended, Place};

/// Checks arguments against a schema, and returns the exit code with what was printed.
fn validate(schema: &Value, arguments: &[u8]) -> (i32, String) {
    let place = Place::new();
    fs::write(place.path().join("schema.json"), schema.to_string()).unwrap();
    let mut command = place.command(&["tools", "validate", "--schema", "schema.json"]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A reader that has seen enough may stop before the end.
    let _ = child.stdin.take().unwrap().write_all(arguments);
    let ended = Ended::of(child.wait_with_output().unwrap());
    (ended.exit, ended.out)
}

fn first_error(schema: &Value, arguments: &[u8]) -> (String, String) {
    let (exit, out) = validate(schema, arguments);
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((exit, &document["valid"]), (2, &json!(false)), "{out}");
    let text = |field: &str| document["errors"][0][field].as_str().unwrap().to_owned();
    (text("path"), text("message"))
}

#[test]
fn arguments_are_valid_or_not_and_the_answer_is_one_document() {
    let schema = json!({"properties": {"to": {"type": "string"}}, "required": ["to"]});
    let valid = validate(&schema, br#"{"to": "ann"}"#);
    assert_eq!(valid, (0, "{\"valid\":true,\"errors\":[]}\n".to_owned()));
    let wrong = validate(&schema, br#"{"to": 7}"#);
    let said =
        r#"{"valid":false,"errors":[{"path":"/to","message":"7 is not of type \"string\""}]}"#;
    assert_eq!(wrong, (2, format!("{said}\n")));
    assert!(first_error(&schema, br#"{"to": "ann", "cc": "bob"}"#).1.contains("cc"), "closed");
}

#[test]
fn what_is_not_strict_is_refused_with_its_place() {
    let any = json!({"type": "object"});
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(40), "]".repeat(40));
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20));
    let cases: [(&[u8], &str, &str); 9] = [
        (br#"{"a": {"b": 1, "b": 2}}"#, "/a/b", "twice"),
        (br#"{"a": [NaN]}"#, "/a/0", "expected"),
        (br#"{"a": Infinity}"#, "/a", "expected"),
        (br#"{"a": 1e999}"#, "/a", "out of range"),
        (br#"{"a": "\ud800"}"#, "/a", "hex escape"),
        (br#"{"a": 1} {}"#, "", "trailing"),
        (b"{\"a\": \"\xff\"}", "", "UTF-8"),
        (deep.as_bytes(), "/a/0/0", "32 levels"),
        (large.as_bytes(), "", "larger than 1048576 bytes"),
    ];
    for (arguments, path, says) in cases {
        let (at, message) = first_error(&any, arguments);
        let start = String::from_utf8_lossy(&arguments[..arguments.len().min(30)]).into_owned();
        assert!(at.starts_with(path) && (at == path || says == "32 levels"), "{start}: {at}");
        assert!(message.contains(says), "{start}: {message}");
    }
}

#[test]
fn a_schema_that_fetches_or_explodes_fits_nothing() {
    let remote = json!({"$ref": "https://example.com/a.json"});
    assert!(first_error(&remote, b"{}").1.contains("unsound"));
    let branch = |name| json!({"properties": {"a": {"$ref": "#"}}, "required": [name]});
    let explosive = json!({"anyOf": [{"type": "integer"}, branch("b"), branch("c")]});
    let nested = (0..30).fold("1.5".to_owned(), |inner, _| format!("{{\"a\":{inner}}}"));
    assert!(first_error(&explosive, nested.as_bytes()).1.contains("too much work"));
    let place = Place::new();
    let missing = place.run(&["tools", "validate", "--schema", "nowhere.json"]);
    missing.refused(2, "MS-1010", "nowhere.json");
}

#[test]
fn tools_are_listed_and_shown_with_everything_they_declare() {
    let place = Place::new();
    let listed = place.json(0, &["tools", "ls"]);
    let tools = listed["tools"].as_array().unwrap();
    let names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["book_courier", "call_off", "find_order", "pay_back"]);
    assert_eq!(tools[2]["effect"], "read");
    assert_eq!(tools[3]["reversibility"], "irreversible");
    assert_eq!(tools[3]["origin"], "native");
    let shown = place.json(0, &["tools", "show", "pay_back"]);
    assert_eq!(shown["hash"].as_str().unwrap().len(), 64);
    assert_eq!(shown["control"], "all");
    assert_eq!(shown["input_schema"]["required"], json!(["order", "cents"]));
    let told = place.run(&["tools", "show", "pay_back"]);
    assert!(told.out.contains("all (none were declared)"), "{}", told.out);
    place.run(&["tools", "show", "pay_bak"]).refused(3, "MS-5001", "pay_bak");
    assert!(!place.path().join(".mainstay").exists(), "looking makes no database");
}

#[test]
fn a_call_by_hand_is_a_run_like_any_other() {
    let place = Place::new();
    let called = place.json(0, &["tools", "call", "find_order", "order=A-1"]);
    assert_eq!(called["output"], "order A-1 of Ann");
    assert_eq!(called["spend"]["tool_calls"], 1);
    let nothing = place.json(0, &["tools", "call", "find_order", "--args", r#"{"order":"A-0"}"#]);
    assert_eq!(nothing["output"], Value::Null);
    let shown = place.json(0, &["runs", "show"]);
    assert!(shown["timeline"].to_string().contains("find_order"), "{shown}");
    place.json(1, &["tools", "call", "pay_back", "order=A-9", "cents=5"]);
    let refused = place.json(1, &["tools", "call", "pay_back", "order=A-1"]);
    assert_eq!(refused["error"]["code"], "MS-5003", "{refused}");
    place.json(1, &["tools", "call", "find_order", "order=A-1", "limit=3"]);
    place.json(11, &["tools", "call", "find_order", "order=A-1", "--budget", "tool_calls=0"]);
    place.run(&["tools", "call", "find_ordr"]).refused(3, "MS-5001", "find_ordr");
    let again = ["tools", "call", "pay_back", "order=A-1", "cents=5", "--idempotency-key", "k"];
    let (first, second) = (place.json(0, &again), place.json(0, &again));
    assert_eq!(first["run_id"], second["run_id"]);
}

#[test]
fn health_counts_each_kind_of_outcome_apart() {
    let place = Place::new();
    for order in ["order=A-1", "order=A-2", "order=A-0"] {
        place.json(0, &["tools", "call", "find_order", order]);
    }
    place.json(1, &["tools", "call", "find_order", "ordr=A-1"]);
    place.json(1, &["tools", "call", "pay_back", "order=A-9", "cents=5"]);
    let health = place.json(0, &["tools", "health"]);
    let tools = health["tools"].as_array().unwrap();
    let counts = |tool: &Value| {
        ["calls", "found", "empty", "failed", "denied", "in_doubt"]
            .map(|n| tool[n].as_u64().unwrap())
    };
    assert_eq!(
        tools.iter().map(counts).collect::<Vec<_>>(),
        [[4, 2, 1, 0, 1, 0], [1, 0, 0, 1, 0, 0]]
    );
    assert_eq!(tools[1]["failure_rate"], 1.0);
    assert_eq!(tools[1]["breaker"], "closed", "who refuses for good is well");
    let one = place.json(0, &["tools", "health", "pay_back", "--since", "1h"]);
    assert_eq!(one["tools"].as_array().unwrap().len(), 1);
    assert!(place.run(&["tools", "health"]).out.contains("find_order"));
}

#[test]
fn rules_of_the_file_decide_on_every_call() {
    let place = Place::new();
    let configure = |text: &str| fs::write(place.path().join("mainstay.toml"), text).unwrap();
    configure(
        r#"
[[policy.rules]]
name = "much"
verdict = "deny"
tools = ["pay_*"]
when = "args.cents > 10000"
reason = "over 100 USD"

[[policy.rules]]
name = "some"
verdict = "require_approval"
tools = ["pay_back"]
when = "args.cents > 100"
"#,
    );
    let pay = |exit, cents| place.json(exit, &["tools", "call", "pay_back", "order=A-1", cents]);
    assert_eq!(pay(0, "cents=50")["output"], 50);
    let denied = pay(1, "cents=20000");
    assert_eq!(denied["error"]["code"], "MS-5009", "{denied}");
    assert!(
        denied["error"]["message"].as_str().unwrap().contains("`much`: over 100 USD"),
        "{denied}"
    );
    let parked = pay(10, "cents=500");
    assert_eq!(parked["status"], "parked", "{parked}");
    configure("[[policy.rules]]\nname = \"bad\"\nverdict = \"deny\"\nwhen = \"arg.cents > 1\"\n");
    let refused = place.run(&["tools", "ls"]);
    refused.refused(2, "MS-5040", "mainstay.toml:1: rule `bad`: there is no variable `arg`");
}

#[test]
fn a_command_of_the_file_is_a_tool_in_a_sandbox() {
    let place = Place::new();
    let configure = |programs: &str| {
        let text = format!(
            r#"
[process]
programs = [{programs}]

[process.surroundings]
argv = ["/usr/bin/env"]
description = "Prints the environment."
arguments = {{ type = "object", properties = {{}} }}
result = "text"
effect = "read"
owner = "platform"

[process.repeat]
argv = ["/bin/cat"]
description = "Returns what it gets."
arguments = {{ type = "object", required = ["q"], properties = {{ q = {{ type = "string" }} }} }}
control = []
timeout = "5s"
"#
        );
        fs::write(place.path().join("mainstay.toml"), text).unwrap();
    };
    configure(r#""/usr/bin/env", "/bin/cat""#);
    let listed = place.json(0, &["tools", "ls"]);
    let of = |name: &str| {
        let tools = listed["tools"].as_array().unwrap();
        tools.iter().find(|tool| tool["name"] == name).unwrap().clone()
    };
    assert_eq!(of("surroundings")["origin"], "process:surroundings");
    assert_eq!(
        (&of("surroundings")["effect"], &of("repeat")["effect"]),
        (&json!("read"), &json!("at_most_once"))
    );
    let called = place.json(0, &["tools", "call", "repeat", "q=$(id) Grüße"]);
    assert_eq!(called["output"], json!({"q": "$(id) Grüße"}));
    place.json(1, &["tools", "call", "repeat", "x=1"]);
    let mut canary = place.command(&["tools", "call", "surroundings", "--json"]);
    let ended = Ended::of(canary.env("CANARY", "sk-canary-17").output().unwrap());
    let document: Value = serde_json::from_str(&ended.out).unwrap();
    let seen = document["output"].as_str().unwrap();
    assert!(seen.contains("PATH=/usr/bin:/bin") && !ended.out.contains("canary"), "{seen}");
    configure(r#""/bin/cat""#);
    place.run(&["tools", "ls"]).refused(
        2,
        "MS-5041",
        "`/usr/bin/env` is not in `process.programs`",
    );
}
