//! Checks a plan against the tools that are there, what is granted and what is left.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    budget::Limits,
    code::Code,
    schema::SchemaCheck,
    tool::{
        Grants, ToolSpec,
        gate::{MOST_BYTES, MOST_LEVELS, is_larger, nests_deeper},
    },
};

use super::{
    Extraction, Plan, PlanFault, PlanFaults, PlanStep, PlannedEffect, cost,
    cycle::{References, cyclic},
    holes,
    slot::{INPUT, below, slots},
    worst_case,
};

/// What a plan is checked against.
pub struct Ground<'a> {
    /// The tools that are there.
    pub tools: &'a [ToolSpec],
    /// Those of them that may be called.
    pub grants: &'a Grants,
    /// What is left to use.
    pub left: &'a Limits,
    /// What reading a value out of a text may use.
    pub extraction: &'a Extraction,
    /// Checks values against JSON Schema.
    pub schema: &'a dyn SchemaCheck,
}

/// Checks a plan and returns it with the full name of each tool.
///
/// # Errors
/// Everything that is wrong with it, in the order of its steps.
pub fn check(plan: &Plan, ground: &Ground<'_>) -> Result<Plan, PlanFaults> {
    let references = references(plan);
    let cycles = cyclic(&references);
    let mut found = Vec::new();
    let mut named = plan.clone();
    for (at, step) in named.steps.iter_mut().enumerate() {
        let mut faults = slot_faults(plan, at, &cycles);
        match find(&step.tool, ground) {
            Ok(spec) => {
                step.tool.clone_from(&spec.name);
                faults.extend(against_spec(step, at, spec, ground));
            }
            Err(message) => {
                faults.push(PlanFault::at(Code::PlanTool, format!("/steps/{at}/tool"), message));
            }
        }
        found.extend(faults.into_iter().map(|fault| fault.of_step(&step.id)));
    }
    found.extend(cost::beyond(&worst_case(plan, ground.extraction), ground.left));
    PlanFaults::unless_none(found)?;
    Ok(named)
}

/// Finds a tool by its full name, or by the part after the server's where only one has it.
fn find<'a>(name: &str, ground: &Ground<'a>) -> Result<&'a ToolSpec, String> {
    let bare = |spec: &&ToolSpec| spec.name.rsplit_once('.').is_some_and(|(_, bare)| bare == name);
    let exact = ground.tools.iter().find(|spec| spec.name == name);
    let named: Vec<_> = match exact {
        Some(spec) => vec![spec],
        None => ground.tools.iter().filter(bare).collect(),
    };
    match *named.as_slice() {
        [] => Err(format!("there is no tool `{name}`")),
        [spec] if ground.grants.allow(&spec.name) => Ok(spec),
        [spec] => Err(format!("`{}` is not granted", spec.name)),
        [..] => {
            let names: Vec<_> = named.iter().map(|spec| format!("`{}`", spec.name)).collect();
            Err(format!("`{name}` could be {}: write one of them", names.join(" or ")))
        }
    }
}

fn references(plan: &Plan) -> References<'_> {
    let ids: BTreeSet<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    let named = |step: &PlanStep| {
        let slots = slots(&step.args).into_iter().filter_map(|(_, slot)| slot.ok());
        let named: BTreeSet<String> = slots.map(|slot| slot.from).collect();
        ids.iter().copied().filter(|id| named.contains(*id)).collect()
    };
    plan.steps.iter().map(|step| (step.id.as_str(), named(step))).collect::<BTreeMap<_, _>>()
}

fn slot_faults(plan: &Plan, at: usize, cycles: &BTreeSet<&str>) -> Vec<PlanFault> {
    let Some(step) = plan.steps.get(at) else { return Vec::new() };
    let args = format!("/steps/{at}/args");
    let place = |id: &str| plan.steps.iter().position(|step| step.id == id);
    let wrong = slots(&step.args).into_iter().filter_map(|(path, slot)| {
        let (code, message) = match slot {
            Err(why) => (Code::PlanSlot, why),
            Ok(slot) if slot.from == INPUT => return None,
            Ok(slot) => match place(&slot.from) {
                Some(earlier) if earlier < at => return None,
                Some(_) if cycles.contains(step.id.as_str()) => {
                    let why = format!("it waits for `{}`, which waits for it: a cycle", slot.from);
                    (Code::PlanCycle, why)
                }
                Some(_) => (Code::PlanSlot, format!("`{}` comes later", slot.from)),
                None => (Code::PlanSlot, format!("there is no step `{}`", slot.from)),
            },
        };
        Some(PlanFault::at(code, format!("{args}{path}"), message))
    });
    wrong.collect()
}

fn against_spec(
    step: &PlanStep,
    at: usize,
    spec: &ToolSpec,
    ground: &Ground<'_>,
) -> Vec<PlanFault> {
    let declared = PlannedEffect::from(&spec.effect);
    let looser = step.effect.filter(|planned| *planned < declared).map(|planned| {
        let message = format!("`{}` is {declared}; a plan may not make it {planned}", spec.name);
        PlanFault::at(Code::PlanEffect, format!("/steps/{at}/effect"), message)
    });
    let args = format!("/steps/{at}/args");
    let arguments: Vec<_> = if let Some(why) = too_much(&step.args) {
        vec![PlanFault::at(Code::PlanArguments, args, why)]
    } else {
        let errors = holes::errors(ground.schema, spec, &step.args).into_iter();
        let fault =
            |error| PlanFault::at(Code::PlanArguments, holes::place(at, &error), error.message);
        errors.map(fault).collect()
    };
    let unsound = step.extract.as_ref().and_then(|extract| unsound(&extract.schema, ground.schema));
    let path = below(&format!("/steps/{at}/extract"), "schema");
    let unsound = unsound.map(|why| PlanFault::at(Code::PlanInvalid, path, why));
    looser.into_iter().chain(arguments).chain(unsound).collect()
}

fn too_much(args: &Value) -> Option<String> {
    if nests_deeper(args, MOST_LEVELS) {
        return Some(format!("nests deeper than {MOST_LEVELS} levels"));
    }
    is_larger(args, MOST_BYTES).then(|| format!("is larger than {MOST_BYTES} bytes"))
}

/// Nothing fits an unsound schema, not even beside one that takes all.
fn unsound(schema: &Value, check: &dyn SchemaCheck) -> Option<String> {
    let named = schema.get("$defs").cloned().unwrap_or_else(|| json!({}));
    let either = json!({ "$defs": named, "anyOf": [true, schema] });
    check.errors(&either, &Value::Null).into_iter().next().map(|error| error.message)
}
