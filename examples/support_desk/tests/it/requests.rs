//! Requests in words, and the flow each is for: how often the rules and the classifier are right,
//! and how often they send somebody to the wrong flow without asking.

use mainstay_agents::intent::{Answer, Intents};
use mainstay_tools::schema::JsonSchemaCheck;
use serde::Deserialize;
use serde_json::json;
use support_desk::sample::app;

const REQUESTS: &str = include_str!("../../requests.yaml");

/// What a request is labelled with that is for no flow.
const NONE: &str = "none";

#[derive(Debug, Deserialize)]
struct Request {
    r#for: String,
    text: String,
}

fn requests() -> Vec<Request> {
    serde_saphyr::from_str(REQUESTS).unwrap()
}

fn intents() -> Intents {
    app().unwrap().intents().unwrap()
}

/// Where a request goes: the flow, and whether it goes there unasked.
fn goes(intents: &Intents, text: &str) -> (String, bool) {
    match intents.answer(text, &JsonSchemaCheck::new()) {
        Answer::Routed(routed) => (routed.flow, true),
        Answer::Unclear { candidates, .. } => (candidates[0].flow.clone(), false),
        Answer::Unknown { .. } => (NONE.to_owned(), false),
    }
}

#[test]
fn most_requests_find_their_flow_and_few_go_to_another_unasked() {
    let (intents, requests) = (intents(), requests());
    let (mut right, mut unasked, mut astray) = (0, 0, 0);
    for Request { r#for: wanted, text } in &requests {
        let (flow, goes_unasked) = goes(&intents, text);
        // Where nothing is meant, a question is right too: nothing was started.
        let is_right = flow == *wanted || (wanted == NONE && !goes_unasked);
        if !is_right || (goes_unasked && flow != *wanted) {
            println!("{wanted} -> {flow}{}: {text}", if goes_unasked { ", unasked" } else { "" });
        }
        right += usize::from(is_right);
        unasked += usize::from(goes_unasked);
        astray += usize::from(goes_unasked && flow != *wanted);
    }
    println!("{} requests, {right} right, {unasked} unasked, {astray} astray", requests.len());
    let accuracy = right * 100 / requests.len();
    println!("figure routing_accuracy={accuracy} percent");
    println!("figure routed_astray={astray} requests");
    assert!(requests.len() >= 60 && unasked >= 25, "{unasked} of {}", requests.len());
    assert!(accuracy >= 85 && astray <= 2, "{accuracy} percent, {astray} astray");
}

#[test]
fn what_a_request_says_becomes_the_input() {
    let answer = |text: &str| match intents().answer(text, &JsonSchemaCheck::new()) {
        Answer::Routed(routed) => (routed.flow, routed.input),
        other @ (Answer::Unclear { .. } | Answer::Unknown { .. }) => panic!("{text}: {other:?}"),
    };
    let sign_up = json!({
        "sign_up": { "name": "Anna Vogel", "email": "anna@example.org", "city": "" },
    });
    let found = answer("sign up Anna Vogel, anna@example.org");
    assert_eq!(found, ("onboarding".to_owned(), sign_up));
    let text = "My order is broken, I want my money back. anna@example.org";
    let (flow, input) = answer(text);
    assert_eq!(flow, "support_desk");
    assert_eq!(input["ticket"]["from"], "anna@example.org");
    assert_eq!(input["ticket"]["body"], text);
}
