//! Crews in CrewAI's files, from the command line.

use std::path::Path;

use crate::program::Place;

/// Returns a folder of the repository.
fn folder(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    root.canonicalize().unwrap().display().to_string()
}

#[test]
fn crewais_files_run_as_they_are_on_a_scripted_model() {
    let place = Place::new();
    let crew = folder("examples/market_brief");
    let (flow, model) = (format!("crew:{crew}"), format!("scripted:{crew}/model.yaml"));
    let run = ["run", &flow, "--input", "topic=solar", "--model", &model];
    let document = place.json(0, &run);
    let output = &document["output"];
    assert!(output["raw"].as_str().unwrap().contains("## Open questions"), "{output}");
    assert_eq!(output["tasks"][1]["retries"], 1);
    assert_eq!(output["tasks"][1]["file"], "briefs/solar.md");
    let counted =
        |of: &serde_json::Value| (of["input_tokens"].clone(), of["output_tokens"].clone());
    assert_eq!(counted(&output["usage"]), counted(&document["spend"]));
}

#[test]
fn a_placeholder_without_an_input_is_named_with_its_place_before_anything_runs() {
    let place = Place::new();
    let flow = format!("crew:{}", folder("examples/market_brief"));
    let model = format!("scripted:{}/model.yaml", folder("examples/market_brief"));
    let refused = place.run(&["run", &flow, "--model", &model]);
    refused.refused(2, "MS-1002", "agents.yaml:4:5: `agents.researcher.role` asks for `topic`");
}

#[test]
fn an_import_lists_what_does_not_carry_over_with_its_line() {
    let place = Place::new();
    let faulty = folder("crates/agents/tests/crews/faulty");
    let document = place.json(2, &["import", "crewai", &faulty]);
    let unsupported = &document["unsupported"][0];
    assert_eq!((&unsupported["file"], &unsupported["line"]), (&"agents.yaml".into(), &7.into()));
    assert_eq!(document["unknown"][0]["field"], "agents.analyst.gaol");
    assert_eq!(document["loads"], false);
    let sound = place.json(0, &["import", "crewai", &folder("examples/market_brief")]);
    assert_eq!(sound["inputs"], serde_json::json!(["topic"]));
    assert_eq!(sound["agents"][0]["model"], "openai:gpt-4o-mini");
    place.run(&["import", "crewai", "nowhere"]).refused(2, "MS-1121", "there is no `agents.yaml`");
}

#[test]
fn a_flow_shows_who_may_call_what_before_anything_runs() {
    let place = Place::new();
    let crew = folder("crates/agents/tests/crews/release_board");
    let shown = place.json(0, &["--crew", &crew, "flows", "show", "crew:release-board"]);
    let callers = shown["callers"].as_array().unwrap();
    let may = |who: &str| {
        let caller = callers.iter().find(|caller| caller["who"] == who);
        caller.map(|caller| caller["grants"].as_array().unwrap().len())
    };
    assert_eq!(may("the step"), Some(1), "{shown}");
    assert_eq!((may("agent tester"), may("agent writer")), (Some(1), Some(0)), "{shown}");
}
