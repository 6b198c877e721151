//! A program whose flow reaches everything that can be given a secret: an interface over HTTP, two MCP
//! servers, a worker in another process and a model vendor, from a step's own code and from an agent.
//! The tests point it to servers that tell their secrets back.
//!
//! ```console
//! $ cargo run -p mainstay --example errand -- flows show errand
//! ```

use std::{process::ExitCode, time::Duration};

use mainstay::{ToolSet, prelude::*};
use mainstay_core::{
    model::{CachePolicy, ModelId},
    secret::Secret,
};
use serde_json::json;

/// What the agent may call.
const TOOLS: [&str; 4] = ["crm.act", "own.act", "web.act", "shop.act"];

/// The vendor's models that fail, each in its own way, and one whose answer is kept.
const MODELS: [&str; 8] = ["refuse", "page", "kind", "midway", "piece", "finish", "kept", "kept"];

/// Falls over with a secret in its hands.
#[tool(effect = read)]
async fn stumble(cx: &ToolContext) -> Result<u32, ToolFailure> {
    let secret = cx.resource::<Secret>()?;
    #[expect(clippy::panic, reason = "what is told of a panic is what this is about")]
    {
        panic!("I stumbled with {secret:?}")
    }
}

/// An errand.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Errand {}

/// Asks everybody, and puts down what they say.
#[flow(name = "errand", version = 1)]
impl Errand {
    #[start(grants = ["crm.act", "own.act", "web.act", "shop.act", stumble])]
    async fn by_code(&self, cx: &StepContext) -> Result<Vec<String>> {
        let mut said = Vec::new();
        for (tool, how) in [
            ("crm.act", "value"),
            ("crm.act", "refuse"),
            ("own.act", "processes"),
            ("own.act", "structured"),
            // Not while anybody else waits for an answer of it.
            ("own.act", "die"),
            ("web.act", "error"),
            ("shop.act", "value"),
            ("shop.act", "fail"),
        ] {
            said.push(match cx.tool((tool, json!({"how": how}))).await.required() {
                Ok(value) => value.to_string(),
                Err(failure) => failure.to_string(),
            });
        }
        said.extend(cx.tool(stumble::with()).await.required().err().map(|error| error.to_string()));
        Ok(said)
    }

    #[listen(by_code)]
    async fn by_model(&self, cx: &StepContext, said: &Vec<String>) -> Result<Vec<String>> {
        let mut said = said.clone();
        for model in MODELS {
            let model: ModelId = format!("lab:{model}").parse()?;
            let request = ModelRequest::new(model).with_user("Say it.");
            let request = request.with_cache(CachePolicy::new(Duration::from_hours(1)));
            said.push(match cx.model(request).await {
                Ok(reply) => reply.text,
                Err(failure) => failure.to_string(),
            });
        }
        Ok(said)
    }

    #[listen(by_model, grants = ["crm.act", "own.act", "web.act", "shop.act"])]
    #[finish]
    async fn by_agent(&self, cx: &StepContext, said: &Vec<String>) -> Result<Vec<String>> {
        let model: ModelId = "lab:agent".parse()?;
        let runner = Agent::new("runner", "a runner", "run the errand")
            .with_model(model)
            .with_grants(Grants::from_iter(TOOLS));
        let answer = cx.agent(&runner, Assignment::of("Ask everybody.")).await?.text;
        Ok([said.clone(), vec![answer]].concat())
    }
}

#[expect(clippy::disallowed_methods, reason = "given to a tool that falls over with it")]
fn main() -> ExitCode {
    mainstay::App::new()
        .about("Runs an errand")
        .flow::<Errand>()
        .tools(ToolSet::new().native::<stumble>())
        .resource(Secret::new(std::env::var("STUMBLE").unwrap_or_default()))
        .main()
}
