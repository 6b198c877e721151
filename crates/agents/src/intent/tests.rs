//! Requests and where they go: by rule, by likeness, and before a person.

use std::sync::Arc;

use mainstay_core::{
    failure::Failure,
    model::{ModelReply, ModelRequest},
    review::Decision,
};
use mainstay_tools::schema::JsonSchemaCheck;
use serde_json::json;

use super::*;
use crate::testing::{Fake, Seen, decided, says};

fn target(flow: &str, description: &str, examples: &[&str]) -> Target {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Target {
        flow: flow.into(),
        description: description.into(),
        schema: json!({
            "type": "object",
            "properties": { "order": { "type": "string" }, "cents": { "type": "integer" } },
            "required": ["order", "cents"],
            "additionalProperties": false,
        }),
        default: Value::Null,
        intent: Intent { examples: texts(examples), ..Intent::default() },
    }
}

fn intents() -> Intents {
    let mut refund = target(
        "refund",
        "pays money back",
        &[
            "pay my money back",
            "I want a refund of what I paid",
            "refund the payment",
            "give back the money for it",
            "my card was charged, refund me",
            "money back please",
        ],
    );
    refund.intent.rules = vec![r"^refund (?<order>A-\d+)".into()];
    refund.intent.captures = vec![r"(?<cents>\d+) cents".into(), r"(?<note>because .*)".into()];
    let track = target(
        "track",
        "says where a parcel is",
        &[
            "where is my parcel",
            "track the parcel I sent",
            "when does the parcel arrive",
            "has the delivery left the depot",
            "my delivery is late, where is it",
            "parcel status",
        ],
    );
    Intents::new(vec![refund, track]).unwrap()
}

fn answer(text: &str) -> Answer {
    intents().answer(text, &JsonSchemaCheck::new())
}

fn routed(text: &str) -> (String, Value, By, Basis) {
    match answer(text) {
        Answer::Routed(to) => (to.flow, to.input, to.by, to.confidence.basis),
        other @ (Answer::Unclear { .. } | Answer::Unknown { .. }) => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_rule_decides_and_its_groups_are_the_input() {
    let found = routed("Refund A-7 and 250 cents, because it broke");
    let input = json!({ "order": "A-7", "cents": 250 });
    assert_eq!(found, ("refund".into(), input, By::Rule, Basis::Declared));
}

#[test]
fn a_request_like_the_examples_goes_where_they_go() {
    let found = routed("please pay the money back, 90 cents");
    let input = json!({ "cents": 90 });
    assert_eq!(found, ("refund".into(), input, By::Classifier, Basis::Calibrated));
    assert_eq!(routed("where is the parcel").0, "track");
}

#[test]
fn what_a_request_does_not_say_is_as_by_default() {
    let default = json!({ "order": "", "cents": 5, "to": { "name": "", "city": "Kiel" } });
    let refund = Target { default, ..target("refund", "", &[]) };
    let input = refund.complete(&json!({ "order": "A-7", "to": { "name": "Ann" } }));
    let wanted = json!({ "order": "A-7", "cents": 5, "to": { "name": "Ann", "city": "Kiel" } });
    assert_eq!(input, wanted);
}

#[test]
fn a_request_between_two_flows_is_asked_about() {
    let Answer::Unclear { question, candidates } = answer("money back for my parcel delivery")
    else {
        panic!("it was clear")
    };
    assert_eq!(candidates.len(), 2);
    assert!(question.contains("1. ") && question.contains("track: says where a parcel is"));
}

#[test]
fn a_request_like_no_example_is_for_nobody() {
    for text in ["what is the weather in Lisbon", "", "東京"] {
        assert!(matches!(answer(text), Answer::Unknown { .. }), "{text}");
    }
}

#[test]
fn without_examples_nothing_is_sure() {
    let targets = vec![target("refund", "pays money back", &[]), target("track", "parcels", &[])];
    let intents = Intents::new(targets).unwrap();
    let answer = intents.answer("pays money back", &JsonSchemaCheck::new());
    let Answer::Unclear { candidates, .. } = answer else { panic!("{answer:?}") };
    assert_eq!(candidates[0].confidence, Confidence::none());
}

#[test]
fn an_unreadable_pattern_names_its_flow() {
    let mut refund = target("refund", "", &[]);
    refund.intent.rules = vec!["(".into()];
    let error = Intents::new(vec![refund]).unwrap_err();
    assert!(error.to_string().starts_with("flow `refund`: the pattern `(`"), "{error}");
}

const UNCLEAR: &str = "it is about an order";

fn model(flow: &'static str) -> impl Fn(&ModelRequest) -> Result<ModelReply, Failure> {
    move |_| Ok(says(json!({ "flow": flow, "input": { "order": "A-7" } }).to_string()))
}

/// Settles an unclear request: what a model suggests, what a person answers round by round.
async fn settled(
    suggests: &'static str,
    decisions: Vec<Decision>,
) -> (Option<(String, Value, By)>, Vec<Seen>) {
    let fake = Fake::new(model(suggests));
    let decisions = std::sync::Mutex::new(decisions.into_iter());
    let fake = fake.with_review(move |_| decided(decisions.lock().unwrap().next().unwrap()));
    let found = settle(&fake.effects(), &intents(), UNCLEAR).await.unwrap();
    (found.map(|to| (to.flow, to.input, to.by)), fake.seen())
}

fn says_person(text: &str) -> Decision {
    Decision::Respond { text: text.into() }
}

fn reviews(seen: &[Seen]) -> usize {
    seen.iter().filter(|seen| matches!(seen, Seen::Review(_))).count()
}

#[tokio::test]
async fn what_a_model_says_is_a_suggestion_and_a_person_decides() {
    let (found, seen) = settled("track", vec![Decision::Approve { note: None }]).await;
    assert_eq!(found, Some(("track".into(), json!({ "order": "A-7" }), By::Person)));
    let Some(Seen::Review(review)) = seen.last() else { panic!("{seen:?}") };
    assert_eq!(review.subject["candidates"][0]["confidence"]["value"], json!(0.0));
    assert_eq!(review.subject["candidates"][0]["by"], json!("model"));
}

#[tokio::test]
async fn a_second_unclear_answer_ends_it() {
    let unclear = || says_person("the usual one");
    let (found, seen) = settled("none", vec![unclear(), unclear()]).await;
    assert_eq!((found, reviews(&seen)), (None, 2));
    let (found, seen) = settled("none", vec![unclear(), says_person("refund")]).await;
    assert_eq!((found.map(|to| to.0), reviews(&seen)), (Some("refund".into()), 2));
    let (found, seen) = settled("none", vec![Decision::Reject { reason: "no".into() }]).await;
    assert_eq!((found, reviews(&seen)), (None, 1));
}

#[tokio::test]
async fn the_model_gets_no_tool_and_the_request_only_marked() {
    let (_, seen) = settled("track", vec![says_person("1")]).await;
    let asked = seen.iter().find_map(|seen| match seen {
        Seen::Model(request) => Some(request.clone()),
        Seen::Tool { .. } | Seen::Review(_) | Seen::Opened(..) => None,
    });
    let request = asked.unwrap();
    assert!(request.tools.is_empty());
    assert!(!serde_json::to_string(&request).unwrap().contains(UNCLEAR));
    assert_eq!(request.prompt.unwrap().name, "intent");
    let flows = json!({ "enum": ["refund", "track", "none"] });
    assert_eq!(request.output.unwrap().schema["properties"]["flow"], flows);
}

#[tokio::test]
async fn a_hostile_suggestion_is_a_flow_that_is_there_with_an_input_that_fits() {
    let fake = Fake::new(|_: &ModelRequest| {
        Ok(says(r#"{"flow": "refund", "input": {"order": "A-7", "shell": "rm -rf /"}}"#))
    });
    let effects: Arc<dyn mainstay_core::effects::Effects> = fake.effects();
    let found = suggest::suggest(&effects, &intents(), UNCLEAR).await.unwrap().unwrap();
    assert_eq!((found.flow.as_str(), found.input), ("refund", json!({})));
    let fake = Fake::new(|_: &ModelRequest| Ok(says(r#"{"flow": "drop_tables", "input": {}}"#)));
    assert!(suggest::suggest(&fake.effects(), &intents(), UNCLEAR).await.is_err());
}
