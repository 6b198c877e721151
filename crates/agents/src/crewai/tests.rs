//! Crews' folders, read whole: what loads, what is refused, and where it stands.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use expect_test::{Expect, expect, expect_file};
use mainstay_core::{
    code::Code,
    model::{ModelName, Tier},
};
use serde_json::{Map, Value, json};

use super::{Project, Reading, fields};
use crate::crew::{Context, Crew, Demand, Pace, Voice};

/// The crews that load and run.
pub(crate) const SOUND: [&str; 6] =
    ["market_brief", "support_triage", "newsroom", "release_board", "ledger_audit", "every_field"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crews").join(name)
}

/// What the fixtures need beside their files.
pub(crate) fn reading() -> Reading {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Reading {
        checks: names(&["sums_agree", "has_signature"]),
        conditions: names(&["has_findings"]),
        ..Reading::default()
    }
}

/// Accepts whatever is unsupported in a project.
pub(crate) fn accepting(name: &str) -> Project {
    let found = read(name, &reading());
    let accept = found.report().remarks.iter().map(|remark| remark.field.clone()).collect();
    read(name, &Reading { accept, ..reading() })
}

fn read(name: &str, reading: &Reading) -> Project {
    Project::read(&folder(name), reading).unwrap()
}

/// Inputs for all fixtures.
pub(crate) fn inputs() -> Map<String, Value> {
    let inputs = json!({
        "sector": "solar", "year": 2026, "message": "Where is order 17?", "topic": "fields",
        "version": "1.4", "ledger": "May", "town": "Ulm",
    });
    let Value::Object(inputs) = inputs else { unreachable!() };
    inputs
}

fn check(name: &str, expected: &Expect) {
    let project = read(name, &reading());
    let told: Vec<String> = project.report().remarks.iter().map(ToString::to_string).collect();
    expected.assert_eq(&told.join("\n"));
}

fn crew(name: &str) -> Crew {
    accepting(name).crew(&inputs()).unwrap()
}

#[test]
fn the_report_of_everything_that_does_not_carry_over_is_exact() {
    let project = read("every_field", &reading());
    let told: Vec<String> = project.report().remarks.iter().map(|r| format!("{r}\n")).collect();
    expect_file![folder("every_field").join("report.txt")].assert_eq(&told.concat());
}

#[test]
fn every_fault_is_listed_with_its_place() {
    check(
        "faulty",
        &expect![[r#"
            agents.yaml:1:1: wrong: `agents.analyst.goal`: it is missing
            agents.yaml:3:3: unknown: `agents.analyst.gaol`: no field has that name; did you mean `goal`?
            agents.yaml:4:14: wrong: `agents.analyst.backstory`: a text is expected, and this is a list
            agents.yaml:5:8: wrong: `agents.analyst.llm`: `my_model` is no model: write `vendor/name`, a tier (`frontier`, `workhorse`, `fast`), or say under `models` in `mainstay.yaml` what it stands for
            agents.yaml:6:13: wrong: `agents.analyst.max_iter`: a whole number is expected, and this is a text
            agents.yaml:7:3: unsupported: `agents.analyst.memory`: an agent of a crew starts each task with what its context gives it; instead: the memory of an agent that a step calls
            agents.yaml:8:19: wrong: `agents.analyst.tools`: a name is expected, and this is a number
            agents.yaml:9:14: wrong: `agents.analyst.guardrail`: no check `no_such_check` is registered, and one word is no demand
            agents.yaml:11:9: wrong: `agents.critic`: a mapping of fields is expected, and this is a text
            tasks.yaml:4:3: wrong: `tasks.first.agent`: there is no agent `analist`; did you mean `analyst`?
            tasks.yaml:5:3: wrong: `tasks.first.context`: `second` and this task wait for each other
            tasks.yaml:5:3: wrong: `tasks.first.context`: a task cannot wait for itself
            tasks.yaml:5:3: wrong: `tasks.first.context`: there is no task `third`; there is `first` and `second`
            tasks.yaml:6:16: wrong: `tasks.first.output_json`: there is no schema `Missing`: put it into `schemas/Missing.json` beside the files (`Missing.model_json_schema()` in Python prints it)
            tasks.yaml:7:3: unsupported: `tasks.first.callbacks`: no Python is run; instead: a step of the flow around the crew
            tasks.yaml:8:1: wrong: `tasks.second.agent`: in a sequential crew each task has an agent
            tasks.yaml:12:3: wrong: `tasks.second.output_file`: `../../etc/cron.d/x` leads out of the folder it is written to
            tasks.yaml:13:14: wrong: `tasks.second.condition`: a condition has no `contain`; did you mean `contains`?
            tasks.yaml:14:24: wrong: `tasks.second.tool_failure_policy`: `ignore` is none of `warn` and `raise`
            tasks.yaml:15:3: unknown: `tasks.second.prioritty`: no field has that name"#]],
    );
}

#[test]
fn fields_that_carry_over_are_not_remarked_on() {
    check("support_triage", &expect![""]);
}

#[test]
fn the_fixtures_hold_every_field_of_every_table() {
    let mut seen = BTreeSet::new();
    for name in SOUND {
        let project = accepting(name);
        let fields = project.notes.places.keys().map(|path| match path.split_once('.') {
            Some((kind, rest)) => match rest.split_once(".llm.") {
                Some((_, field)) => ("llm".to_owned(), field.to_owned()),
                None => (kind.to_owned(), rest.rsplit('.').next().unwrap_or(rest).to_owned()),
            },
            None => ("crew".to_owned(), path.clone()),
        });
        seen.extend(fields);
    }
    let kinds = ["agents", "tasks", "crew", "llm"];
    for (kind, (_, table)) in kinds.into_iter().zip(fields::tables()) {
        for field in table {
            let wanted = (kind.to_owned(), field.name.to_owned());
            assert!(seen.contains(&wanted), "no fixture has `{}` of {kind}", field.name);
        }
    }
}

#[test]
fn unsupported_fields_refuse_a_crew_until_they_are_accepted_by_name() {
    let refused = read("every_field", &reading()).crew(&inputs()).unwrap_err();
    assert_eq!(refused.code, Code::CrewUnsupported);
    assert!(refused.message.contains("agents.yaml:"), "{refused}");
    assert!(!refused.message.contains("without effect"), "{refused}");
    accepting("every_field").crew(&inputs()).unwrap();
    let faults = accepting("faulty").crew(&inputs()).unwrap_err();
    assert_eq!(faults.code, Code::CrewInvalid);
}

#[test]
fn a_missing_input_is_named_with_the_place_that_asks_for_it() {
    let project = accepting("market_brief");
    assert_eq!(project.report().inputs, ["sector", "year"]);
    let some = json!({"sector": "solar"});
    let missing = project.crew(some.as_object().unwrap()).unwrap_err();
    expect!["MS-1122: inputs are missing: agents.yaml:6:46: `agents.market_researcher.goal` asks for `year`; tasks.yaml:3:45: `tasks.research_task.description` asks for `year`"].assert_eq(&missing.to_string());
}

#[test]
fn inputs_of_the_caller_come_before_those_of_the_file() {
    let project = accepting("newsroom");
    let goal =
        |inputs: &Map<String, Value>| project.crew(inputs).unwrap().members[0].agent.goal.clone();
    assert_eq!(goal(&Map::new()), "Find out what happened in Lüneburg");
    assert_eq!(goal(&inputs()), "Find out what happened in Ulm");
}

#[test]
fn agents_and_tasks_mean_what_they_mean_in_crewai() {
    let crew = crew("market_brief");
    let researcher = &crew.members[0].agent;
    assert_eq!(researcher.role, "solar Market Researcher\n");
    assert_eq!(researcher.model.to_string(), "openai:gpt-4o-mini");
    assert_eq!(researcher.turns, 8);
    assert_eq!(researcher.limits.wall, Some(120_000));
    assert!(researcher.grants.allow("search_notes"));
    assert_eq!(crew.members[1].agent.model.to_string(), "anthropic:claude-3-5-haiku-latest");
    assert_eq!(crew.members[1].agent.max_output_tokens, 900);
    assert_eq!(crew.tasks[1].file.as_deref(), Some("briefs/solar.md"));
    assert_eq!(crew.tasks[1].context, Context::Previous);
    assert!(crew.tasks[0].expected_output.contains(r#"{"a": 1}"#));
}

#[test]
fn a_crews_models_are_swapped_without_touching_its_files() {
    let models = [("openai/gpt-4o-mini".to_owned(), ModelName::from(Tier::Fast))];
    let reading = Reading { models: models.into(), ..reading() };
    assert_eq!(read("market_brief", &reading).report().agents[0].model, "fast");
}

#[test]
fn a_manager_is_made_or_taken_from_the_agents() {
    let newsroom = crew("newsroom");
    let manager = newsroom.manager().unwrap();
    assert_eq!((manager.agent.name.as_str(), manager.voice), ("manager", Voice::Delegates));
    assert_eq!(manager.agent.model.to_string(), "openai:gpt-4o");
    assert!(manager.agent.grants.allow("search_notes"), "a delegate has no more than it");

    let board = crew("release_board");
    let manager = board.manager().unwrap();
    assert_eq!(manager.agent.name, "release_lead");
    assert_eq!(board.members.len(), 2);
    assert_eq!(board.tasks[1].pace, Pace::Alongside);
    assert_eq!(board.tasks[1].file.as_deref(), Some("NOTES-1.4.md"));
}

#[test]
fn anchors_checks_schemas_and_triggers_are_read() {
    let mut with = inputs();
    with.insert("crewai_trigger_payload".into(), json!({"from": "bank"}));
    let crew = accepting("ledger_audit").crew(&with).unwrap();
    assert_eq!(crew.members[1].agent.backstory, crew.members[0].agent.backstory);
    assert!(crew.members[1].agent.grants.allow("read_ledger"));
    let [sums, entries, patterns, opinion] = &crew.tasks[..] else { panic!("{crew:?}") };
    assert_eq!(sums.output.as_ref().unwrap().name, "Sums");
    assert_eq!(sums.guardrails, [Demand::Check("sums_agree".into())]);
    assert_eq!(sums.guardrail_retries, 2);
    assert!(sums.description.ends_with("Trigger Payload: {\"from\":\"bank\"}"));
    assert!(!entries.description.contains("Trigger"), "only the first gets it unasked");
    assert_eq!(entries.context, Context::Named(Vec::new()));
    assert_eq!((entries.pace, patterns.pace), (Pace::Alongside, Pace::Alongside));
    assert_eq!(opinion.guardrails.len(), 2);
    assert_eq!(opinion.output.as_ref().unwrap().name, "Opinion");
    assert!(opinion.condition.is_some());
}

#[test]
fn a_folder_without_a_crew_says_where_it_looked() {
    let nothing = Project::read(&folder("no_such_crew"), &reading()).unwrap_err();
    assert_eq!(nothing.code, Code::CrewInvalid);
    assert!(nothing.message.contains("`src/NAME/config`"), "{nothing}");
}
