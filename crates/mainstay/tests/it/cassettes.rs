//! Cassettes from the command line: recorded from a run's journal, replayed without a model.

use std::fs;

use serde_json::Value;

use crate::program::Place;

const SCRIPT: &str = "
model: poet
rules:
  - name: the vendor's bad day
    when: { any: [letter 2] }
    reply: { text: never said }
    faults: [{ error: refused }]
  - when: { any: [letter 1] }
    reply: { text: 'Where is it?' }
  - reply: { text: 'Money, {{cents}} cents of it, flows back.', reasoning: It should rhyme. }
    capture: { cents: '(\\d+) cents' }
    usage: { input_tokens: 31, output_tokens: 12 }
";

/// A place with a run on the poet's model, and the run's cassette; the poet is gone.
fn recorded(exit: i32, arguments: &[&str]) -> (Place, Value) {
    let place = Place::new();
    fs::write(place.path().join("poet.yaml"), SCRIPT).unwrap();
    let run = place.json(exit, &[&["run"], arguments, &["--model", "scripted:poet.yaml"]].concat());
    let ended = place.run(&["runs", "cassette", "--output", "tape.json"]);
    assert_eq!(ended.exit, 0, "{ended:?}");
    fs::remove_file(place.path().join("poet.yaml")).unwrap();
    (place, run)
}

/// Returns the calls of tools and models of a run as its timeline tells them, without the time
/// they took and who served them.
fn calls(place: &Place, run: &Value) -> Vec<String> {
    let shown = place.json(0, &["runs", "show", run["run_id"].as_str().unwrap()]);
    let moments = shown["timeline"].as_array().unwrap();
    let texts = moments.iter().filter_map(|moment| moment["text"].as_str());
    let calls = texts.filter(|text| text.starts_with("tool ") || text.starts_with("model "));
    let plain = calls.map(|text| {
        let parts = text.split(" · ").filter(|part| !part.ends_with("ms") && !part.ends_with('s'));
        parts.map(|part| part.split(':').next().unwrap_or(part)).collect::<Vec<_>>().join(" · ")
    });
    plain.map(|text| text.replace("scripted", "model").replace("cassette", "model")).collect()
}

#[test]
fn a_run_is_replayed_from_its_cassette_without_any_model() {
    let refund = ["refund", "--input", "order=A-1", "cents=100"];
    let (place, first) = recorded(0, &refund);
    assert_eq!(first["output"], "Money, 100 cents of it, flows back.");
    let replay = [&["run"], &refund[..], &["--model", "cassette:tape.json"]].concat();
    let second = place.json(0, &replay);
    assert_eq!(second["output"], first["output"]);
    let made = calls(&place, &first);
    assert!(made.len() >= 3, "{made:?}");
    assert_eq!(calls(&place, &second), made);
    for tokens in ["input_tokens", "output_tokens", "model_calls", "tool_calls"] {
        assert_eq!(second["spend"][tokens], first["spend"][tokens], "{tokens}");
    }
    // What is recorded of the replay is what was replayed.
    let tape = |text: &str| serde_json::from_str::<Value>(text).unwrap()["exchanges"].clone();
    let again = place.run(&["runs", "cassette"]).out;
    let original = fs::read_to_string(place.path().join("tape.json")).unwrap();
    assert_eq!(tape(&again), tape(&original));
    assert_eq!(tape(&original).as_array().unwrap().len(), 1);
}

#[test]
fn a_failure_is_replayed_as_the_failure_that_it_was() {
    let chase = ["chase", "--input", "order=A-1", "letters=2"];
    let (place, first) = recorded(1, &chase);
    let second =
        place.json(1, &[&["run"], &chase[..], &["--model", "cassette:tape.json"]].concat());
    assert_eq!(second["error"]["code"], "MS-4002");
    assert_eq!(second["error"]["message"], first["error"]["message"]);
}

#[test]
fn another_question_is_no_longer_answered_and_the_closest_is_named() {
    let (place, _) = recorded(0, &["refund", "--input", "order=A-1", "cents=100"]);
    let other =
        ["run", "refund", "--input", "order=A-1", "cents=101", "--model", "cassette:tape.json"];
    let run = place.json(1, &other);
    assert_eq!(run["error"]["code"], "MS-4011");
    let message = run["error"]["message"].as_str().unwrap();
    assert!(message.contains("from `1 cents were paid back.` on, where `0 cents"), "{message}");
}

#[test]
fn a_file_that_is_no_cassette_stops_before_anything_is_started() {
    let place = Place::new();
    fs::write(place.path().join("tape.json"), "{\"cassette\": 9}").unwrap();
    for file in ["tape.json", "none.json"] {
        let model = format!("cassette:{file}");
        let ended = place.run(&["run", "greet", "--input", "name=Ann", "--model", &model]);
        ended.refused(2, "MS-4010", file);
    }
    assert_eq!(place.json(0, &["runs", "ls"])["runs"].as_array().map_or(0, Vec::len), 0);
}
