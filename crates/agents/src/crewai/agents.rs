//! Agents as `agents.yaml` holds them.

use mainstay_core::{budget::Limits, model::ModelName, tool::Grants};

use super::{
    entry::Entry,
    model::{self, Llm},
    project::Reading,
};
use crate::{
    agent::Agent,
    crew::{Demand, Member, OnToolFailure, Voice},
};

/// Reads one agent.
pub(super) fn read(name: &str, entry: &mut Entry<'_>, reading: &Reading) -> Member {
    let llm = model::read(entry, "llm", &reading.models);
    let (model, most) =
        llm.map_or((None, None), |Llm { model, max_tokens }| (Some(model), max_tokens));
    let role = entry.required("role");
    let mut agent = Agent::new(name, role, entry.required("goal"));
    agent.backstory = entry.required("backstory");
    let only = reading.only_model.clone();
    agent.model = only.or(model).unwrap_or_else(|| ModelName::clone(&reading.default_model));
    agent.grants = tools(entry, reading).unwrap_or_default();
    if let Some(turns) = entry.small_number("max_iter") {
        agent.turns = turns.max(1);
    }
    if let Some(tokens) = entry.small_number("max_tokens").or(most) {
        agent.max_output_tokens = tokens;
    }
    if let Some(seconds) = entry.number("max_execution_time") {
        agent.limits = Limits { wall: Some(seconds.saturating_mul(1_000)), ..Limits::none() };
    }
    let mut member = Member::from(agent);
    if entry.says_true("allow_delegation") {
        member.voice = Voice::Delegates;
    }
    member.guardrails = guardrails(entry, "guardrail", reading);
    if let Some(retries) = entry.small_number("guardrail_max_retries") {
        member.guardrail_retries = retries;
    }
    if let Some(on) = tool_failures(entry) {
        member.on_tool_failure = on;
    }
    member
}

/// Reads the tools that a field `tools` grants.
pub(super) fn tools(entry: &mut Entry<'_>, reading: &Reading) -> Option<Grants> {
    let names = entry.texts("tools")?;
    Some(names.into_iter().map(|name| reading.tool(&name)).collect())
}

/// Reads what an answer has to pass: sentences for a model to judge, and checks in code by name.
pub(super) fn guardrails(entry: &mut Entry<'_>, field: &str, reading: &Reading) -> Vec<Demand> {
    let mut guardrails = Vec::new();
    for text in entry.texts(field).unwrap_or_default() {
        if reading.checks.contains(&text) {
            guardrails.push(Demand::Check(text));
        } else if text.trim().contains(char::is_whitespace) {
            guardrails.push(Demand::Words(text));
        } else {
            // Taken for a sentence, a misspelt name would become a demand that no answer fails.
            let problem = format!("no check `{text}` is registered, and one word is no demand");
            entry.wrong(field, problem);
        }
    }
    guardrails
}

/// Reads what becomes of a task in which a tool failed.
pub(super) fn tool_failures(entry: &mut Entry<'_>) -> Option<OnToolFailure> {
    let words = [("warn", OnToolFailure::Record), ("raise", OnToolFailure::Fail)];
    entry.word("tool_failure_policy", &words)
}
