//! Crews in CrewAI's files, run on a scripted model.

use mainstay_core::model::Role;

use super::*;
use crate::{
    crew::{ASK, TaskStatus},
    crewai::tests::{SOUND, accepting, inputs},
    testing::asks,
};

/// An outside that has the tools of all fixtures.
fn everything() -> Fake {
    let fake = Fake::new(answer);
    ["search_notes", "find_order", "test_report", "read_ledger", "something"]
        .into_iter()
        .fold(fake, |fake, name| fake.with_tool(tool(name), move |_| ToolOutcome::of(json!(name))))
}

/// Calls each tool it is offered once, asks a coworker where it can, and then answers.
fn answer(request: &ModelRequest) -> Result<ModelReply, Failure> {
    let name = request.output.as_ref().map(|output| output.name.as_str());
    match name {
        Some("verdict") => return Ok(says(r#"{"meets": true, "why": ""}"#)),
        Some(_) if turn(request) > 1 || request.tools.len() < 2 => {
            return Ok(says(
                r#"{"topic": "order", "urgency": 3, "order": "17", "debit": 5, "credit": 5,
                    "verdict": "clean", "entries": [], "signature": "signed"}"#,
            ));
        }
        Some(_) | None => {}
    }
    let called = request.messages.iter().any(|message| message.role == Role::Tool);
    let offered = |name: &str| request.tools.iter().any(|offer| offer.name == name);
    if called {
        return Ok(says("The answer, with unmatched entries; signed"));
    }
    if offered(ASK) {
        let roles = request.tools.iter().find(|offer| offer.name == ASK);
        let role = roles.and_then(|offer| offer.description.split('`').nth(1)).unwrap_or_default();
        let question = json!({ "question": "what is known?", "context": "all", "coworker": role });
        return Ok(asks([(ASK, question)]));
    }
    let tools = ["search_notes", "find_order", "test_report", "read_ledger"];
    Ok(match tools.into_iter().find(|name| offered(name)) {
        Some(name) => asks([(name, json!({}))]),
        None => says("The answer; signed"),
    })
}

fn rules() -> Rules {
    Rules::new()
        .with_check("sums_agree", |_, json| {
            let json = json.ok_or("no sums")?;
            (json["debit"] == json["credit"]).then_some(()).ok_or_else(|| "they differ".to_owned())
        })
        .with_check("has_signature", |text, _| {
            text.contains("sign").then_some(()).ok_or_else(|| "no signature".to_owned())
        })
        .with_condition("has_findings", |outputs| !outputs.is_empty())
}

#[test]
fn crews_in_crewais_files_load_and_run_on_the_scripted_model() {
    let mut ran = 0;
    for name in SOUND {
        let crew = accepting(name).crew(&inputs()).unwrap();
        let fake = everything();
        let output = work(&fake, &crew, &rules()).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(output.tasks.len(), crew.tasks.len(), "{name}");
        let done = output.tasks.iter().filter(|task| task.status == TaskStatus::Done);
        for task in done {
            assert!(!task.raw.is_empty() && task.turns > 0, "{name}: {task:?}");
            assert_eq!(task.tool_failures, [], "{name}");
        }
        ran += 1;
    }
    println!("figure crews={ran} crews");
}

#[test]
fn a_hierarchical_fixture_is_worked_off_by_coworkers() {
    for name in ["newsroom", "release_board"] {
        let crew = accepting(name).crew(&inputs()).unwrap();
        let output = work(&everything(), &crew, &rules()).unwrap();
        assert!(output.tasks.iter().all(|task| !task.delegations.is_empty()), "{name}");
    }
}
