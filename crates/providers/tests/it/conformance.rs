//! What every provider does, whoever it is. A new one is proved by setting these scenes for it, and
//! one that speaks over the wire by setting those of the wire as well.

pub(crate) mod cases;

use std::{sync::Arc, time::Duration};

use mainstay_core::{
    model::{CallContext, ModelFailure, ModelId, ModelReply, ModelRequest, Provider, ToolOffer},
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
    /// Asks for `find_order` with order 4711.
    SingleTool,
    /// Asks for `find_order` with order 4711, and for `find_customer` without arguments.
    ToolCall,
    /// Asks for `find_order` with something that is no JSON.
    MalformedArguments,
    /// Thinks, then says [`SAID`]; part of what was asked came from a cache.
    Thinking,
    /// Is cut by the limit.
    Length,
    /// Is cut by the content filter.
    Filtered,
    /// Ends for a reason that nobody knows.
    UnknownFinish,
    /// Says [`SAID`] and no usage.
    MissingUsage,
    /// 429, wait two seconds.
    RateLimited,
    /// 500.
    Unavailable,
    /// Overloaded: 503, or a number of the vendor's own.
    Overloaded,
    /// Overloaded, after it began to answer.
    OverloadedMidway,
    /// 400: the schema is not to its liking.
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

/// What a vendor tells beside the answer. Nothing is made up for one that does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tells {
    /// Tokens of [`Scene::Thinking`] that came from its cache.
    pub(crate) cached: u64,
    /// Tokens that went into thinking there.
    pub(crate) reasoning: u64,
    /// What was thought.
    pub(crate) thoughts: Option<&'static str>,
    /// Whether it shows what the model wrote in place of arguments.
    pub(crate) malformed: bool,
}

impl Tells {
    /// What one tells that keeps nothing to itself.
    pub(crate) const EVERYTHING: Self =
        Self { cached: 8, reasoning: 9, thoughts: Some("They ask for a parcel."), malformed: true };
}

/// A provider with its scene set.
pub(crate) struct Set {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) model: ModelId,
    pub(crate) tells: Tells,
    /// How often the vendor was asked, where that can be counted.
    pub(crate) asked: Box<dyn Fn() -> Option<usize> + Send + Sync>,
}

/// Outcome of one call, and what was seen of it on the way.
pub(crate) struct Played {
    pub(crate) outcome: Result<ModelReply, ModelFailure>,
    pub(crate) watch: Watch,
    pub(crate) counted: u64,
    pub(crate) tells: Tells,
}

pub(crate) fn request(scene: Scene) -> ModelRequest {
    let request = ModelRequest::new("fast".parse::<mainstay_core::model::ModelName>().unwrap())
        .with_system("You answer customers of a shop.")
        .with_user("Hello, where is my parcel? The order number is 4711.");
    let offer = |name: &str| ToolOffer {
        name: name.into(),
        description: "Looks something up.".into(),
        schema: json!({"type": "object", "properties": {"order": {"type": "integer"}}}).into(),
    };
    match scene {
        Scene::SingleTool | Scene::ToolCall | Scene::MalformedArguments => {
            request.with_tool(offer("find_order")).with_tool(offer("find_customer"))
        }
        Scene::Json | Scene::Refused => request.with_output("intent", intent_schema()),
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
    Played { outcome, watch, counted, tells: set.tells }
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

/// Makes one test a scene; `$set` is an async function from a [`Scene`] to a [`Set`]. What follows
/// adds groups of scenes: `wire` those that only a vendor far away can play, `filtered` that of its
/// content filter.
macro_rules! provider_conformance {
    ($provider:ident, $set:path $(, $group:ident)*) => {
        mod $provider {
            use crate::conformance::{Scene, cases, play};

            $crate::conformance::provider_conformance! { @tests $set;
                says_text: Text,
                says_json: Json,
                asks_for_one_tool: SingleTool,
                asks_for_tools: ToolCall,
                shows_arguments_that_are_no_json_and_never_an_empty_object: MalformedArguments,
                keeps_its_thinking_apart: Thinking,
                is_cut_by_the_limit: Length,
                estimates_missing_usage: MissingUsage,
                passes_on_the_wait: RateLimited,
                is_unavailable: Unavailable,
                is_refused_for_good: Refused,
                does_not_skip_what_it_cannot_read: Malformed,
                half_an_answer_is_none: Truncated,
                a_broken_connection_is_half_an_answer: Disconnected,
                gives_up_at_the_deadline: Silent,
            }
            $($crate::conformance::provider_conformance! { @$group $set })*
        }
    };
    (@wire $set:path) => {
        $crate::conformance::provider_conformance! { @tests $set;
            does_not_take_an_unknown_end_for_a_good_one: UnknownFinish,
            is_overloaded: Overloaded,
            is_overloaded_midway: OverloadedMidway,
        }
    };
    (@filtered $set:path) => {
        $crate::conformance::provider_conformance! { @tests $set;
            says_that_it_was_filtered: Filtered,
        }
    };
    (@tests $set:path; $($test:ident: $scene:ident,)*) => {$(
        #[tokio::test]
        async fn $test() {
            let set = $set(Scene::$scene).await;
            cases::$test(play(&set, Scene::$scene).await);
        }
    )*};
}

pub(crate) use provider_conformance;
