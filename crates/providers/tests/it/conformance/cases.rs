//! The cases of the suite: what is looked at when a scene was played.

use std::time::Duration;

use mainstay_core::model::{FinishReason, ModelFailure, UsageSource};
use serde_json::{Value, json};

use super::{Checker, Played, SAID, Scene, request};

pub(crate) fn says_text(played: Played) {
    let reply = played.outcome.unwrap();
    assert_eq!((reply.text.as_str(), reply.finish), (SAID, FinishReason::Stop));
    assert_eq!(reply.usage.source, UsageSource::Reported);
    assert!(reply.usage.input_tokens > 0 && reply.usage.output_tokens > 0);
    assert!(reply.usage.reasoning_tokens <= reply.usage.output_tokens);
    assert!(reply.usage.cached_input_tokens <= reply.usage.input_tokens);
    assert!(played.counted >= reply.usage.input_tokens, "reserved {}", played.counted);
    let texts = played.watch.texts();
    assert!(texts.len() > 1, "streams: {texts:?}");
    assert_eq!(texts.concat(), SAID);
    assert!(played.watch.finished());
}

pub(crate) fn says_json(played: Played) {
    let reply = played.outcome.unwrap();
    let output = request(Scene::Json).output.unwrap();
    let value = mainstay_core::model::check(&reply, &output, &Checker).unwrap();
    assert_eq!(value, json!({"topic": "return", "order": 4711}));
}

pub(crate) fn asks_for_one_tool(played: Played) {
    let reply = played.outcome.unwrap();
    assert_eq!(reply.finish, FinishReason::ToolCalls);
    assert_eq!(reply.tool_calls.len(), 1, "{:?}", reply.tool_calls);
    let call = &reply.tool_calls[0];
    assert_eq!((call.name.as_str(), &call.arguments), ("find_order", &json!({"order": 4711})));
    assert!(call.malformed.is_none() && !call.id.is_empty(), "{call:?}");
}

/// Either the call comes and says itself that it cannot be executed, or, where the vendor keeps
/// what the model wrote to itself, the whole answer is a failure.
pub(crate) fn shows_arguments_that_are_no_json_and_never_an_empty_object(played: Played) {
    if !played.tells.malformed {
        let failure = played.outcome.unwrap_err();
        assert!(matches!(failure, ModelFailure::Malformed { .. }), "{failure:?}");
        assert!(failure.is_retryable());
        return;
    }
    let reply = played.outcome.unwrap();
    assert_eq!(reply.tool_calls.len(), 1, "{:?}", reply.tool_calls);
    let call = &reply.tool_calls[0];
    let written = "{\"order\": 4711, }";
    assert_eq!((&call.arguments, call.malformed.as_deref()), (&Value::Null, Some(written)));
    assert!(call.problem().unwrap().contains("`find_order` are not JSON"), "{call:?}");
    assert_eq!(reply.finish, FinishReason::ToolCalls);
    assert_eq!(played.watch.arguments(0), written);
}

pub(crate) fn keeps_its_thinking_apart(played: Played) {
    let reply = played.outcome.unwrap();
    assert_eq!((reply.text.as_str(), reply.finish), (SAID, FinishReason::Stop));
    assert_eq!(reply.reasoning.as_deref(), played.tells.thoughts);
    assert_eq!(played.watch.thoughts().concat(), played.tells.thoughts.unwrap_or_default());
    let usage = reply.usage;
    assert_eq!((usage.input_tokens, usage.output_tokens), (13, 20));
    assert_eq!(usage.cached_input_tokens, played.tells.cached);
    assert_eq!(usage.reasoning_tokens, played.tells.reasoning);
}

pub(crate) fn says_that_it_was_filtered(played: Played) {
    let reply = played.outcome.unwrap();
    assert_eq!(reply.finish, FinishReason::Filtered);
    assert!(SAID.starts_with(&reply.text) && reply.tool_calls.is_empty(), "{reply:?}");
    assert!(played.watch.finished());
}

pub(crate) fn does_not_take_an_unknown_end_for_a_good_one(played: Played) {
    let failure = played.outcome.unwrap_err();
    assert!(failure.to_string().contains("unknown finish reason `cosmic_ray`"), "{failure}");
    assert!(!played.watch.finished());
}

pub(crate) fn is_overloaded(played: Played) {
    let failure = played.outcome.unwrap_err();
    assert!(matches!(failure, ModelFailure::Unavailable { started: false, .. }), "{failure:?}");
    assert!(failure.is_retryable() && !failure.may_have_cost());
}

/// It had begun to answer: what it did may be charged.
pub(crate) fn is_overloaded_midway(played: Played) {
    let failure = played.outcome.unwrap_err();
    assert!(matches!(failure, ModelFailure::Unavailable { .. }), "{failure:?}");
    assert!(failure.is_retryable() && failure.may_have_cost());
    assert!(!played.watch.texts().is_empty() && !played.watch.finished());
}

pub(crate) fn asks_for_tools(played: Played) {
    let reply = played.outcome.unwrap();
    assert_eq!(reply.finish, FinishReason::ToolCalls);
    let calls: Vec<_> =
        reply.tool_calls.iter().map(|call| (call.name.as_str(), &call.arguments)).collect();
    assert_eq!(calls, [("find_order", &json!({"order": 4711})), ("find_customer", &json!({}))]);
    assert!(reply.tool_calls.iter().all(|call| !call.id.is_empty()));
    assert_ne!(reply.tool_calls[0].id, reply.tool_calls[1].id);
    let streamed: Value = serde_json::from_str(&played.watch.arguments(0)).unwrap();
    assert_eq!(streamed, json!({"order": 4711}));
}

pub(crate) fn is_cut_by_the_limit(played: Played) {
    let reply = played.outcome.unwrap();
    assert_eq!(reply.finish, FinishReason::Length);
    assert!(reply.usage.output_tokens <= 6);
    assert!(SAID.starts_with(&reply.text) && reply.text.len() < SAID.len(), "{}", reply.text);
}

pub(crate) fn estimates_missing_usage(played: Played) {
    let reply = played.outcome.unwrap();
    assert_eq!(reply.text, SAID);
    assert_eq!(reply.usage.source, UsageSource::Estimated);
    assert!(reply.usage.input_tokens >= 12 && reply.usage.output_tokens >= 9, "{:?}", reply.usage);
}

pub(crate) fn passes_on_the_wait(played: Played) {
    let failure = played.outcome.unwrap_err();
    assert!(matches!(failure, ModelFailure::RateLimited { .. }), "{failure:?}");
    assert_eq!(failure.retry_after(), Some(Duration::from_secs(2)));
    assert!(failure.is_retryable() && !failure.may_have_cost());
    assert_eq!(played.watch.events(), []);
}

pub(crate) fn is_unavailable(played: Played) {
    let failure = played.outcome.unwrap_err();
    assert!(matches!(failure, ModelFailure::Unavailable { .. }), "{failure:?}");
    assert!(failure.is_retryable());
}

pub(crate) fn is_refused_for_good(played: Played) {
    let failure = played.outcome.unwrap_err();
    assert!(matches!(failure, ModelFailure::Refused { status: 400, .. }), "{failure:?}");
    assert!(!failure.is_retryable() && !failure.may_have_cost());
    assert_eq!(failure.code().number(), 4002);
}

pub(crate) fn does_not_skip_what_it_cannot_read(played: Played) {
    let failure = played.outcome.unwrap_err();
    assert!(matches!(failure, ModelFailure::Malformed { .. }), "{failure:?}");
    assert!(failure.may_have_cost());
    assert!(!played.watch.finished());
}

pub(crate) fn a_broken_connection_is_half_an_answer(played: Played) {
    half_an_answer_is_none(played);
}

pub(crate) fn half_an_answer_is_none(played: Played) {
    assert_eq!(played.outcome.unwrap_err(), ModelFailure::Truncated);
    assert!(!played.watch.texts().is_empty(), "some of it was seen");
    assert!(!played.watch.finished());
}

pub(crate) fn gives_up_at_the_deadline(played: Played) {
    let after = Duration::from_millis(80);
    assert_eq!(played.outcome.unwrap_err(), ModelFailure::TimedOut { after });
}
