//! Asks a real model, over a real socket, and checks the structure of what comes back: streaming,
//! schema, tool calls, limits, usage, disconnects. Not its judgement.
//!
//! `tools/tiny-model/with.sh cargo run -p mainstay-providers --example real_model`
//!
//! The address comes from `OPENAI_BASE_URL`, the model from the first argument (`smollm2` when
//! absent). The last line is `figure real_model_checks=N checks`; a check that fails ends it.
#![expect(clippy::print_stdout, reason = "a program that people and scripts read")]

use std::{
    error::Error,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use mainstay_core::{
    model::{
        CallContext, FinishReason, Message, ModelFailure, ModelReply, ModelRequest, Provider,
        StreamEvent, StreamSink, Temperature, Tier, ToolChoice, ToolOffer, ToolResult, UsageSource,
        check,
    },
    port::Clock,
    schema::{SchemaCheck, SchemaError},
    time::Timestamp,
};
use mainstay_providers::vendor::{Endpoint, Vendor};
use serde_json::{Value, json};

type Outcome = Result<String, Box<dyn Error>>;

struct Waiting;

#[async_trait]
impl Clock for Waiting {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(0)
    }

    fn boot(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

#[derive(Default)]
struct Pieces(Mutex<Vec<StreamEvent>>);

impl StreamSink for Pieces {
    fn event(&self, event: StreamEvent) {
        if let Ok(mut pieces) = self.0.lock() {
            pieces.push(event);
        }
    }
}

impl Pieces {
    fn texts(&self) -> Vec<String> {
        self.pick(|event| {
            let StreamEvent::TextDelta { text } = event else { return None };
            Some(text.clone())
        })
    }

    fn arguments(&self) -> Vec<String> {
        self.pick(|event| {
            let StreamEvent::ToolCallDelta { arguments, .. } = event else { return None };
            Some(arguments.clone())
        })
    }

    fn pick(&self, choose: impl Fn(&StreamEvent) -> Option<String>) -> Vec<String> {
        self.0.lock().map(|pieces| pieces.iter().filter_map(choose).collect()).unwrap_or_default()
    }
}

struct Checker;

impl SchemaCheck for Checker {
    fn errors(&self, schema: &Value, value: &Value) -> Vec<SchemaError> {
        let validator = match jsonschema::validator_for(schema) {
            Ok(validator) => validator,
            Err(error) => return vec![SchemaError::whole(error.to_string())],
        };
        let errors = validator.iter_errors(value).map(|error| SchemaError {
            path: error.instance_path().to_string(),
            message: error.to_string(),
        });
        errors.collect()
    }
}

struct Bench {
    vendor: Vendor,
    model: String,
}

impl Bench {
    async fn ask(&self, request: &ModelRequest) -> (Result<ModelReply, ModelFailure>, Pieces) {
        self.ask_as(&self.model, request, None).await
    }

    async fn ask_as(
        &self,
        name: &str,
        request: &ModelRequest,
        deadline: Option<Duration>,
    ) -> (Result<ModelReply, ModelFailure>, Pieces) {
        let pieces = Pieces::default();
        let context = CallContext::new("real-model", Arc::new(Waiting));
        let context = CallContext { deadline, ..context };
        let outcome = match format!("openai:{name}").parse() {
            Ok(model) => self.vendor.call(&model, request, &context, &pieces).await,
            Err(_) => Err(ModelFailure::Unknown { model: Tier::Fast.into() }),
        };
        (outcome, pieces)
    }

    async fn text_streams(&self) -> Outcome {
        let request = question("Say one sentence about parcels.");
        let (reply, pieces) = self.ask(&request).await;
        let reply = reply?;
        let texts = pieces.texts();
        ensure(texts.len() > 2, format!("{} pieces", texts.len()))?;
        ensure(texts.concat() == reply.text, "the pieces are not the answer")?;
        ensure(!reply.text.trim().is_empty(), "the answer is empty")?;
        Ok(format!("{} pieces: {:?}", texts.len(), reply.text.trim()))
    }

    async fn usage_is_reported_and_was_reserved(&self) -> Outcome {
        let model = format!("openai:{}", self.model).parse()?;
        let mut seen = Vec::new();
        for request in
            [question("Hi"), question(&"Wo ist mein Päckchen? ".repeat(40)), with_tools()]
        {
            let reserved = self.vendor.count_input(&model, &request);
            let usage = self.ask(&request).await.0?.usage;
            ensure(usage.source == UsageSource::Reported, "no usage")?;
            ensure(usage.input_tokens <= reserved, format!("{usage:?}, reserved {reserved}"))?;
            ensure(usage.output_tokens <= u64::from(request.max_output_tokens), "too long")?;
            seen.push(format!("{} of {reserved}", usage.input_tokens));
        }
        Ok(format!("input tokens: {}", seen.join(", ")))
    }

    async fn an_answer_fits_its_schema(&self) -> Outcome {
        let request = question("I want to send back order 4711, it is broken.")
            .with_output("intent", intent_schema())
            .with_max_output_tokens(120);
        let output = request.output.clone().ok_or("no schema")?;
        let reply = self.ask(&request).await.0?;
        let value = check(&reply, &output, &Checker).map_err(|errors| format!("{errors:?}"))?;
        Ok(value.to_string())
    }

    async fn a_demanded_tool_is_called_in_pieces(&self) -> Outcome {
        let request = with_tools().with_tool_choice(ToolChoice::Tool("find_order".into()));
        let (reply, pieces) = self.ask(&request).await;
        let reply = reply?;
        ensure(reply.finish == FinishReason::ToolCalls, format!("{:?}", reply.finish))?;
        let call = reply.tool_calls.first().ok_or("no call")?;
        let wrong = Checker.errors(&order_schema(), &call.arguments);
        ensure(call.name == "find_order" && wrong.is_empty(), format!("{call:?} {wrong:?}"))?;
        ensure(pieces.arguments().len() > 2, "the arguments came at once")?;
        Ok(format!("{} with {}, {} pieces", call.name, call.arguments, pieces.arguments().len()))
    }

    async fn some_tool_is_called_if_one_is_required(&self) -> Outcome {
        let reply = self.ask(&with_tools().with_tool_choice(ToolChoice::Required)).await.0?;
        let call = reply.tool_calls.first().ok_or("no call")?;
        ensure(["find_order", "refund"].contains(&call.name.as_str()), &call.name)?;
        Ok(format!("{} with {}", call.name, call.arguments))
    }

    async fn a_tool_result_is_understood_as_part_of_the_conversation(&self) -> Outcome {
        let request = with_tools().with_tool_choice(ToolChoice::Required);
        let calls = self.ask(&request).await.0?.tool_calls;
        let results = calls.iter().map(|call| ToolResult {
            call_id: call.id.clone(),
            name: call.name.clone(),
            content: "The order left on Monday.".into(),
            is_error: false,
        });
        let results = Message::tool_results(results.collect());
        let next = request.with_message(Message::assistant("", calls)).with_message(results);
        let reply = self.ask(&next.with_tool_choice(ToolChoice::Never)).await.0?;
        ensure(reply.tool_calls.is_empty() && !reply.text.is_empty(), "no text")?;
        Ok(format!("{:?}", reply.text.trim()))
    }

    async fn the_limit_cuts_and_says_so(&self) -> Outcome {
        let request = question("Tell a long story.").with_max_output_tokens(5);
        let reply = self.ask(&request).await.0?;
        ensure(reply.finish == FinishReason::Length, format!("{:?}", reply.finish))?;
        ensure(reply.usage.output_tokens <= 5, format!("{:?}", reply.usage))?;
        Ok(format!("{:?}", reply.text))
    }

    async fn zero_temperature_says_the_same_twice(&self) -> Outcome {
        let request = question("Name a colour.");
        let (first, second) = (self.ask(&request).await.0?, self.ask(&request).await.0?);
        ensure(first.text == second.text, format!("{:?} / {:?}", first.text, second.text))?;
        Ok(format!("{:?}", first.text.trim()))
    }

    async fn a_caller_that_gives_up_leaves_the_model_usable(&self) -> Outcome {
        let long = question("Tell a very long story.").with_max_output_tokens(1_000);
        let deadline = Duration::from_millis(300);
        let outcome = self.ask_as(&self.model, &long, Some(deadline)).await.0;
        ensure(outcome == Err(ModelFailure::TimedOut { after: deadline }), format!("{outcome:?}"))?;
        let next = self.ask(&question("Hi").with_max_output_tokens(5)).await.0?;
        Ok(format!("then {:?}", next.text))
    }

    async fn a_server_that_hangs_up_gave_no_answer(&self) -> Outcome {
        let name = format!("{}+hangup", self.model);
        let (outcome, pieces) = self.ask_as(&name, &question("Tell a story."), None).await;
        ensure(outcome == Err(ModelFailure::Truncated), format!("{outcome:?}"))?;
        ensure(!pieces.texts().is_empty(), "nothing was seen")?;
        Ok(format!("after {:?}", pieces.texts().concat()))
    }

    async fn an_unknown_model_is_refused(&self) -> Outcome {
        let outcome = self.ask_as("no-such-model", &question("Hi"), None).await.0;
        match outcome {
            Err(failure @ ModelFailure::Refused { status: 404, .. }) => Ok(failure.to_string()),
            other => Err(format!("{other:?}").into()),
        }
    }
}

fn question(text: &str) -> ModelRequest {
    ModelRequest::new(Tier::Fast)
        .with_system("You help the customers of a shop. Be brief.")
        .with_user(text)
        .with_temperature(Temperature::ZERO)
        .with_seed(7)
        .with_max_output_tokens(60)
}

fn intent_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "topic": {"enum": ["return", "exchange", "cancel", "question"]},
            "order": {"type": "integer"},
            "urgent": {"type": "boolean"},
        },
        "required": ["topic", "order", "urgent"],
        "additionalProperties": false,
    })
}

fn order_schema() -> Value {
    json!({
        "type": "object",
        "properties": {"order": {"type": "integer"}},
        "required": ["order"],
        "additionalProperties": false,
    })
}

fn with_tools() -> ModelRequest {
    let offer = |name: &str, description: &str| ToolOffer {
        name: name.into(),
        description: description.into(),
        schema: order_schema().into(),
    };
    question("Where is my order 4711?")
        .with_tool(offer("find_order", "Looks up an order by its number."))
        .with_tool(offer("refund", "Refunds an order."))
}

fn ensure(holds: bool, otherwise: impl Into<String>) -> Result<(), Box<dyn Error>> {
    if holds { Ok(()) } else { Err(otherwise.into().into()) }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    #[expect(clippy::disallowed_methods, reason = "an example is its own facade")]
    let url = std::env::var("OPENAI_BASE_URL").map_err(|_| "OPENAI_BASE_URL is not set")?;
    let model = std::env::args().nth(1).unwrap_or_else(|| "smollm2".to_owned());
    let bench = Bench { vendor: Vendor::openai(Endpoint::new(&url)?)?, model };
    let mut checks = 0;
    macro_rules! run {
        ($($check:ident),* $(,)?) => {$(
            let seen = bench.$check().await.map_err(|error| format!("{}: {error}", stringify!($check)))?;
            println!("ok {:<55} {seen}", stringify!($check).replace('_', " "));
            checks += 1;
        )*};
    }
    run! {
        text_streams,
        usage_is_reported_and_was_reserved,
        an_answer_fits_its_schema,
        a_demanded_tool_is_called_in_pieces,
        some_tool_is_called_if_one_is_required,
        a_tool_result_is_understood_as_part_of_the_conversation,
        the_limit_cuts_and_says_so,
        zero_temperature_says_the_same_twice,
        a_caller_that_gives_up_leaves_the_model_usable,
        a_server_that_hangs_up_gave_no_answer,
        an_unknown_model_is_refused,
    }
    println!("figure real_model_checks={checks} checks");
    Ok(())
}
