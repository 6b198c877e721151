//! Answers that must fit a schema: the check, and the question that asks for a better one.
//!
//! Both are pure steps. The engine drives them, because each answer is a call of its own that is
//! reserved, journaled and paid.

use serde_json::Value;

use super::{FinishReason, Message, ModelReply, ModelRequest, OutputSchema};
use crate::schema::{SchemaCheck, SchemaError};

/// How often a model is told what does not fit, unless the author says otherwise.
pub const DEFAULT_REPAIRS: u32 = 2;

/// More errors than this confuse a model more than they help.
const MAX_ERRORS_TOLD: usize = 10;

/// Returns the answer as JSON if it fits `output`.
///
/// # Errors
/// What does not fit; never empty.
pub fn check(
    reply: &ModelReply,
    output: &OutputSchema,
    checker: &dyn SchemaCheck,
) -> Result<Value, Vec<SchemaError>> {
    let value = read(reply).map_err(|error| vec![error])?;
    let errors = checker.errors(&output.schema, &value);
    if errors.is_empty() { Ok(value) } else { Err(errors) }
}

fn read(reply: &ModelReply) -> Result<Value, SchemaError> {
    serde_json::from_str(unfenced(&reply.text)).map_err(|error| {
        SchemaError::whole(match reply.finish {
            FinishReason::Length => "the answer was cut off by the length limit".to_owned(),
            FinishReason::Filtered => "the model declined to answer".to_owned(),
            FinishReason::Stop | FinishReason::ToolCalls => format!("not JSON: {error}"),
        })
    })
}

/// Models like to wrap JSON in a Markdown fence even when asked not to; that costs no repair.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix("```json").or_else(|| text.strip_prefix("```"));
    inner.and_then(|inner| inner.strip_suffix("```")).unwrap_or(text).trim()
}

/// Returns `request` with the unfit answer and what is wrong with it at its end.
#[must_use]
pub fn repair_request(
    request: &ModelRequest,
    reply: &ModelReply,
    errors: &[SchemaError],
) -> ModelRequest {
    // An empty message is refused by some vendors; an answer of nothing is told as such.
    let said = if reply.text.is_empty() { "(no text)" } else { &reply.text };
    request.clone().with_message(Message::assistant(said, Vec::new())).with_user(complaint(errors))
}

/// Returns what a model is told about an answer that does not fit.
#[must_use]
pub fn complaint(errors: &[SchemaError]) -> String {
    let mut told: Vec<_> =
        errors.iter().take(MAX_ERRORS_TOLD).map(|error| format!("- {error}")).collect();
    if errors.len() > MAX_ERRORS_TOLD {
        told.push(format!("- and {} more", errors.len() - MAX_ERRORS_TOLD));
    }
    format!(
        "Your answer does not fit the required JSON Schema:\n{}\n\
         Answer again with the corrected JSON only, without any other text.",
        told.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{Role, Tier, Usage};

    struct WantsTopic;

    impl SchemaCheck for WantsTopic {
        fn errors(&self, _: &Value, value: &Value) -> Vec<SchemaError> {
            match value.get("topic") {
                Some(_) => Vec::new(),
                None => vec![SchemaError::whole("`topic` is required")],
            }
        }
    }

    fn reply(text: &str, finish: FinishReason) -> ModelReply {
        ModelReply {
            model: "m".into(),
            text: text.into(),
            tool_calls: Vec::new(),
            reasoning: None,
            json: None,
            usage: Usage::default(),
            finish,
            cost: None,
        }
    }

    fn checked(text: &str, finish: FinishReason) -> Result<Value, String> {
        let output = OutputSchema { name: "intent".into(), schema: json!({}) };
        check(&reply(text, finish), &output, &WantsTopic)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn json_is_read_with_or_without_a_fence() {
        let wanted = Ok(json!({"topic": "return"}));
        assert_eq!(checked(r#" {"topic":"return"} "#, FinishReason::Stop), wanted);
        assert_eq!(checked("```json\n{\"topic\":\"return\"}\n```", FinishReason::Stop), wanted);
    }

    #[test]
    fn each_way_of_not_fitting_is_told_apart() {
        assert_eq!(checked("{}", FinishReason::Stop), Err("at /: `topic` is required".into()));
        assert!(checked("Sure! {", FinishReason::Stop).unwrap_err().contains("not JSON"));
        assert!(checked("{\"topic\"", FinishReason::Length).unwrap_err().contains("cut off"));
        assert!(checked("", FinishReason::Filtered).unwrap_err().contains("declined"));
    }

    #[test]
    fn the_repair_shows_the_answer_and_what_is_wrong_with_it() {
        let request = ModelRequest::new(Tier::Fast).with_user("classify");
        let errors: Vec<_> = (0..12).map(|i| SchemaError::whole(format!("wrong {i}"))).collect();
        let repaired = repair_request(&request, &reply("{}", FinishReason::Stop), &errors);
        assert_eq!(repaired.messages.len(), 3);
        assert_eq!(
            (repaired.messages[1].role, repaired.messages[1].text()),
            (Role::Assistant, "{}".into())
        );
        let complaint = repaired.messages[2].text();
        assert!(complaint.contains("wrong 9") && !complaint.contains("wrong 10"), "{complaint}");
        assert!(complaint.contains("and 2 more"), "{complaint}");
    }
}
