//! Agents that would go on for ever.

use mainstay_core::{code::Code, model::ModelRequest, tool::ToolOutcome};
use serde_json::{Value, json};

use super::{agent, code, tool, turn, work};
use crate::testing::{Fake, asks, says};

/// Asks for one call a turn, for ever.
fn tireless(call: impl Fn(usize) -> (&'static str, Value) + Send + Sync + 'static) -> Fake {
    Fake::new(move |request: &ModelRequest| Ok(asks([call(turn(request))])))
        .with_tool(tool("look"), |_| ToolOutcome::of(json!("the same")))
        .with_tool(tool("pay"), |arguments| ToolOutcome::of(arguments.clone()))
}

fn check(fake: &Fake, stopped: Code, calls: usize) {
    assert_eq!(code(work(fake, &agent().with_turns(60))), stopped);
    assert_eq!(fake.called().len(), calls);
}

#[test]
fn an_equal_call_is_made_three_times_whatever_the_order_of_its_fields() {
    check(&tireless(|_| ("look", json!({ "q": "a" }))), Code::AgentCircles, 3);
}

#[test]
fn a_tool_that_always_says_the_same_is_asked_five_times() {
    check(&tireless(|turn| ("look", json!({ "q": turn.to_string() }))), Code::AgentCircles, 5);
}

#[test]
fn two_calls_take_turns_four_times() {
    // Each answers something else each time, so only their order tells.
    let count = std::sync::atomic::AtomicU32::new(0);
    let fake = Fake::new(|request: &ModelRequest| {
        let q = if turn(request).is_multiple_of(2) { "a" } else { "b" };
        Ok(asks([("look", json!({ "q": q }))]))
    })
    .with_tool(tool("look"), move |_| {
        ToolOutcome::of(json!(count.fetch_add(1, std::sync::atomic::Ordering::Relaxed)))
    });
    check(&fake, Code::AgentCircles, 8);
}

#[test]
fn an_agent_that_always_finds_something_new_ends_with_its_turns() {
    let fake = tireless(|turn| ("pay", json!({ "q": turn.to_string() })));
    assert_eq!(code(work(&fake, &agent().with_turns(12))), Code::AgentTurns);
    assert_eq!((fake.requests().len(), fake.called().len()), (12, 11));
}

#[test]
fn in_the_last_turn_nothing_is_offered_and_an_answer_counts() {
    let fake = Fake::new(|request: &ModelRequest| {
        Ok(if request.tools.is_empty() {
            says("what I have")
        } else {
            asks([("pay", json!({ "q": turn(request).to_string() }))])
        })
    })
    .with_tool(tool("pay"), |arguments| ToolOutcome::of(arguments.clone()));
    let reply = work(&fake, &agent().with_turns(4)).unwrap();
    assert_eq!((reply.text.as_str(), reply.turns, reply.tool_calls), ("what I have", 4, 3));
}

#[test]
fn a_tool_that_polls_is_no_circle() {
    let fake = Fake::new(|request: &ModelRequest| {
        Ok(if turn(request) < 20 { asks([("look", json!({ "q": "a" }))]) } else { says("ready") })
    });
    let left = std::sync::atomic::AtomicU32::new(0);
    let fake = fake.with_tool(tool("look").polling(), move |_| {
        // A poll brings news now and then: else the idle turns would end it.
        ToolOutcome::of(json!(left.fetch_add(1, std::sync::atomic::Ordering::Relaxed) / 5))
    });
    assert_eq!(work(&fake, &agent()).unwrap().text, "ready");
}
