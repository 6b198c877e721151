//! The body of a step that a worker in another process serves.

use mainstay_core::{
    code::Code,
    failure::{Failure, StepError},
};
use mainstay_engine::context::StepContext;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::values::{read, short_name};

/// Calls the worker's step, and reads what it returned.
///
/// # Errors
/// The call did not work, or what came back is no `T`.
pub async fn served<T: DeserializeOwned, E: From<StepError>>(
    cx: &StepContext,
    step: &str,
    arguments: Vec<(&str, Value)>,
) -> Result<T, E> {
    let arguments = arguments.into_iter().map(|(name, value)| (name.to_owned(), value));
    let called = cx.tool((step, Value::Object(arguments.collect()))).await;
    let answer = called.found().map_err(StepError::from)?;
    let read = answer.map_or_else(nothing, |answer| read(&answer));
    read.map_err(|problem| {
        let message = format!(
            "what the worker's step `{step}` returned does not fit `{}` {problem}",
            short_name::<T>()
        );
        StepError::from(Failure::permanent(Code::StepFailed, message)).into()
    })
}

/// `null` and an empty list are the same outcome of a call; the type says which of them is meant.
fn nothing<T: DeserializeOwned>() -> Result<T, String> {
    read(&Value::Null).or_else(|problem| read(&json!([])).map_err(|_| problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_what_the_type_calls_nothing() {
        assert_eq!(nothing::<()>(), Ok(()));
        assert_eq!(nothing::<Option<u8>>(), Ok(None));
        assert_eq!(nothing::<Vec<u8>>(), Ok(Vec::new()));
        assert!(nothing::<u8>().unwrap_err().contains("null"));
    }
}
