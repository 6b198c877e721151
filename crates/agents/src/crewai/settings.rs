//! What `crew.yaml`, or `crew.jsonc`, says about the crew as a whole.

use mainstay_core::model::ModelName;
use serde_json::{Map, Value};

use super::{
    agents::tool_failures,
    entry::Entry,
    model::{self, Llm},
    project::Reading,
};
use crate::crew::OnToolFailure;

/// How the crew works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Sequential,
    Hierarchical,
}

/// The crew as a whole.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) name: Option<String>,
    pub(super) style: Option<Style>,
    /// The agents that take part, in their order; all when absent.
    pub(super) agents: Option<Vec<String>>,
    /// The tasks that are done, in their order; all when absent.
    pub(super) tasks: Option<Vec<String>>,
    pub(super) manager_model: Option<ModelName>,
    pub(super) manager_agent: Option<String>,
    pub(super) inputs: Map<String, Value>,
    pub(super) on_tool_failure: Option<OnToolFailure>,
}

/// Reads them.
pub(super) fn read(entry: &mut Entry<'_>, reading: &Reading) -> Settings {
    let words = [("sequential", Style::Sequential), ("hierarchical", Style::Hierarchical)];
    let inputs = match entry.get("inputs").map(|inputs| inputs.value.json()) {
        None => Map::new(),
        Some(Value::Object(inputs)) => inputs,
        Some(_) => {
            entry.wrong("inputs", "a mapping of names to values is expected");
            Map::new()
        }
    };
    let manager = model::read(entry, "manager_llm", &reading.models);
    Settings {
        name: entry.text("name"),
        style: entry.word("process", &words),
        agents: entry.texts("agents"),
        tasks: entry.texts("tasks"),
        manager_model: manager
            .map(|Llm { model, max_tokens: _ }| reading.only_model.clone().unwrap_or(model)),
        manager_agent: entry.text("manager_agent"),
        inputs,
        on_tool_failure: tool_failures(entry),
    }
}
