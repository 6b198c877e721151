//! A client for the protocol's official conformance suite, which starts it with the address of a
//! server: it opens the server as a program does and calls every tool once.
//!
//! `tools/mcp/conformance.sh` runs the suite.

use std::{collections::BTreeMap, process::ExitCode, sync::Arc, time::Duration};

use async_trait::async_trait;
use mainstay_core::{
    digest::Digest,
    id::RunId,
    port::Clock,
    secret::{Secret, SecretRef, Secrets},
    time::Timestamp,
    tool::{InputGiven, InputWanted, ToolCall, ToolSpec, input::InputQuestion},
};
use mainstay_tools::{
    http::HttpClient,
    transport::mcp::{Person, Pins, Reach, Server, Settings, Surroundings},
};
use serde_json::{Map, Value, json};

type Failed = Box<dyn std::error::Error + Send + Sync>;

struct TokioClock(tokio::time::Instant);

#[async_trait]
impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(0).after(self.0.elapsed())
    }

    fn boot(&self) -> Duration {
        self.0.elapsed()
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

/// The suite's servers want none but in its scenarios for authorization.
struct NoSecrets;

#[async_trait]
impl Secrets for NoSecrets {
    async fn resolve(&self, _reference: &SecretRef) -> Result<Secret, String> {
        Err("there are no secrets here".to_owned())
    }
}

/// Stands for a person who leaves every field as it was filled in.
struct Defaults;

#[async_trait]
impl Person for Defaults {
    async fn answer(&self, _server: &str, question: &InputQuestion) -> Option<Value> {
        let fields = question.schema.get("properties")?.as_object()?;
        let filled = fields
            .iter()
            .filter_map(|(name, field)| Some((name.clone(), field.get("default")?.clone())));
        Some(Value::Object(filled.collect()))
    }
}

/// Answers what a server of the newer generation asks, as the engine does after a review.
async fn answered(wanted: InputWanted) -> InputGiven {
    let mut answers = BTreeMap::new();
    for (name, question) in &wanted.questions.0 {
        let answer = Defaults.answer("suite", question).await;
        answers.insert(name.clone(), answer.unwrap_or_default());
    }
    InputGiven { wanted, answers: Some(answers) }
}

/// Fills in what a schema requires.
fn arguments(spec: &ToolSpec) -> Value {
    let fields = spec.input_schema.get("properties").and_then(Value::as_object);
    let filled = fields.into_iter().flatten().map(|(name, field)| {
        let value = match field.get("type").and_then(Value::as_str) {
            Some("number" | "integer") => json!(5),
            Some("boolean") => json!(true),
            Some("array") => json!([]),
            Some("object") => json!({}),
            _ => json!("text"),
        };
        (name.clone(), value)
    });
    Value::Object(filled.collect::<Map<_, _>>())
}

fn call(arguments: Value, clock: &dyn Clock) -> Result<ToolCall, Failed> {
    let position: mainstay_core::effect::EffectPosition = "suite#1:0".parse()?;
    Ok(ToolCall {
        arguments,
        key: position.key(Digest::of(b"suite")),
        attempt: 1,
        deadline: clock.now().after(Duration::from_secs(25)),
        run_id: RunId::new(clock.now(), [0; 10]),
        position,
        input: None,
    })
}

async fn run(url: String) -> Result<(), Failed> {
    let secrets: Arc<dyn Secrets> = Arc::new(NoSecrets);
    let clock: Arc<dyn Clock> = Arc::new(TokioClock(tokio::time::Instant::now()));
    let around = Surroundings {
        clock: Arc::clone(&clock),
        door: Arc::new(HttpClient::new(Arc::clone(&secrets))),
        secrets,
        pins: Arc::new(Pins::in_memory()),
        person: Some(Arc::new(Defaults)),
    };
    let reach = Reach::Url { url, headers: BTreeMap::new() };
    let opened = Server::new(Settings::new("suite", reach), around).open().await?;
    for tool in opened.tools {
        let arguments = arguments(tool.spec());
        let mut made = call(arguments, &*clock)?;
        while let Err(failure) = tool.call(made.clone()).await {
            made.input =
                Some(answered(*failure.wants.ok_or_else(|| failure.message.clone())?).await);
        }
    }
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(url) = std::env::args().next_back() else { return ExitCode::from(2) };
    match run(url).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The suite shows what a client writes here.
            drop(std::io::Write::write_all(
                &mut std::io::stderr(),
                format!("{error}\n").as_bytes(),
            ));
            ExitCode::FAILURE
        }
    }
}
