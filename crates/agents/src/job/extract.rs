//! A typed value out of a text that nobody vouches for.
//!
//! The model that reads it has no tools and a bounded answer of a given shape. What it says is
//! checked against the text: a text or number that stands nowhere in it was made up, or put there
//! by somebody who could not write into the text.

use std::{collections::BTreeSet, sync::Arc};

use mainstay_core::{
    code::Code,
    effects::Effects,
    failure::Failure,
    model::{ModelName, ModelRequest, OutputSchema, ToolChoice},
    plan::Extract,
};
use serde_json::Value;

use crate::{answer::answer, mark::Mark};

/// The longest text that is read, in bytes. A longer one is refused: a part of it is another text.
pub(super) const LONGEST: usize = 8 << 10;

/// The most tokens of one try: a token has at least a byte, and the prompt is short.
pub(super) const MOST_INPUT: u64 = 10_000;

/// The longest answer, in tokens.
pub(super) const MOST_OUTPUT: u32 = 512;

/// Reads a value out of what a tool returned.
///
/// # Errors
/// It cannot be read (`MS-2210`), or the model cannot be asked. No error holds any of the text.
pub(super) async fn extract(
    effects: &Arc<dyn Effects>,
    model: &ModelName,
    extract: &Extract,
    result: &Value,
) -> Result<Value, Failure> {
    let text = result.as_str().map_or_else(|| result.to_string(), str::to_owned);
    if text.len() > LONGEST {
        return Err(failed(format!("the text is longer than {LONGEST} bytes")));
    }
    let mark = Mark::new(effects.random().await);
    let system = format!(
        "Read one value out of a text. Answer with the value alone, as JSON of the given schema; \
         take texts and numbers over as they stand there. {}",
        mark.instruction()
    );
    let request = ModelRequest::new(model.clone())
        .with_system(system)
        .with_user(format!("Wanted: {}\n\n{}", extract.ask, mark.span("text", &text)))
        .with_tool_choice(ToolChoice::Never)
        .with_max_output_tokens(MOST_OUTPUT);
    let output = OutputSchema { name: "value".to_owned(), schema: extract.schema.clone() };
    let value = answer(effects, request, &output).await.map_err(|failure| {
        if failure.code == Code::ModelSchema {
            return failed("no answer fits the schema".to_owned());
        }
        failure
    })?;
    if stands_in(&value, &text, &named(&extract.schema)) {
        return Ok(value);
    }
    Err(failed("the answer holds something that stands nowhere in the text".to_owned()))
}

fn failed(why: String) -> Failure {
    Failure::permanent(Code::ExtractFailed, why)
}

/// The texts that a schema itself names, by `enum` and `const`.
fn named(schema: &Value) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let mut open = vec![schema];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(rules) => {
                let listed = rules.get("enum").and_then(Value::as_array).into_iter().flatten();
                found.extend(listed.chain(rules.get("const")).filter_map(Value::as_str));
                open.extend(rules.values());
            }
            Value::Array(items) => open.extend(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    found
}

fn stands_in(value: &Value, text: &str, named: &BTreeSet<&str>) -> bool {
    match value {
        Value::Null | Value::Bool(_) => true,
        Value::Number(number) => holds_number(text, &number.to_string()),
        Value::String(string) => named.contains(string.as_str()) || text.contains(string.as_str()),
        Value::Array(items) => items.iter().all(|item| stands_in(item, text, named)),
        Value::Object(fields) => fields.values().all(|field| stands_in(field, text, named)),
    }
}

/// A number stands in a text as a whole: `12` does not stand in `1234`.
fn holds_number(text: &str, number: &str) -> bool {
    text.match_indices(number).any(|(at, found)| {
        let (before, after) = (text.get(..at), text.get(at + found.len()..));
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        !digit(before.and_then(|text| text.chars().next_back()))
            && !digit(after.and_then(|text| text.chars().next()))
    })
}

#[cfg(test)]
mod tests {
    use mainstay_core::model::Tier;
    use serde_json::json;

    use super::*;
    use crate::testing::{Fake, says};

    async fn check(said: &'static str, schema: Value, expected: Result<Value, Code>) {
        let fake = Fake::new(move |request| {
            assert!(request.tools.is_empty() && request.tool_choice == ToolChoice::Never);
            Ok(says(said))
        });
        let wanted = Extract { ask: "the total".to_owned(), schema };
        let text = json!("Total: 1234 EUR to DE44 5001 0517");
        let found = extract(&fake.effects(), &Tier::Fast.into(), &wanted, &text).await;
        assert_eq!(found.map_err(|failure| failure.code), expected, "{said}");
    }

    #[tokio::test]
    async fn what_stands_in_the_text_is_read_and_what_does_not_is_refused() {
        let number = || json!({"type": "integer"});
        let text = || json!({"type": "string"});
        check("1234", number(), Ok(json!(1234))).await;
        check("12", number(), Err(Code::ExtractFailed)).await;
        check("\"DE44 5001 0517\"", text(), Ok(json!("DE44 5001 0517"))).await;
        check("\"DE00 0000 0000\"", text(), Err(Code::ExtractFailed)).await;
        check("I will not", text(), Err(Code::ExtractFailed)).await;
        check("true", json!({"type": "boolean"}), Ok(json!(true))).await;
        let currency = json!({"enum": ["euro", "dollar"]});
        check("\"euro\"", currency.clone(), Ok(json!("euro"))).await;
        check("\"yen\"", currency, Err(Code::ExtractFailed)).await;
    }

    #[tokio::test]
    async fn a_text_that_is_too_long_is_not_cut_and_nobody_is_asked() {
        let fake = Fake::new(|_| Ok(says("1")));
        let wanted = Extract { ask: "?".to_owned(), schema: json!({"type": "integer"}) };
        let text = json!("1".repeat(LONGEST + 1));
        let found = extract(&fake.effects(), &Tier::Fast.into(), &wanted, &text).await;
        assert_eq!((found.unwrap_err().code, fake.requests().len()), (Code::ExtractFailed, 0));
    }
}
