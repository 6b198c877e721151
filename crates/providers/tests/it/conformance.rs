//! What every provider does, whoever it is. A new one is proved by setting these scenes for it.

use std::{sync::Arc, time::Duration};

use mainstay_core::{
    model::{
        CallContext, FinishReason, ModelFailure, ModelId, ModelReply, ModelRequest, Provider,
        ToolOffer, UsageSource,
    },
    schema::{SchemaCheck, SchemaError},
};
use serde_json::{Value, json};

use crate::{clock::Waiting, watch::Watch};

/// What the text scenes say.
pub(crate) const SAID: &str = "Grüße 📦! Your parcel left on Monday.";

/// What a provider is made to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scene {
    /// Says [`SAID`].
    Text,
    /// Says `{"topic":"return","order":4711}`.
    Json,
    /// Asks for `find_order` with order 4711, and for `find_customer` without arguments.
    ToolCall,
    /// Is cut by the limit.
    Length,
    /// Says [`SAID`] and no usage.
    MissingUsage,
    /// 429, wait two seconds.
    RateLimited,
    /// 503.
    Unavailable,
    /// 400.
    Refused,
    /// A piece cannot be read.
    Malformed,
    /// The stream ends before its finish marker, properly.
    Truncated,
    /// The connection breaks in the middle.
    Disconnected,
    /// Nothing comes.
    Silent,
}

/// A provider with its scene set.
pub(crate) struct Set {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) model: ModelId,
    /// How often the vendor was asked, where that can be counted.
    pub(crate) asked: Box<dyn Fn() -> Option<usize> + Send + Sync>,
}

/// Outcome of one call, and what was seen of it on the way.
pub(crate) struct Played {
    pub(crate) outcome: Result<ModelReply, ModelFailure>,
    pub(crate) watch: Watch,
    pub(crate) counted: u64,
}

pub(crate) fn request(scene: Scene) -> ModelRequest {
    let request = ModelRequest::new("fast".parse::<mainstay_core::model::ModelName>().unwrap())
        .with_system("You answer customers of a shop.")
        .with_user("Hello, where is my parcel? The order number is 4711.");
    let offer = |name: &str| ToolOffer {
        name: name.into(),
        description: "Looks something up.".into(),
        schema: json!({"type": "object", "properties": {"order": {"type": "integer"}}}),
    };
    match scene {
        Scene::ToolCall => request.with_tool(offer("find_order")).with_tool(offer("find_customer")),
        Scene::Json => request.with_output("intent", intent_schema()),
        Scene::Length => request.with_max_output_tokens(6),
        _ => request,
    }
}

pub(crate) fn intent_schema() -> Value {
    json!({
        "type": "object",
        "properties": {"topic": {"enum": ["return", "question"]}, "order": {"type": "integer"}},
        "required": ["topic", "order"],
        "additionalProperties": false,
    })
}

pub(crate) async fn play(set: &Set, scene: Scene) -> Played {
    let watch = Watch::default();
    let request = request(scene);
    let context = CallContext::new("key-1", Arc::new(Waiting));
    let context = match scene {
        Scene::Silent => context.with_deadline(Duration::from_millis(80)),
        _ => context,
    };
    assert!(set.provider.serves(&set.model));
    let counted = set.provider.count_input(&set.model, &request);
    let outcome = set.provider.call(&set.model, &request, &context, &watch).await;
    if let Some(times) = (set.asked)() {
        assert_eq!(times, 1, "a provider asks once, whatever happens");
    }
    Played { outcome, watch, counted }
}

/// The checker that repairs are tested with.
pub(crate) struct Checker;

impl SchemaCheck for Checker {
    fn errors(&self, schema: &Value, value: &Value) -> Vec<SchemaError> {
        let validator = jsonschema::validator_for(schema).unwrap();
        let errors = validator.iter_errors(value).map(|error| SchemaError {
            path: error.instance_path().to_string(),
            message: error.to_string(),
        });
        errors.collect()
    }
}

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
    assert!(!failure.is_retryable());
}

pub(crate) fn does_not_skip_what_it_cannot_read(played: Played) {
    let failure = played.outcome.unwrap_err();
    assert!(matches!(failure, ModelFailure::Malformed { .. }), "{failure:?}");
    assert!(failure.may_have_cost());
    assert!(!played.watch.finished());
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

/// Makes one test a scene; `$set` is an async function from a [`Scene`] to a [`Set`].
macro_rules! provider_conformance {
    ($provider:ident, $set:path) => {
        mod $provider {
            use crate::conformance::{self as suite, Scene, play};

            $crate::conformance::provider_conformance! { @tests $set;
                says_text: Text,
                says_json: Json,
                asks_for_tools: ToolCall,
                is_cut_by_the_limit: Length,
                estimates_missing_usage: MissingUsage,
                passes_on_the_wait: RateLimited,
                is_unavailable: Unavailable,
                is_refused_for_good: Refused,
                does_not_skip_what_it_cannot_read: Malformed,
                half_an_answer_is_none: Truncated,
                gives_up_at_the_deadline: Silent,
            }

            #[tokio::test]
            async fn a_broken_connection_is_half_an_answer() {
                let set = $set(Scene::Disconnected).await;
                suite::half_an_answer_is_none(play(&set, Scene::Disconnected).await);
            }
        }
    };
    (@tests $set:path; $($test:ident: $scene:ident,)*) => {$(
        #[tokio::test]
        async fn $test() {
            let set = $set(Scene::$scene).await;
            suite::$test(play(&set, Scene::$scene).await);
        }
    )*};
}

pub(crate) use provider_conformance;
