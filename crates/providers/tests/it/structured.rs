//! Answers that must fit a schema: the steps that the engine takes, over real replies.

use std::sync::Arc;

use mainstay_core::model::{
    CallContext, DEFAULT_REPAIRS, ModelFailure, ModelRequest, Provider, Silent, Tier, check,
    repair_request,
};
use mainstay_providers::scripted::{Script, Scripted};
use serde_json::{Value, json};

use crate::{
    clock::Noting,
    conformance::{Checker, intent_schema},
};

/// Asks until the answer fits, as the engine does with one effect an answer.
async fn structured(provider: &dyn Provider) -> (Result<Value, ModelFailure>, u32) {
    let mut request = ModelRequest::new(Tier::Fast).with_user("I want to return order 4711");
    request = request.with_output("intent", intent_schema());
    let output = request.output.clone().unwrap();
    let context = CallContext::new("k", Arc::new(Noting::default()));
    let mut asked = 0;
    loop {
        let model = "scripted:desk".parse().unwrap();
        let reply = provider.call(&model, &request, &context, &Silent).await.unwrap();
        asked += 1;
        match check(&reply, &output, &Checker) {
            Ok(value) => return (Ok(value), asked),
            Err(errors) if asked > DEFAULT_REPAIRS => {
                return (Err(ModelFailure::Schema { errors, attempts: asked }), asked);
            }
            Err(errors) => request = repair_request(&request, &reply, &errors),
        }
    }
}

fn desk(rules: &str) -> Scripted {
    let yaml = format!("model: desk\nrules:\n{rules}");
    Scripted::new().with_script(Script::parse("desk.yaml", &yaml).unwrap())
}

#[tokio::test]
async fn a_model_that_learns_from_its_errors_gets_there() {
    let learns = desk(
        "  - { when: { turn: 1 }, reply: { text: 'Sure! It is a return.' } }
  - { when: { turn: 2, last: [not JSON] }, reply: { json: { topic: return, order: '4711' } } }
  - { when: { turn: 3, last: [/order] }, reply: { json: { topic: return, order: 4711 } } }\n",
    );
    let (outcome, asked) = structured(&learns).await;
    assert_eq!((outcome, asked), (Ok(json!({"topic": "return", "order": 4711})), 3));
}

#[tokio::test]
async fn a_model_that_does_not_learn_is_a_failure_after_its_repairs() {
    let stubborn = desk("  - reply: { json: { topic: weather, order: 4711 } }\n");
    let (outcome, asked) = structured(&stubborn).await;
    let failure = outcome.unwrap_err();
    assert_eq!((asked, failure.code().number(), failure.is_retryable()), (3, 4005, false));
    let ModelFailure::Schema { errors, attempts: 3 } = failure else { panic!("{failure:?}") };
    assert_eq!(errors.iter().map(|e| e.path.as_str()).collect::<Vec<_>>(), ["/topic"]);
}
