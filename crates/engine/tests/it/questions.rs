//! Calls whose other side asks something first: a person answers, the call goes on, and nothing is
//! done where nobody does.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use mainstay::prelude::*;
use mainstay_core::{
    code::Code,
    id::RunId,
    journal::Entry,
    review::{Decision, ReviewReason},
    run::RunStatus,
    tool::{
        EffectClass, InputGiven, InputWanted, ToolCall, ToolFailure, ToolSpec,
        input::{InputQuestion, Questions},
    },
};
use serde_json::{Value, json};

use crate::{
    approvals::Plain,
    rig::{Rig, World, kinds, waits},
    tools::{FOREVER, Probe, spec},
};

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Order {}

#[flow(name = "order", version = 1)]
impl Order {
    #[start(grants = ["order"])]
    async fn order(&self, cx: &StepContext) -> Result<String> {
        Ok(match cx.tool::<(&str, Value)>(("order", json!({ "item": "shirt" }))).await {
            Called::Found(value) => format!("found {value}"),
            Called::Denied(denial) => format!("denied: {denial}"),
            Called::Failed(failure) => format!("failed: {failure}"),
            Called::InDoubt(doubt) => format!("in doubt: {}", doubt.because),
            Called::Empty => "nothing".to_owned(),
        })
    }
}

fn wanted(text: &str) -> InputWanted {
    let schema = json!({
        "type": "object",
        "properties": { "size": { "type": "string", "enum": ["S", "L"], "default": "S" } },
        "required": ["size"],
    });
    let question = InputQuestion { text: text.to_owned(), schema };
    let questions = Questions(BTreeMap::from([("size".to_owned(), question)]));
    InputWanted { questions, state: json!({ "token": text }) }
}

fn asks(text: &str) -> ToolFailure {
    ToolFailure::refused(text).with_code(Code::McpInput).wanting(wanted(text))
}

/// Orders once it knows the size.
fn shop(call: ToolCall) -> Result<Value, ToolFailure> {
    match call.input {
        None => Err(asks("Which size?")),
        Some(InputGiven { answers: Some(answers), .. }) => Ok(answers["size"]["size"].clone()),
        Some(InputGiven { answers: None, .. }) => Err(ToolFailure::new("nobody answered")),
    }
}

/// Has begun to order when it asks.
fn busy_shop(call: ToolCall) -> Result<Value, ToolFailure> {
    shop(call).map_err(|failure| match failure.wants {
        Some(wanted) => ToolFailure::new("Which size?").wanting(*wanted),
        None => failure,
    })
}

type Shop = fn(ToolCall) -> Result<Value, ToolFailure>;

fn probe(spec: ToolSpec, shop: Shop) -> Arc<Probe> {
    Probe::of(spec, move |call, _| std::future::ready(shop(call)))
}

fn program(world: &World, tool: Arc<Probe>, bundle: &'static str) -> Rig {
    world.program(|p| drop(p.flow::<Order>().tool(tool).policy(Arc::new(Plain(bundle)))))
}

/// Starts a run and drives it to where a person has to say something.
async fn parked(rig: &Rig, reason: ReviewReason) -> RunId {
    let run_id = rig.start("order", json!({})).await;
    parked_again(rig, run_id, reason).await;
    run_id
}

async fn parked_again(rig: &Rig, run_id: RunId, reason: ReviewReason) {
    let view = rig.drive(run_id).await;
    assert_eq!((view.row.status, waits(&view.row)), (RunStatus::Parked, vec!["review"]));
    assert_eq!(rig.open_review(run_id).await.request.reason, reason);
}

fn respond(text: &str) -> Decision {
    Decision::Respond { text: text.to_owned() }
}

fn reject() -> Decision {
    Decision::Reject { reason: "no shirts".to_owned() }
}

#[tokio::test]
async fn a_person_answers_and_the_call_goes_on_with_the_same_key() {
    for effect in [FOREVER, EffectClass::AtMostOnce, EffectClass::Read] {
        let order = probe(spec("order", effect), shop);
        let rig = program(&World::memory(), order.clone(), "rules");
        let run_id = parked(&rig, ReviewReason::Input).await;
        let shown = rig.open_review(run_id).await.request.subject;
        assert_eq!(shown["questions"]["size"]["text"], "Which size?");
        assert_eq!(
            (&shown["arguments"], &shown["under_way"]),
            (&json!({"item": "shirt"}), &json!(false))
        );
        rig.decide(run_id, respond("L")).await;
        assert_eq!(rig.completed(run_id).await, json!("found \"L\""));
        let calls = order.calls();
        let given = calls[1].input.as_ref().unwrap();
        assert_eq!(given.wanted.state, json!({ "token": "Which size?" }));
        assert_eq!((calls.len(), calls[0].key), (2, calls[1].key));
        assert_eq!((calls[0].attempt, calls[1].attempt), (1, 1), "to ask is not to fail");
        let view = rig.view(run_id).await;
        assert_eq!(view.projection.ledger.spent().tool_calls, 2, "each attempt is charged");
    }
}

#[tokio::test]
async fn every_default_is_taken_by_approving() {
    let order = probe(spec("order", EffectClass::AtMostOnce), shop);
    let rig = program(&World::memory(), order, "rules");
    let run_id = parked(&rig, ReviewReason::Input).await;
    rig.approve(run_id).await;
    assert_eq!(rig.completed(run_id).await, json!("found \"S\""));
}

#[tokio::test]
async fn nothing_is_called_again_where_a_person_refuses_or_says_nothing() {
    for decision in [Some(reject()), None] {
        let order = probe(spec("order", EffectClass::AtMostOnce), shop);
        let rig = program(&World::memory(), order.clone(), "rules");
        let run_id = parked(&rig, ReviewReason::Input).await;
        let told = match decision {
            Some(decision) => {
                rig.decide(run_id, decision).await;
                "denied: a person refused `order`: ann: no shirts"
            }
            None => {
                rig.clock.advance(Duration::from_secs(8 * 24 * 3_600));
                let worker = rig.worker();
                rig.wait_for(run_id, |row| row.status.is_terminal()).await;
                worker.stop().await;
                "denied: a person refused `order`: nobody answered its question in time"
            }
        };
        assert_eq!(rig.completed(run_id).await, json!(told));
        assert_eq!(order.count(), 1);
    }
}

#[tokio::test]
async fn what_is_no_answer_is_refused_and_loses_nothing() {
    let order = probe(spec("order", EffectClass::AtMostOnce), shop);
    let rig = program(&World::memory(), order, "rules");
    let run_id = parked(&rig, ReviewReason::Input).await;
    let request = rig.open_review(run_id).await.request;
    let (review_id, digest) = (request.review_id, request.subject_digest);
    let wrong = [
        respond("XXXL"),
        Decision::Amend { subject: json!({ "size": { "size": "S" }, "colour": {} }), note: None },
        Decision::Amend { subject: json!("S"), note: None },
    ];
    for decision in wrong {
        let refused = rig.runtime.decide(review_id, digest, decision, "ann").await.unwrap_err();
        assert_eq!(refused.code, Code::DecisionInvalid, "{refused}");
    }
    rig.decide(run_id, respond("S")).await;
    assert_eq!(rig.completed(run_id).await, json!("found \"S\""));
}

#[tokio::test]
async fn a_call_that_is_under_way_goes_on_and_is_told_when_nobody_answers() {
    for effect in [FOREVER, EffectClass::AtMostOnce] {
        let order = probe(spec("order", effect), busy_shop);
        let rig = program(&World::memory(), order.clone(), "rules");
        let run_id = parked(&rig, ReviewReason::Input).await;
        assert_eq!(rig.open_review(run_id).await.request.subject["under_way"], json!(true));
        rig.decide(run_id, respond("L")).await;
        assert_eq!(rig.completed(run_id).await, json!("found \"L\""));
        assert_eq!(order.count(), 2);
    }
    let order = probe(spec("order", EffectClass::AtMostOnce), busy_shop);
    let rig = program(&World::memory(), order.clone(), "rules");
    let run_id = parked(&rig, ReviewReason::Input).await;
    rig.decide(run_id, reject()).await;
    parked_again(&rig, run_id, ReviewReason::InDoubt).await;
    let told = order.calls().pop().unwrap().input.unwrap();
    assert_eq!((order.count(), told.answers), (2, None));
}

#[tokio::test]
async fn a_worker_that_dies_with_the_answers_leaves_what_the_class_says() {
    for (effect, again) in [(FOREVER, true), (EffectClass::AtMostOnce, false)] {
        let world = World::memory();
        let order = Probe::of(spec("order", effect), |call, nth| async move {
            if nth == 2 {
                std::future::pending::<()>().await;
            }
            shop(call)
        });
        let rig = program(&world, order.clone(), "rules");
        let run_id = parked(&rig, ReviewReason::Input).await;
        rig.decide(run_id, respond("L")).await;
        let worker = rig.worker();
        order.called(2).await;
        worker.kill().await;
        rig.let_leases_lapse();
        let next = program(&world, order.clone(), "rules");
        if again {
            assert_eq!(next.completed(run_id).await, json!("found \"L\""));
            assert_eq!(order.calls()[2].input, order.calls()[1].input, "with the same answers");
        } else {
            parked_again(&next, run_id, ReviewReason::InDoubt).await;
            assert_eq!(order.count(), 2, "never sent again by itself");
        }
    }
}

#[tokio::test]
async fn a_worker_that_dies_before_the_answer_loses_nothing() {
    let world = World::sqlite("questions").await;
    let order = probe(spec("order", EffectClass::AtMostOnce), shop);
    let rig = program(&world, order.clone(), "rules");
    let run_id = parked(&rig, ReviewReason::Input).await;
    let next = program(&world, order.clone(), "rules");
    next.decide(run_id, respond("L")).await;
    assert_eq!(next.completed(run_id).await, json!("found \"L\""));
    assert_eq!(order.count(), 2);
}

#[tokio::test]
async fn who_asks_again_and_again_is_answered_ten_times() {
    let order = probe(spec("order", EffectClass::AtMostOnce), |call| {
        let nth = call.input.map_or(0, |given| given.wanted.questions.0["size"].text.len());
        Err(asks(&"?".repeat(nth + 1)))
    });
    let rig = program(&World::memory(), order.clone(), "rules");
    let run_id = parked(&rig, ReviewReason::Input).await;
    for _ in 1..10 {
        rig.decide(run_id, respond("L")).await;
        parked_again(&rig, run_id, ReviewReason::Input).await;
    }
    rig.decide(run_id, respond("L")).await;
    let ended = rig.completed(run_id).await;
    assert!(ended.as_str().unwrap().starts_with("failed: MS-5033"), "{ended}");
    assert_eq!(order.count(), 11);
}

#[tokio::test]
async fn an_approval_covers_the_call_also_after_a_question_unless_something_changed() {
    for (bundle, covered) in [("rules", true), ("other rules", false)] {
        let world = World::memory();
        let order = probe(spec("order", EffectClass::AtMostOnce).with_approval("true"), shop);
        let rig = program(&world, order.clone(), "rules");
        let run_id = parked(&rig, ReviewReason::Approval).await;
        rig.approve(run_id).await;
        parked_again(&rig, run_id, ReviewReason::Input).await;
        rig.decide(run_id, respond("L")).await;
        let next = program(&world, order.clone(), bundle);
        if !covered {
            parked_again(&next, run_id, ReviewReason::Approval).await;
            assert_eq!(order.count(), 1);
            next.approve(run_id).await;
        }
        assert_eq!(next.completed(run_id).await, json!("found \"L\""));
        assert_eq!(order.count(), 2);
    }
}

#[tokio::test]
async fn what_is_under_way_and_not_covered_any_more_is_in_doubt() {
    let world = World::memory();
    let order = probe(spec("order", EffectClass::AtMostOnce).with_approval("true"), busy_shop);
    let rig = program(&world, order.clone(), "rules");
    let run_id = parked(&rig, ReviewReason::Approval).await;
    rig.approve(run_id).await;
    parked_again(&rig, run_id, ReviewReason::Input).await;
    rig.decide(run_id, respond("L")).await;
    let next = program(&world, order.clone(), "other rules");
    parked_again(&next, run_id, ReviewReason::InDoubt).await;
    assert_eq!(order.count(), 1);
}

#[tokio::test]
async fn a_run_that_is_cancelled_while_it_is_asked_ends_and_takes_the_question_back() {
    let order = probe(spec("order", EffectClass::AtMostOnce), shop);
    let rig = program(&World::memory(), order.clone(), "rules");
    let run_id = parked(&rig, ReviewReason::Input).await;
    rig.runtime.cancel(run_id, "ann", "enough").await.unwrap();
    let view = rig.drive(run_id).await;
    assert_eq!((view.row.status, order.count()), (RunStatus::Cancelled, 1));
    assert!(rig.open_reviews(run_id).await.is_empty());
    assert!(!kinds(&view).contains(&"effect_settled"), "nothing came of the call");
}

#[tokio::test]
async fn the_question_is_in_the_journal_by_reference() {
    let order = probe(spec("order", EffectClass::AtMostOnce), shop);
    let rig = program(&World::memory(), order, "rules");
    let run_id = parked(&rig, ReviewReason::Input).await;
    let view = rig.view(run_id).await;
    let asked = view.rows.iter().find_map(|(_, entry)| match entry {
        Entry::WaitOpened { input, .. } => input.clone(),
        _ => None,
    });
    let held = view.projection.held().find(|held| held.payload == asked.as_ref().unwrap().wanted);
    let wanted_then = rig.runtime.value(run_id, held.unwrap()).await.unwrap();
    assert_eq!(wanted_then, json!(wanted("Which size?")));
}
