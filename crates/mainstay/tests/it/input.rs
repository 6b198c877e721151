//! What is typed and sent, read closely: what is wrong with it is named, and nothing is started.

use crate::program::Place;

#[test]
fn a_value_of_the_wrong_type_is_named_by_its_path() {
    let place = Place::new();
    let refused =
        place.run(&["run", "greet", "--input", "{\"name\": \"Ann\", \"times\": \"two\"}"]);
    refused.refused(2, "MS-1002", "at `times`");
    let refused = place.run(&["run", "greet", "--input", "nam=Ann"]);
    refused.refused(2, "MS-1002", "did you mean `name`?");
}

#[test]
fn a_budget_that_cannot_be_read_says_what_would_be_right() {
    let refused = Place::new().run(&["run", "greet", "--budget", "dollars=1"]);
    refused.refused(2, "MS-1007", "`dollars` cannot be limited");
}

#[test]
fn a_key_used_with_another_input_is_a_conflict() {
    let place = Place::new();
    let run = |name| place.run(&["run", "greet", "--idempotency-key", "k", "--input", name]);
    assert_eq!(run("name=Ann").exit, 0);
    assert_eq!(run("name=Ann").out, "\"hello Ann\"\n");
    run("name=Bob").refused(5, "MS-1008", "with another input");
}

#[test]
fn a_refused_run_prints_the_document_of_a_run() {
    let document = Place::new().json(3, &["run", "gret"]);
    assert_eq!(document["run_id"], serde_json::Value::Null);
    assert_eq!(document["error"]["code"], "MS-1001");
    assert_eq!(document["steps"], serde_json::json!([]));
}

#[test]
fn help_and_completion_need_no_database() {
    let place = Place::new();
    for arguments in [&["--help"][..], &["completion", "bash"], &["version"], &["explain", "2104"]]
    {
        assert_eq!(place.run(arguments).exit, 0, "{arguments:?}");
    }
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    place.run(&["explain", "MS-7777"]).refused(3, "MS-1012", "no error has the code");
}
