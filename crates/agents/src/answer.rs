//! An answer that must fit a schema: asked for, checked, and asked for again with what is wrong.

use std::sync::Arc;

use mainstay_core::{
    effects::Effects,
    failure::Failure,
    model::{
        Cost, DEFAULT_REPAIRS, ModelFailure, ModelRequest, OutputSchema, Usage, check,
        repair_request,
    },
};
use serde_json::Value;

/// Asks for a value that fits `output`. An answer that does not is sent back with what is wrong, at
/// most [`DEFAULT_REPAIRS`] times; each try is a model call of its own, reserved and journaled.
///
/// # Errors
/// The call failed, or the last answer does not fit either (`MS-4005`).
pub async fn answer(
    effects: &Arc<dyn Effects>,
    request: ModelRequest,
    output: &OutputSchema,
) -> Result<Value, Failure> {
    counted(effects, request, output).await.map(|(value, _, _)| value)
}

/// Asks like [`answer`], and says what all tries together took.
///
/// # Errors
/// Those of [`answer`].
pub(crate) async fn counted(
    effects: &Arc<dyn Effects>,
    request: ModelRequest,
    output: &OutputSchema,
) -> Result<(Value, Usage, Cost), Failure> {
    let (mut usage, mut cost) = (Usage::reported(0, 0), Cost::ZERO);
    let mut request = request.with_output(output.name.clone(), output.schema.clone());
    let schema = effects.schema();
    let mut tries = 1;
    loop {
        let reply = effects.model(request.clone()).await?;
        usage = usage.plus(&reply.usage);
        cost = cost + reply.cost.unwrap_or_default();
        match check(&reply, output, schema.as_ref()) {
            Ok(value) => return Ok((value, usage, cost)),
            Err(errors) if tries > DEFAULT_REPAIRS => {
                let failure = ModelFailure::Schema { errors, attempts: tries };
                return Err(Failure::permanent(failure.code(), failure.to_string()));
            }
            Err(errors) => request = repair_request(&request, &reply, &errors),
        }
        tries += 1;
    }
}

#[cfg(test)]
mod tests {
    use mainstay_core::{code::Code, model::Tier};
    use serde_json::json;

    use super::*;
    use crate::testing::{Fake, says};

    async fn check(
        answers: fn(usize) -> &'static str,
        expected: Result<Value, Code>,
        calls: usize,
    ) {
        let fake = Fake::new(move |request| Ok(says(answers(request.messages.len()))));
        let output = OutputSchema { name: "count".into(), schema: json!({"type": "integer"}) };
        let request = ModelRequest::new(Tier::Fast).with_user("how many?");
        let found = answer(&fake.effects(), request, &output).await;
        assert_eq!(found.map_err(|failure| failure.code), expected);
        assert_eq!(fake.requests().len(), calls);
    }

    #[tokio::test]
    async fn an_unfit_answer_is_sent_back_at_most_twice() {
        check(|_| "7", Ok(json!(7)), 1).await;
        check(|messages| if messages < 3 { "many" } else { "7" }, Ok(json!(7)), 2).await;
        check(|_| "many", Err(Code::ModelSchema), 3).await;
    }
}
