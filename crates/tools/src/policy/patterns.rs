//! Patterns that the author of a condition wrote, compiled once and not for every call.
//!
//! The interpreter compiles a pattern each time it matches, which takes many times as long as all
//! else that a condition does. So `x.matches('…')` calls a function of ours, under a name that cannot
//! be written. A pattern that arguments bring is not kept: whoever asks would fill the memory.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
};

use cel::{
    Env, ExecutionError,
    common::{
        ast::{CallExpr, Expr, LiteralValue},
        types::{CelBool, CelString},
    },
};
use regex::Regex;

/// The language's function, in what is written and in what is said about it.
pub(super) const MATCHES: &str = "matches";

/// Ours in its place.
const WRITTEN: &str = "@matches";

/// At most so many patterns are kept; beyond that they are forgotten and compiled anew.
const KEPT: usize = 4_096;

static COMPILED: RwLock<BTreeMap<String, Regex>> = RwLock::new(BTreeMap::new());

/// Adds our function to the language's.
pub(super) fn add_to(env: &mut Env) {
    // It can only be there already, and nothing else has such a name.
    let _ = cel::add_member_overload!(
        env, fn matches: (CelString, CelString) -> Result<CelBool>, name = WRITTEN);
}

/// Has a call match with a kept pattern, if the condition's author wrote it.
pub(super) fn keep(call: &mut CallExpr) {
    let written = matches!(
        call.args.first().map(|pattern| &pattern.expr),
        Some(Expr::Literal(LiteralValue::String(_)))
    );
    if written && call.func_name == MATCHES && call.target.is_some() {
        call.func_name = WRITTEN.to_owned();
    }
}

/// Says what the interpreter says, under the name that was written.
pub(super) fn as_written(message: &str) -> String {
    message.replace(WRITTEN, MATCHES)
}

/// Returns whether a pattern is kept.
#[cfg(test)]
pub(super) fn is_kept(pattern: &str) -> bool {
    COMPILED.read().unwrap_or_else(PoisonError::into_inner).contains_key(pattern)
}

fn matches(text: &CelString<'_>, pattern: &CelString<'_>) -> Result<CelBool, ExecutionError> {
    let (text, pattern) = (text.inner(), pattern.inner());
    // A panic while the lock was held cannot have left a half-made entry behind.
    let kept = COMPILED.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(compiled) = kept.get(pattern) {
        return Ok(CelBool::from(compiled.is_match(text)));
    }
    drop(kept);
    let compiled = Regex::new(pattern).map_err(|error| ExecutionError::FunctionError {
        function: MATCHES.to_owned(),
        message: format!("'{pattern}' not a valid regex:\n{error}"),
    })?;
    let is_match = compiled.is_match(text);
    let mut kept = COMPILED.write().unwrap_or_else(PoisonError::into_inner);
    if kept.len() >= KEPT {
        kept.clear();
    }
    kept.insert(pattern.to_owned(), compiled);
    Ok(CelBool::from(is_match))
}
