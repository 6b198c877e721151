//! What an agent sees of its own conversation, and what that costs.

use mainstay_core::{
    failure::Failure,
    model::{Message, ModelReply, ModelRequest, Part, Role},
    tool::ToolOutcome,
};
use proptest::prelude::*;
use serde_json::json;

use super::{agent, tool, turn, work};
use crate::{
    agent::Window,
    testing::{Fake, asks, says},
};

const TURNS: usize = 30;

/// Learns a code in its first turn, looks something else up in each turn, and says the code in its
/// thirtieth, if it can still see it.
fn forgetful(request: &ModelRequest) -> Result<ModelReply, Failure> {
    let seen: String = request.messages.iter().map(Message::text).collect();
    let known = seen.contains("4711");
    Ok(match turn(request) {
        1 => asks([("look", json!({ "q": "code" }))]),
        2 if request.tools.iter().any(|tool| tool.name == "remember") => asks([
            ("remember", json!({ "facts": [{ "text": "the code is 4711", "source": "look" }] })),
            ("look", json!({ "q": "2" })),
        ]),
        turn if turn < TURNS => asks([("look", json!({ "q": turn.to_string() }))]),
        _ if known => says("the code is 4711"),
        _ => says("I forgot"),
    })
}

fn library() -> Fake {
    Fake::new(forgetful).with_tool(tool("look"), |arguments| {
        let q = arguments["q"].as_str().unwrap();
        let page = format!("page {q}: {}", "many words about it ".repeat(40));
        ToolOutcome::of(json!(if q == "code" { "the code is 4711".to_owned() } else { page }))
    })
}

/// What a request costs, in characters: about four to a token.
fn size(request: &ModelRequest) -> usize {
    let texts = request.messages.iter().flat_map(|message| &message.parts).map(|part| match part {
        Part::Text { text } => text.clone(),
        Part::ToolCall(call) => call.arguments.to_string(),
        Part::ToolResult(result) => result.content.clone(),
    });
    texts.map(|text| text.chars().count()).sum()
}

fn thirty_turns(window: Window) -> (String, Vec<usize>) {
    let fake = library();
    let reply = work(&fake, &agent().with_turns(40).with_window(window)).unwrap();
    (reply.text, fake.requests().iter().map(size).collect())
}

#[test]
fn with_a_working_memory_a_turn_costs_the_same_after_thirty_turns_and_the_answer_is_the_same() {
    let (whole_answer, whole) = thirty_turns(Window::Everything);
    let (kept_answer, kept) = thirty_turns(Window::Rounds(4));
    assert_eq!(
        (whole_answer.as_str(), kept_answer.as_str()),
        ("the code is 4711", "the code is 4711")
    );
    assert!(whole[29] > whole[14] * 19 / 10, "the transcript grows: {whole:?}");
    assert!(kept[29] < kept[19] + kept[19] / 50, "full, the memory does not: {kept:?}");
    assert!(kept[29] < whole[29] / 4, "{} of {}", kept[29], whole[29]);
}

#[test]
fn what_was_not_written_down_in_time_is_cut_to_its_beginning_and_not_lost() {
    let fake = library();
    work(&fake, &agent().with_turns(40).with_window(Window::Rounds(2))).unwrap();
    let opening = fake.requests()[9].messages[0].text();
    assert!(opening.contains("page"), "{opening}");
    assert!(!opening.contains(&"many words about it ".repeat(20)), "only its beginning");
}

/// Each call of the model is followed by exactly its results, and no result stands alone.
fn check_pairs(request: &ModelRequest) {
    let mut open: Vec<String> = Vec::new();
    for message in &request.messages {
        let calls = message.parts.iter().filter_map(|part| match part {
            Part::ToolCall(call) => Some(call.id.clone()),
            Part::Text { .. } | Part::ToolResult(_) => None,
        });
        let results: Vec<_> = message
            .parts
            .iter()
            .filter_map(|part| match part {
                Part::ToolResult(result) => Some(result.call_id.clone()),
                Part::Text { .. } | Part::ToolCall(_) => None,
            })
            .collect();
        match message.role {
            Role::Tool => assert_eq!(std::mem::take(&mut open), results),
            Role::User | Role::Assistant => assert!(open.is_empty() && results.is_empty()),
        }
        open.extend(calls);
    }
    assert!(open.is_empty(), "a call without its result");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn calls_and_results_are_never_parted(
        window in 0u32..5,
        turns in proptest::collection::vec(proptest::collection::vec(0usize..5, 0..4), 1..12),
    ) {
        let last = turns.len();
        let script = move |request: &ModelRequest| {
            let calls = turns.get(turn(request) - 1).cloned().unwrap_or_default();
            Ok(asks(calls.into_iter().map(|kind| match kind {
                0 => ("missing", json!({})),
                1 => ("look", json!({ "unfit": true })),
                2 => ("remember", json!({ "decisions": ["so"] })),
                n => ("look", json!({ "q": format!("{n} {}", request.messages.len()) })),
            })))
        };
        let fake = Fake::new(script)
            .with_tool(tool("look"), |arguments| ToolOutcome::of(arguments.clone()));
        let turns = u32::try_from(last).unwrap() + 1;
        let _ = work(&fake, &agent().with_turns(turns).with_window(Window::Rounds(window)));
        fake.requests().iter().for_each(check_pairs);
    }
}
