//! Cedar's text, read: which policies there are, what each is called and what becomes of a call.

use std::{collections::BTreeSet, fmt, thread};

use cedar_policy::{Effect, ParseErrors, Policy, PolicySet, ffi::DetailedError};
use mainstay_core::{flow::check::near, policy::Verdict};

use super::{
    measure::{self, Beyond},
    names,
};
use crate::policy::{bounded::STACK, bundle::MOST_RULES, condition::panicked};

/// What may stand before a policy.
const ANNOTATIONS: [&str; 4] = ["id", "reason", "approval", "shadow"];

const HINT: &str = "policies are Cedar over principal, resource and context; see docs/tools.md";

/// What is wrong with policies in Cedar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextError {
    /// The line, from 1; none where it is the whole text.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub hint: String,
}

impl TextError {
    /// Says what is wrong with all of it.
    pub(super) fn whole(error: &impl fmt::Display) -> Self {
        Self { line: None, message: error.to_string(), hint: HINT.to_owned() }
    }

    fn at(line: usize, message: String, hint: &str) -> Self {
        Self { line: Some(line), message, hint: hint.to_owned() }
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TextError {}

/// What a policy's annotations say, beside its effect.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    /// Where it begins, in bytes.
    pub(super) at: usize,
    pub(super) name: String,
    pub(super) verdict: Verdict,
    pub(super) reason: String,
    pub(super) shadow: bool,
}

/// A policy that was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) policy: Policy,
    pub(super) rule: Rule,
}

/// Reads policies on a thread of its own: Cedar's parser calls itself at every level.
pub(super) fn read_apart(text: &str) -> Result<Vec<Read>, TextError> {
    thread::scope(|scope| {
        let reader = thread::Builder::new().name("policy".to_owned()).stack_size(STACK);
        let reader = reader.spawn_scoped(scope, || read(text));
        let reader = reader.map_err(|error| TextError::whole(&error))?;
        reader.join().unwrap_or_else(|panic| Err(TextError::whole(&panicked(&*panic))))
    })
}

fn read(text: &str) -> Result<Vec<Read>, TextError> {
    measure::measure(text).map_err(|Beyond { at, message }| {
        TextError::at(line_of(text, at), message, "write several policies, one beside the other")
    })?;
    let set: PolicySet = text.parse().map_err(|errors| unparsed(text, &errors))?;
    // Nothing would ever fill the slots, so it would never apply.
    if let Some(template) = set.templates().next() {
        let line = line_of(text, beginning(text, &template.to_string()));
        let hint = "write the principal and the resource out";
        return Err(TextError::at(line, "a policy with slots is none".to_owned(), hint));
    }
    let mut read = Vec::new();
    for policy in set.policies() {
        let at = beginning(text, &policy.to_string());
        let rule = rule(at, policy);
        let wrong = |(message, hint): (String, &str)| {
            let named = policy.annotation("id").unwrap_or_default();
            TextError::at(line_of(text, at), format!("rule `{named}`: {message}"), hint)
        };
        read.push(Read { policy: policy.clone(), rule: rule.map_err(wrong)? });
        names::check(policy).map_err(|message| wrong((message, HINT)))?;
    }
    read.sort_by_key(|read| read.rule.at);
    together(text, &read)?;
    Ok(read)
}

/// Checks what is said of all policies together.
fn together(text: &str, read: &[Read]) -> Result<(), TextError> {
    if read.len() > MOST_RULES {
        let many = format!("{} policies, and {MOST_RULES} are the most", read.len());
        return Err(TextError::whole(&many));
    }
    let mut names = BTreeSet::new();
    let twice = read.iter().find(|read| !names.insert(read.rule.name.as_str()));
    twice.map_or(Ok(()), |Read { rule, .. }| {
        let message = format!("rule `{}`: another rule has the name too", rule.name);
        let line = line_of(text, rule.at);
        Err(TextError::at(line, message, "give each an `@id` of its own: rulings print it"))
    })
}

/// Reads what stands before a policy.
fn rule(at: usize, policy: &Policy) -> Result<Rule, (String, &'static str)> {
    let known = |name: &str| ANNOTATIONS.contains(&name);
    if let Some((name, _)) = policy.annotations().find(|(name, _)| !known(name)) {
        let near = near::hint(name, ANNOTATIONS);
        return Err((format!("there is no annotation `@{name}`; {near}"), HINT));
    }
    let name = policy.annotation("id").unwrap_or_default().to_owned();
    if name.is_empty() {
        return Err(("it has no name".to_owned(), "write `@id(\"its-name\")` before it"));
    }
    let verdict = match (policy.effect(), flag(policy, "approval")?) {
        (Effect::Permit, false) => Verdict::Permit,
        (Effect::Forbid, false) => Verdict::Deny,
        (Effect::Forbid, true) => Verdict::RequireApproval,
        (Effect::Permit, true) => {
            let hint = "write it as `@approval forbid (…)`: forbidden unless a person approves";
            return Err(("what permits needs no approval".to_owned(), hint));
        }
    };
    let reason = policy.annotation("reason").unwrap_or_default().to_owned();
    Ok(Rule { at, name, verdict, reason, shadow: flag(policy, "shadow")? })
}

/// An annotation that is there or not: `@shadow("false")` would be read in two ways.
fn flag(policy: &Policy, name: &str) -> Result<bool, (String, &'static str)> {
    match policy.annotation(name) {
        None => Ok(false),
        Some("") => Ok(true),
        Some(_) => Err((format!("`@{name}` has no value"), "say why in `@reason(\"…\")`")),
    }
}

fn unparsed(text: &str, errors: &ParseErrors) -> TextError {
    let first = DetailedError::from(errors);
    let place = first.source_locations.first().map(|label| label.loc.start);
    let line = place.map(|at| line_of(text, at));
    let label = first.source_locations.into_iter().find_map(|label| label.label);
    let message =
        label.map_or(first.message.clone(), |label| format!("{}: {label}", first.message));
    TextError { line, message, hint: first.help.unwrap_or_else(|| HINT.to_owned()) }
}

/// Returns where a policy begins. Cedar keeps the text of each as it was written.
fn beginning(text: &str, policy: &str) -> usize {
    text.find(policy).unwrap_or_default()
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}
