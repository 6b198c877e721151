//! A model's suggestion: one of the flows, or none, and an input that fits.

use std::sync::Arc;

use mainstay_core::{
    effects::Effects,
    failure::Failure,
    model::{OutputSchema, Temperature},
};
use serde_json::{Value, json};

use super::{By, Confidence, Intents, Routed, Target, input};
use crate::{answer::answer, prompt::Bundled};

static INTENT: Bundled = Bundled::new("intent/prompt.md", include_str!("prompt.md"));

/// What the model says when no flow fits.
const NONE: &str = "none";

/// Asks the fast tier. Nothing but a flow's name and an input for it can come of the answer; an
/// input that does not fit the flow's schema is left out.
///
/// # Errors
/// The call failed, or no answer fits.
pub(super) async fn suggest(
    effects: &Arc<dyn Effects>,
    intents: &Intents,
    text: &str,
) -> Result<Option<Routed>, Failure> {
    let flows: Vec<_> = intents.targets().iter().map(shown).collect();
    let values = [("flows", Value::from(flows)), ("request", Value::from(text))];
    let filled = INTENT.fill(values, effects.random().await)?;
    let request = filled.request().with_temperature(Temperature::ZERO);
    let said = answer(effects, request, &shape(intents.targets())).await?;
    let flow = said.get("flow").and_then(Value::as_str).unwrap_or(NONE);
    let Some(target) = intents.targets().iter().find(|target| target.flow == flow) else {
        return Ok(None);
    };
    let read = said.get("input").cloned().unwrap_or_else(|| json!({}));
    let errors = effects.schema().errors(&input::partial(&target.schema), &read);
    let read = if errors.is_empty() && read.is_object() { read } else { json!({}) };
    let input = target.complete(&read);
    Ok(Some(Routed { flow: flow.to_owned(), input, confidence: Confidence::none(), by: By::Model }))
}

fn shown(target: &Target) -> Value {
    json!({
        "name": target.flow,
        "description": target.description,
        "examples": target.intent.examples,
        "schema": target.schema.to_string(),
    })
}

fn shape(targets: &[Target]) -> OutputSchema {
    let flows = targets.iter().map(|target| target.flow.as_str()).chain([NONE]);
    OutputSchema {
        name: "intent".to_owned(),
        schema: json!({
            "type": "object",
            "properties": {
                "flow": { "enum": flows.collect::<Vec<_>>() },
                "input": { "type": "object" },
            },
            "required": ["flow", "input"],
            "additionalProperties": false,
        }),
    }
}
