//! Tasks as `tasks.yaml` holds them.

use mainstay_core::model::OutputSchema;
use serde_json::Value;

use super::{
    agents::{guardrails, tool_failures, tools},
    entry::Entry,
    node::Node,
    project::Reading,
};
use crate::crew::{Condition, Context, Format, Pace, Review, Task};

/// The input that CrewAI's triggers bring.
pub(super) const TRIGGER: &str = "crewai_trigger_payload";

/// What a task does with the payload of a trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trigger {
    /// It is given where the task is the first.
    WhereFirst,
    /// It is given.
    Given,
    /// It is kept back.
    KeptBack,
}

/// Reads one task.
pub(super) fn read(key: &str, entry: &mut Entry<'_>, reading: &Reading) -> (Task, Trigger) {
    let name = entry.text("name").unwrap_or_else(|| key.to_owned());
    let description = entry.required("description");
    let mut task = Task::new(name, description, entry.required("expected_output"));
    task.agent = entry.text("agent");
    if entry.has("context") {
        task.context = Context::Named(entry.texts("context").unwrap_or_default());
    }
    task.tools = tools(entry, reading).filter(|tools| tools.iter().next().is_some());
    task.output = output(entry, reading);
    task.file = entry.text("output_file");
    if entry.says_true("async_execution") {
        task.pace = Pace::Alongside;
    }
    if entry.says_true("human_input") {
        task.review = Review::Asked;
    }
    if entry.says_true("markdown") {
        task.format = Format::Markdown;
    }
    let one = guardrails(entry, "guardrail", reading);
    task.guardrails = one.into_iter().chain(guardrails(entry, "guardrails", reading)).collect();
    let retries = entry.small_number("guardrail_max_retries");
    if let Some(retries) = entry.small_number("max_retries").or(retries) {
        task.guardrail_retries = retries;
    }
    task.condition = condition(entry, reading);
    task.on_tool_failure = tool_failures(entry);
    let trigger = match entry.truth("allow_crewai_trigger_context") {
        None => Trigger::WhereFirst,
        Some(true) => Trigger::Given,
        Some(false) => Trigger::KeptBack,
    };
    (task, trigger)
}

/// Reads the shape of the answer: the name of a schema, or a schema as it is.
fn output(entry: &mut Entry<'_>, reading: &Reading) -> Option<OutputSchema> {
    let fields = ["output_json", "output_pydantic", "response_model"];
    let mut given = fields.into_iter().filter(|field| entry.get(field).is_some());
    let field = given.next()?;
    if let Some(second) = given.next() {
        entry.wrong(second, format!("a task has one shape of its answer, and `{field}` is there"));
        return None;
    }
    let value = entry.get(field)?.value.json();
    if value.is_object() && value.get("python").is_none() {
        let title = value.get("title").and_then(Value::as_str).unwrap_or("answer");
        return Some(OutputSchema { name: title.to_owned(), schema: value });
    }
    let named = value.get("python").or(Some(&value)).and_then(Value::as_str);
    let Some(named) = named else {
        entry.wrong(field, "the name of a schema is expected, or a schema");
        return None;
    };
    // `my_project.schemas.Report` is known by its last part.
    let name = named.rsplit(['.', ':']).next().unwrap_or(named);
    let Some(schema) = reading.schemas.get(name) else {
        let problem = format!(
            "there is no schema `{name}`: put it into `schemas/{name}.json` beside the files \
             (`{name}.model_json_schema()` in Python prints it)"
        );
        entry.wrong(field, problem);
        return None;
    };
    Some(OutputSchema { name: name.to_owned(), schema: schema.clone() })
}

/// Reads whether the task is done at all.
fn condition(entry: &mut Entry<'_>, reading: &Reading) -> Option<Condition> {
    let kinds = [
        ("task", false),
        ("conditional", true),
        ("conditional_task", true),
        ("ConditionalTask", true),
    ];
    let conditional = entry.word("type", &kinds).unwrap_or(false);
    let Some(node) = entry.get("condition") else {
        if conditional {
            entry.wrong("type", "a conditional task has a `condition`");
        }
        return None;
    };
    if let Node::Mapping(fields) = &node.value
        && fields.iter().any(|(key, _)| key.value == "python")
    {
        entry.wrong(
            "condition",
            "no Python is run; write `{task: NAME, contains: TEXT}` or name a registered function",
        );
        return None;
    }
    let read = Condition::read(&node.value.json()).and_then(|condition| {
        let known = |name: &&str| reading.conditions.contains(*name);
        match condition.functions().into_iter().find(|name| !known(name)) {
            Some(name) => Err(format!("no condition `{name}` is registered")),
            None => Ok(condition),
        }
    });
    read.map_err(|problem| entry.wrong("condition", problem)).ok()
}
