//! Journals written down, and what they prove without the database.

use std::fs;

use serde_json::json;

use crate::program::Place;

#[test]
fn a_run_is_written_down_and_proves_itself() {
    let place = Place::new();
    place.run(&["run", "greet", "--input", "name=Ann"]);
    place.run(&["runs", "export", "@last", "--output", "run.jsonl"]);
    let proved = place.json(0, &["audit", "verify", "run.jsonl"]);
    assert_eq!((&proved["runs"], &proved["broken"]), (&json!(1), &json!([])));
    let file = place.path().join("run.jsonl");
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(place.run(&["runs", "export"]).out, text);
    fs::write(&file, text.replace("hello Ann", "hello Bob")).unwrap();
    let forged = place.json(21, &["audit", "verify", "run.jsonl"]);
    assert!(forged["broken"][0].as_str().unwrap().contains("other bytes"), "{forged}");
    place.run(&["audit", "verify", "none.jsonl"]).refused(2, "MS-1010", "none.jsonl");
}

#[test]
fn less_than_a_week_is_no_retention() {
    let place = Place::new();
    let refused = place.run(&["worker", "--retention", "3d"]);
    refused.refused(2, "MS-1010", "--retention is `3d`");
    let refused = place.run(&["worker", "--export", "weeks"]);
    assert_eq!(refused.exit, 2, "{refused:?}");
}
