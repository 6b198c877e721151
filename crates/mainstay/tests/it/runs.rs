//! Runs from their start to their end, with the exit codes and documents that scripts rely on.

use serde_json::{Value, json};

use crate::program::Place;

#[test]
fn a_run_prints_its_output_as_data() {
    let ended = Place::new().run(&["run", "greet", "--input", "name=Ann"]);
    assert_eq!((ended.exit, ended.out.as_str()), (0, "\"hello Ann\"\n"));
}

const RUN: [&str; 10] = [
    "run_id",
    "flow",
    "version",
    "status",
    "waiting_for",
    "output",
    "error",
    "review_id",
    "spend",
    "steps",
];
const SPEND: [&str; 6] =
    ["usd", "input_tokens", "output_tokens", "model_calls", "tool_calls", "wall_ms"];
const STEP: [&str; 4] = ["name", "status", "attempts", "duration_ms"];
const ERROR: [&str; 3] = ["code", "message", "hint"];

/// Checks that an object has these fields and no others.
fn has_exactly(object: &Value, fields: &[&str]) {
    let mut wanted = fields.to_vec();
    wanted.sort_unstable();
    let mut found: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    found.sort_unstable();
    assert_eq!(found, wanted, "{object}");
}

/// Checks that the fields stand in the text in this order.
fn in_order(text: &str, fields: &[&str]) {
    let mut rest = Some(text);
    for name in fields {
        rest = rest.and_then(|rest| Some(rest.split_once(&format!("\"{name}\":"))?.1));
        assert!(rest.is_some(), "{name} in {text}");
    }
}

#[test]
fn the_document_of_a_run_has_exactly_its_fields_in_their_order() {
    let place = Place::new();
    let ended = place.run(&["run", "refund", "--json", "--input", "order=A-1", "cents=100"]);
    assert_eq!(ended.exit, 0, "{ended:?}");
    let (head, tail) = RUN.split_at(9);
    in_order(&ended.out, &[head, &SPEND, tail, &STEP].concat());
    let document: Value = serde_json::from_str(&ended.out).unwrap();
    has_exactly(&document, &RUN);
    has_exactly(&document["spend"], &SPEND);
    for step in document["steps"].as_array().unwrap() {
        has_exactly(step, &STEP);
    }
    assert_eq!(document["status"], "completed");
    assert_eq!(document["waiting_for"], Value::Null);
    assert_eq!(document["spend"]["model_calls"], 1);
    assert_eq!(document["spend"]["tool_calls"], 2);
    let spent = document["spend"]["usd"].as_f64().unwrap();
    assert!(spent > 0.0 && spent < 0.01, "{spent} is not in dollars");
    let steps = document["steps"].as_array().unwrap();
    let steps: Vec<_> = steps.iter().map(|step| (&step["name"], &step["status"])).collect();
    let done = json!("completed");
    assert_eq!(
        steps,
        [(&json!("look_up"), &done), (&json!("pay"), &done), (&json!("answer"), &done)]
    );
}

#[test]
fn a_run_that_did_not_complete_or_never_began_has_the_same_fields() {
    let place = Place::new();
    let run = ["run", "refund", "--input", "order=A-1", "cents=100", "--budget", "tokens=10"];
    for (exit, arguments) in [
        (1, &["run", "greet", "--input", "times=13"][..]),
        (2, &["run", "greet", "--input", "{"]),
        (3, &["run", "gret"]),
        (11, &run),
        (14, &["run", "parcel"]),
    ] {
        let document = place.json(exit, arguments);
        has_exactly(&document, &RUN);
        has_exactly(&document["spend"], &SPEND);
        match exit {
            14 => assert_eq!(document["error"], Value::Null),
            _ => has_exactly(&document["error"], &ERROR),
        }
    }
}

#[test]
fn a_failed_run_exits_1_and_says_why() {
    let place = Place::new();
    let ended = place.run(&["run", "greet", "--input", "times=13"]);
    ended.refused(1, "MS-2001", "thirteen is not polite");
    let document = place.json(1, &["run", "greet", "--input", "times=13"]);
    assert_eq!(
        (&document["status"], &document["error"]["code"]),
        (&json!("failed"), &json!("MS-2001"))
    );
}

#[test]
fn a_run_that_waits_for_a_signal_exits_14() {
    let document = Place::new().json(14, &["run", "parcel"]);
    assert_eq!(
        (&document["status"], &document["waiting_for"]),
        (&json!("parked"), &json!(["signal"]))
    );
}

#[test]
fn a_budget_stops_a_run_and_a_larger_one_lets_it_go_on() {
    let place = Place::new();
    let run = ["run", "refund", "--input", "order=A-1", "cents=100", "--budget", "tokens=10"];
    let document = place.json(11, &run);
    assert_eq!(document["waiting_for"], json!(["budget"]));
    assert_eq!(document["error"]["code"], "MS-2104");
    let hint = document["error"]["hint"].as_str().unwrap();
    let (_, more) = hint.split_once("--budget ").unwrap();
    place.run(&["runs", "resume"]).refused(5, "MS-1009", "needs a larger budget");
    let document = place.json(0, &["runs", "resume", "--budget", more]);
    assert_eq!(document["status"], "completed");
    assert_eq!(document["spend"]["tool_calls"], 2, "nothing was called again");
}

#[test]
fn a_detached_run_waits_for_a_worker() {
    let place = Place::new();
    let document = place.json(0, &["run", "greet", "--detach", "--input", "name=Ann"]);
    assert_eq!(document["status"], "queued");
    assert_eq!(place.json(0, &["runs", "resume"])["output"], "hello Ann");
}

#[test]
fn a_cancelled_run_exits_12_once_it_is_driven() {
    let place = Place::new();
    place.json(14, &["run", "parcel"]);
    place.run(&["runs", "cancel", "@last"]).refused(2, "MS-1011", "needs a yes");
    let dry = place.run(&["runs", "cancel", "@last", "--dry-run"]);
    assert_eq!((dry.exit, dry.err.contains("nothing was changed")), (0, true));
    assert_eq!(place.run(&["runs", "cancel", "@last", "--yes", "--reason", "lost"]).exit, 0);
    let document = place.json(12, &["runs", "resume"]);
    assert_eq!(document["error"]["message"], "ann: lost");
    place.run(&["runs", "cancel", "@last", "--yes"]).refused(5, "MS-1009", "has ended");
}

#[test]
fn ids_are_found_by_their_beginning_or_refused() {
    let place = Place::new();
    place.run(&["runs", "show", "@last"]).refused(3, "MS-1004", "there is no run");
    let of = |name: &str| {
        let document = place.json(0, &["run", "greet", "--input", &format!("name={name}")]);
        document["run_id"].as_str().unwrap().to_owned()
    };
    let (first, second) = (of("Ann"), of("Bob"));
    let show = |id: &str| place.json(0, &["runs", "show", id])["output"].clone();
    assert_eq!(show(&first.to_lowercase()), "hello Ann");
    assert_eq!(show(&second[..29]), "hello Bob");
    assert_eq!(show("@last"), "hello Bob");
    let several = place.run(&["runs", "show", "run_0"]);
    several.refused(2, "MS-1005", &first);
    place.run(&["runs", "show", "rev_01K"]).refused(2, "MS-1006", "starts with `run_`");
    place.run(&["runs", "show", "01KU"]).refused(2, "MS-1006", "`U` is not a character");
    place.run(&["runs", "show", "7ZZ"]).refused(3, "MS-1004", "there is no run");
}

#[test]
fn lists_are_filtered_and_tab_separated_when_piped() {
    let place = Place::new();
    place.run(&["run", "greet", "--tag", "shop=north", "--input", "name=Ann"]);
    place.run(&["run", "greet", "--input", "times=13"]);
    place.run(&["run", "parcel"]);
    let found =
        |query: &str| place.json(0, &["runs", "ls", "-q", query])["runs"].as_array().unwrap().len();
    assert_eq!(found(""), 3);
    assert_eq!(found("flow:greet status:(failed OR completed) since:1h"), 2);
    assert_eq!(found("tag:shop=north"), 1);
    assert_eq!(found("waiting_for:signal"), 1);
    assert_eq!(found("status:parked waiting_for:review"), 0);
    let piped = place.run(&["runs", "ls", "--limit", "1"]);
    let columns: Vec<_> = piped.out.trim_end_matches('\n').split('\t').collect();
    assert_eq!(columns[1..4], ["parcel v1", "parked", "signal"]);
}

#[test]
fn runs_are_found_by_what_they_cost() {
    let place = Place::new();
    place.run(&["run", "refund", "--input", "order=A-9", "cents=100"]);
    place.run(&["run", "chase", "--input", "order=A-1", "letters=2"]);
    place.run(&["run", "chase", "--input", "order=A-1", "letters=9", "--budget", "model_calls=5"]);
    let found = |query: &str| {
        let listed = place.json(0, &["runs", "ls", "-q", query]);
        let runs = listed["runs"].as_array().unwrap().iter();
        runs.map(|run| format!("{} {}", run["flow"], run["status"])).collect::<Vec<_>>().join(", ")
    };
    let two = place.json(0, &["runs", "ls", "-q", "flow:chase status:completed"]);
    let two = place.json(0, &["runs", "show", two["runs"][0]["run_id"].as_str().unwrap()]);
    let two = two["spend"]["usd"].as_f64().unwrap();
    let (failed, completed, parked) =
        (r#""refund" "failed""#, r#""chase" "completed""#, r#""chase" "parked""#);
    assert_eq!(found("cost:<=0"), failed);
    assert_eq!(found("cost:>0"), format!("{parked}, {completed}"));
    assert_eq!(found(&format!("cost:>={two:.6} cost:<={two:.6}")), completed);
    assert_eq!(
        found(&format!("flow:chase status:(failed OR parked) cost:>{two:.6} since:24h")),
        parked
    );
    assert_eq!(found("cost:>0.5"), "");
    let newest = place.json(0, &["runs", "ls", "--limit", "1", "-q", "cost:>0"]);
    assert_eq!(newest["runs"].as_array().unwrap().len(), 1);
}

#[test]
fn a_budget_stop_says_where_the_budget_went() {
    let place = Place::new();
    let run = ["run", "chase", "--input", "order=A-1", "letters=9", "--budget", "model_calls=3"];
    let stopped = place.run(&run);
    stopped.refused(11, "MS-2104", "at step `write` (attempt 1)");
    for part in [
        "is parked and nothing was lost; 0 steps are done.",
        "100 % went to `clerk` in 3 calls; `find_order` was called 4 times with equal arguments.",
        "--budget +model_calls=1",
    ] {
        assert!(stopped.err.contains(part), "{part}: {stopped:?}");
    }
    assert!(place.run(&["runs", "show"]).out.contains("100 % went to `clerk`"));
}

#[test]
fn what_could_not_be_undone_exits_13() {
    let place = Place::new();
    let undone = ["run", "shipment", "--input", "number=P-1", "kilos=31"];
    assert_eq!(place.json(1, &undone)["status"], "failed");
    let stands = ["run", "shipment", "--input", "number=P-9", "kilos=31"];
    let document = place.json(13, &stands);
    assert_eq!((&document["status"], &document["waiting_for"]), (&json!("partial"), &Value::Null));
    assert!(document["error"]["code"].is_string(), "{document}");
    place.run(&stands).refused(13, document["error"]["code"].as_str().unwrap(), "");
}

#[test]
fn the_timeline_of_a_run_tells_its_story() {
    let place = Place::new();
    place.run(&["run", "refund", "--input", "order=A-1", "cents=100"]);
    let shown = place.run(&["runs", "show"]).out;
    for part in [
        "refund v1  completed",
        "model_calls 1",
        "tool find_order {\"order\":\"A-1\"} → \"order A-1 of Ann\"",
        "tool pay_back",
        "model scripted:clerk",
        " usd · ",
        "look_up  done in",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    let document = place.json(0, &["runs", "show"]);
    let kinds: Vec<_> =
        document["timeline"].as_array().unwrap().iter().map(|m| &m["kind"]).collect();
    assert_eq!((kinds[0], kinds[kinds.len() - 1]), (&json!("created"), &json!("finished")));
    let tailed = place.run(&["runs", "tail", "--jsonl"]).out;
    assert_eq!(tailed.lines().count(), kinds.len());
}

#[test]
fn a_fork_has_a_budget_and_a_life_of_its_own() {
    let place = Place::new();
    place
        .run(&["run", "refund", "--input", "order=A-9", "cents=100"])
        .refused(1, "MS-5006", "closed");
    assert_eq!(place.run(&["runs", "fork", "@last"]).exit, 2, "a budget is asked for");
    let forked = place.run(&["runs", "fork", "@last", "--budget", "usd=1", "--json"]);
    assert_eq!(forked.exit, 1, "{forked:?}");
    let document: Value = serde_json::from_str(&forked.out).unwrap();
    assert_eq!(document["error"]["code"], "MS-5006", "{document}");
    assert_eq!(place.json(0, &["runs", "ls"])["runs"].as_array().unwrap().len(), 2);
}

#[test]
fn a_link_in_an_untrusted_input_leaves_only_to_a_host_of_the_file() {
    let place = Place::new();
    let refund = ["run", "refund", "--input", "order=https://evil.example/A-7", "cents=99"];
    let untrusted = [&refund[..], &["--untrusted"]].concat();
    place.json(0, &refund);
    let denied = place.json(1, &untrusted);
    assert_eq!(denied["error"]["code"], "MS-5009", "{denied}");
    let hosts = "[links]\nhosts = [\"evil.example\"]\n";
    std::fs::write(place.path().join("mainstay.toml"), hosts).unwrap();
    place.json(0, &untrusted);
}
