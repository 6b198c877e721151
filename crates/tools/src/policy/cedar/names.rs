//! What policies in Cedar may name, checked before anything is asked.
//!
//! Cedar checks names against a schema, and a schema has no type for arguments that each tool
//! declares for itself. Without one it takes any name. A `forbid` on `Tol::"pay"`, or one that asks
//! `context has lable`, would then never apply, and nobody would be told.

use cedar_policy::Policy;
use mainstay_core::{
    budget::{Dimension, Measure},
    flow::check::near,
};
use serde_json::Value;

use super::facts::budget_name;

pub(super) const AGENT: &str = "Agent";
pub(super) const STEP: &str = "Step";
pub(super) const FLOW: &str = "Flow";
pub(super) const TENANT: &str = "Tenant";
pub(super) const TOOL: &str = "Tool";
pub(super) const JSON: &str = "Json";
pub(super) const ACTION: &str = "Action";

/// The one action.
pub(super) const CALL: &str = "call";

/// Types that each variable can be in, and those that it can be.
const PRINCIPAL: [&[&str]; 2] = [&[AGENT, STEP, FLOW, TENANT], &[AGENT, STEP]];
const RESOURCE: [&[&str]; 2] = [&[TOOL], &[TOOL]];
const ONE_ACTION: [&[&str]; 2] = [&[ACTION], &[ACTION]];

/// Checks a policy's names.
///
/// # Errors
/// One of them is not there, or can never be what it is held against.
pub(super) fn check(policy: &Policy) -> Result<(), String> {
    let json = policy.to_json().map_err(|error| error.to_string())?;
    for variable in ["principal", "action", "resource"] {
        scope(variable, json.get(variable).unwrap_or(&Value::Null))?;
    }
    visit(json.get("conditions").unwrap_or(&Value::Null))
}

/// Checks what stands in the parentheses.
fn scope(variable: &str, constraint: &Value) -> Result<(), String> {
    let [within, own] = types(variable);
    if let Some(kind) = constraint.get("entity_type").and_then(Value::as_str) {
        one_of(kind, own, variable)?;
    }
    let among =
        if constraint.get("op").and_then(Value::as_str) == Some("==") { own } else { within };
    let inner = constraint.get("in").and_then(|within| within.get("entity"));
    let listed = constraint.get("entities").and_then(Value::as_array);
    let entities = constraint.get("entity").into_iter().chain(listed.into_iter().flatten());
    entities.map(|entity| (entity, among)).chain(inner.map(|entity| (entity, within))).try_for_each(
        |(entity, among)| {
            literal(entity)?;
            let kind = entity.get("type").and_then(Value::as_str).unwrap_or_default();
            one_of(kind, among, variable)
        },
    )
}

/// Goes through an expression, and whatever stands around it.
fn visit(node: &Value) -> Result<(), String> {
    match node {
        Value::Array(items) => items.iter().try_for_each(visit),
        Value::Object(fields) => fields.iter().try_for_each(|(name, inner)| {
            match name.as_str() {
                "." | "has" => attribute(inner)?,
                "is" | "==" | "!=" | "in" => held_against(name, inner)?,
                "hasTag" | "getTag" => return Err("there are no tags".to_owned()),
                "__entity" => literal(inner)?,
                _ => {}
            }
            visit(inner)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// Checks an attribute that is read, or asked for, of what has a closed list of them.
fn attribute(access: &Value) -> Result<(), String> {
    let (Some(left), Some(attr)) = (access.get("left"), access.get("attr")) else { return Ok(()) };
    let Some(mut path) = path(left) else { return Ok(()) };
    // `context has plan.step` asks for several, one in the other.
    let asked = attr.as_array().map_or_else(|| vec![attr], |several| several.iter().collect());
    for name in asked.into_iter().filter_map(Value::as_str) {
        if let Some(known) = attributes(&path)
            && !known.iter().any(|known| known == name)
        {
            let near = near::hint(name, known.iter().map(String::as_str));
            return Err(format!("`{path}` has no `{name}`; {near}"));
        }
        path = format!("{path}.{name}");
    }
    Ok(())
}

/// Returns the way to a value, if it leads from a variable over attributes alone.
fn path(node: &Value) -> Option<String> {
    if let Some(variable) = node.get("Var") {
        return variable.as_str().map(str::to_owned);
    }
    let access = node.get(".")?;
    Some(format!("{}.{}", path(access.get("left")?)?, access.get("attr")?.as_str()?))
}

/// Returns the attributes of what has a closed list of them.
fn attributes(path: &str) -> Option<Vec<String>> {
    let known: &[&str] = match path {
        "principal" => &["tenant", "flow", "step", "agent"],
        "resource" => &["name", "effect", "reversible", "origin", "owner", "cost_usd_micros"],
        "action" => &[],
        "context" => &["args", "label", "budget", "plan"],
        "context.label" => &["integrity", "untrusted", "public", "readers"],
        "context.plan" => &["digest", "version", "step"],
        "context.budget" => {
            let counted = Dimension::ALL.iter().filter(|it| it.measure() != Measure::Time);
            return Some(counted.map(|dimension| budget_name(*dimension)).collect());
        }
        _ => return None,
    };
    Some(known.iter().map(|name| (*name).to_owned()).collect())
}

/// Checks that a variable can be what it is held against.
fn held_against(operator: &str, operands: &Value) -> Result<(), String> {
    let variable = |side: &str| operands.get(side)?.get("Var")?.as_str();
    let Some(variable) = variable("left").filter(|variable| *variable != "context") else {
        return Ok(());
    };
    let [within, own] = types(variable);
    if let Some(kind) = operands.get("entity_type").and_then(Value::as_str) {
        one_of(kind, own, variable)?;
    }
    let right = operands.get("right").and_then(|right| right.get("Value"));
    let entity = right.and_then(|value| value.get("__entity"));
    let Some(kind) = entity.and_then(|entity| entity.get("type")?.as_str()) else { return Ok(()) };
    one_of(kind, if operator == "in" { within } else { own }, variable)
}

fn types(variable: &str) -> [&'static [&'static str]; 2] {
    match variable {
        "principal" => PRINCIPAL,
        "resource" => RESOURCE,
        _ => ONE_ACTION,
    }
}

/// Checks an entity that is written out.
fn literal(entity: &Value) -> Result<(), String> {
    let field = |name: &str| entity.get(name).and_then(Value::as_str).unwrap_or_default();
    let (kind, id) = (field("type"), field("id"));
    one_of(kind, &[AGENT, STEP, FLOW, TENANT, TOOL, JSON, ACTION], "an entity")?;
    if kind == ACTION && id != CALL {
        return Err(format!("there is no action `{id}`; {}", near::hint(id, [CALL])));
    }
    Ok(())
}

fn one_of(kind: &str, among: &[&str], what: &str) -> Result<(), String> {
    if among.contains(&kind) {
        return Ok(());
    }
    Err(format!("{what} is never `{kind}`; {}", near::hint(kind, among.iter().copied())))
}
