//! What a crew brought home: its last answer, and what every task did.

use mainstay_core::{
    label::Integrity,
    model::{Cost, Usage},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::condition::Outputs;
use crate::agent::ToolTrouble;

/// What a crew brought home.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CrewOutput {
    /// The answer of the last task that was done.
    pub raw: String,
    /// It as JSON, where that task has a shape: it fits.
    pub json: Option<Value>,
    /// Every task, in order, those that were skipped included.
    pub tasks: Vec<TaskOutput>,
    /// The tokens of everybody in it.
    pub usage: Usage,
    /// What it cost, as far as its models have prices.
    pub cost: Cost,
}

/// What a task brought home.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskOutput {
    /// The task.
    pub name: String,
    /// Who did it.
    pub agent: String,
    /// Whether it was done.
    pub status: TaskStatus,
    /// The answer.
    pub raw: String,
    /// The answer as JSON, where the task has a shape: it fits.
    pub json: Option<Value>,
    /// The name under which the answer is to be written as a file, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Untrusted as soon as anything untrusted was read for it.
    pub integrity: Integrity,
    /// The tokens of its agent, of those it delegated to, and of guardrails in words.
    pub usage: Usage,
    /// What it cost, as far as its models have prices.
    pub cost: Cost,
    /// How many turns its agent took.
    pub turns: u32,
    /// How many tool calls were made for it. A call that an answer only speaks of is none.
    pub tool_calls: u32,
    /// The calls that did not work, those of delegates included.
    pub tool_failures: Vec<ToolTrouble>,
    /// How often its answer was sent back.
    pub retries: u32,
    /// The work that was handed on, in the order in which it was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delegations: Vec<Delegation>,
}

/// Whether a task was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// It was.
    Done,
    /// Its condition did not hold.
    Skipped,
}

/// Work that was handed on, or a question that was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delegation {
    /// Who asked.
    pub by: String,
    /// Who was asked; the name as it was written where nobody has it.
    pub to: String,
    /// `delegate_work_to_coworker` or `ask_question_to_coworker`.
    pub skill: String,
    /// What for.
    pub task: String,
    /// `found` where there is an answer, else `failed`.
    pub outcome: String,
}

impl CrewOutput {
    /// Puts the tasks together.
    pub(super) fn of(tasks: Vec<TaskOutput>) -> Self {
        let last = tasks.iter().rfind(|task| task.status == TaskStatus::Done);
        let usage = tasks.iter().fold(Usage::reported(0, 0), |sum, task| sum.plus(&task.usage));
        let cost = tasks.iter().fold(Cost::ZERO, |sum, task| sum + task.cost);
        Self {
            raw: last.map(|task| task.raw.clone()).unwrap_or_default(),
            json: last.and_then(|task| task.json.clone()),
            tasks,
            usage,
            cost,
        }
    }

    /// Returns what a task brought home.
    #[must_use]
    pub fn task(&self, name: &str) -> Option<&TaskOutput> {
        self.tasks.iter().find(|task| task.name == name)
    }

    /// Returns the answer as a type.
    ///
    /// # Errors
    /// The last task has no shape, or another one.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(self.json.as_ref().unwrap_or(&Value::Null))
    }
}

impl TaskOutput {
    /// Makes the output of a task that was not done.
    pub(super) fn skipped(name: &str, agent: &str) -> Self {
        Self {
            name: name.to_owned(),
            agent: agent.to_owned(),
            status: TaskStatus::Skipped,
            raw: String::new(),
            json: None,
            file: None,
            integrity: Integrity::Trusted,
            usage: Usage::reported(0, 0),
            cost: Cost::ZERO,
            turns: 0,
            tool_calls: 0,
            tool_failures: Vec::new(),
            retries: 0,
            delegations: Vec::new(),
        }
    }
}

/// What conditions look at.
pub(super) struct Known<'a> {
    pub(super) outputs: &'a [TaskOutput],
    pub(super) rules: &'a super::rules::Rules,
}

impl Outputs for Known<'_> {
    fn of(&self, task: Option<&str>) -> Option<(&str, Option<&Value>)> {
        let output = match task {
            Some(name) => self.outputs.iter().find(|output| output.name == name),
            None => self.outputs.last(),
        }?;
        (output.status == TaskStatus::Done).then_some((&output.raw, output.json.as_ref()))
    }

    fn code(&self, name: &str) -> Option<bool> {
        self.rules.condition(name).map(|holds| holds(self.outputs))
    }
}
