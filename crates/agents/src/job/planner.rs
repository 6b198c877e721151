//! The planner: asked before anything was read, and again with nothing but typed facts.

use std::sync::Arc;

use mainstay_core::{
    effects::Effects,
    failure::Failure,
    model::{Message, ModelName, ModelRequest, OutputSchema, ToolChoice},
    plan::{MOST_STEPS, PlanFaults, PlannedEffect},
    tool::ToolSpec,
};
use serde_json::{Map, Value, json};

use crate::{answer::answer, mark::Mark};

use super::{Brief, Commitment, Fact};

/// The longest plan, in tokens.
const MOST_OUTPUT: u32 = 4_096;

const RULES: &str = "You plan a job that a program then carries out exactly as planned, step by \
    step, without you. Answer with the steps alone. Each step calls one tool of the list by its \
    full name. Where an argument is not known yet, put the slot {\"$from\": STEP, \"path\": POINTER} \
    in its place: the value at a JSON pointer in the output of an EARLIER step, or of `input`. \
    `expect` says what the outcome should be: `found`, `empty`, `/pointer`, `/pointer = JSON`, or \
    words. `extract` has one typed value read out of a text that a tool returns; the value then is \
    the step's output.";

/// A revision's ground: what stays, and what went wrong.
pub(super) struct Ground<'a> {
    pub(super) last: &'a Commitment,
    pub(super) finished: &'a [String],
    pub(super) facts: &'a [Fact],
}

/// Asks for steps that `accept` takes. Steps that are not sound are sent back once with what is
/// wrong.
///
/// # Errors
/// There is no sound plan, or the planner cannot be asked.
pub(super) async fn propose<T>(
    effects: &Arc<dyn Effects>,
    planner: &ModelName,
    brief: &Brief,
    ground: Option<Ground<'_>>,
    accept: impl Fn(&Value) -> Result<T, PlanFaults>,
) -> Result<T, Failure> {
    let mark = Mark::new(effects.random().await);
    let request = request(planner, brief, ground.as_ref(), &mark);
    let shape = shape(&brief.tools);
    let first = answer(effects, request.clone(), &shape).await?;
    let faults = match accept(&first) {
        Ok(plan) => return Ok(plan),
        Err(faults) => faults,
    };
    let told = format!("This plan is not sound: {faults}. Answer with all steps, corrected.");
    let request = request.with_message(Message::assistant(first.to_string(), Vec::new()));
    let second = answer(effects, request.with_user(told), &shape).await?;
    accept(&second).map_err(PlanFaults::into_failure)
}

fn request(
    planner: &ModelName,
    brief: &Brief,
    ground: Option<&Ground<'_>>,
    mark: &Mark,
) -> ModelRequest {
    let tools: Vec<_> = brief.tools.iter().map(|spec| told_of(spec, mark)).collect();
    let mut text = format!(
        "Goal: {}\n\nTools:\n{}\n\nThe kinds of value in `input`: {}",
        brief.job.goal,
        tools.join("\n"),
        kinds(&brief.input)
    );
    if let Some(ground) = ground {
        text.push_str(&told_of_failure(ground));
    }
    ModelRequest::new(planner.clone())
        .with_system(format!("{RULES} {}", mark.instruction()))
        .with_user(text)
        .with_tool_choice(ToolChoice::Never)
        .with_max_output_tokens(MOST_OUTPUT)
}

/// What others wrote of a tool is marked: a description is no place for orders.
fn told_of(spec: &ToolSpec, mark: &Mark) -> String {
    let about = mark.span("description", &spec.description);
    let arguments = mark.span("arguments", &spec.input_schema.to_string());
    let effect = PlannedEffect::from(&spec.effect);
    format!("- `{}` ({effect}): {about} {arguments}", spec.name)
}

/// Names of the plan and words of closed lists alone.
fn told_of_failure(ground: &Ground<'_>) -> String {
    let Ground { last, finished, facts } = ground;
    let plan = json!(last.plan.steps);
    format!(
        "\n\nYour last plan: {plan}\n\nThese steps are done, keep their outputs and must not be \
         repeated: {}. This went wrong: {}.\n\nAnswer with the steps that are left to do; slots \
         may name the steps that are done. A step that stays as it was keeps its id.",
        json!(finished),
        json!(facts)
    )
}

/// The kind of each value, and none of the values.
fn kinds(value: &Value) -> Value {
    let kind = match value {
        Value::Object(fields) => {
            let kinds = fields.iter().map(|(name, field)| (name.clone(), kinds(field)));
            return Value::Object(kinds.collect::<Map<_, _>>());
        }
        Value::Array(items) => return items.iter().take(1).map(kinds).collect(),
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
    };
    Value::String(kind.to_owned())
}

/// The shape of an answer: steps of a plan with tools of the list.
fn shape(tools: &[ToolSpec]) -> OutputSchema {
    let names: Vec<_> = tools.iter().map(|spec| spec.name.as_str()).collect();
    let classes = PlannedEffect::ALL.map(PlannedEffect::word);
    let step = json!({
        "type": "object",
        "properties": {
            "id": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
            "tool": {"enum": names},
            "args": {"type": "object"},
            "expect": {"type": "string"},
            "effect": {"enum": classes},
            "extract": {
                "type": "object",
                "properties": {"ask": {"type": "string"}, "schema": {"type": "object"}},
                "required": ["ask", "schema"],
                "additionalProperties": false,
            },
        },
        "required": ["id", "tool", "args"],
        "additionalProperties": false,
    });
    OutputSchema {
        name: "plan".to_owned(),
        schema: json!({
            "type": "object",
            "properties": {
                "steps": {"type": "array", "items": step, "minItems": 1, "maxItems": MOST_STEPS},
            },
            "required": ["steps"],
            "additionalProperties": false,
        }),
    }
}
