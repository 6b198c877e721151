//! What a crew may name and code decides: checks of answers, and conditions of tasks.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde_json::Value;

use super::{definition::Crew, definition::Demand, definition::Process, output::TaskOutput};

/// A check of an answer: as text, and as JSON where the task has a shape. It says what is wrong.
pub type Check = Arc<dyn Fn(&str, Option<&Value>) -> Result<(), String> + Send + Sync>;

/// A condition: whether a task is done, from the outputs before it.
pub type When = Arc<dyn Fn(&[TaskOutput]) -> bool + Send + Sync>;

/// Checks and conditions in code, by name. They are asked again on a repeat, so they depend on
/// nothing but what they are given.
#[derive(Clone, Default)]
pub struct Rules {
    checks: BTreeMap<String, Check>,
    conditions: BTreeMap<String, When>,
}

impl Rules {
    /// Makes rules without any.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a check that guardrails may name.
    #[must_use]
    pub fn with_check(
        mut self,
        name: impl Into<String>,
        check: impl Fn(&str, Option<&Value>) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.checks.insert(name.into(), Arc::new(check));
        self
    }

    /// Adds a condition that tasks may name.
    #[must_use]
    pub fn with_condition(
        mut self,
        name: impl Into<String>,
        holds: impl Fn(&[TaskOutput]) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.conditions.insert(name.into(), Arc::new(holds));
        self
    }

    /// Returns the names of all checks.
    pub fn checks(&self) -> impl Iterator<Item = &str> {
        self.checks.keys().map(String::as_str)
    }

    /// Returns the names of all conditions.
    pub fn conditions(&self) -> impl Iterator<Item = &str> {
        self.conditions.keys().map(String::as_str)
    }

    pub(super) fn check(&self, name: &str) -> Option<&Check> {
        self.checks.get(name)
    }

    pub(super) fn condition(&self, name: &str) -> Option<&When> {
        self.conditions.get(name)
    }

    /// Returns what a crew names and these do not have.
    pub(super) fn missing(&self, crew: &Crew) -> Vec<String> {
        let manager = match &crew.process {
            Process::Sequential => None,
            Process::Hierarchical { manager } => Some(manager.as_ref()),
        };
        let members = crew.members.iter().chain(manager).flat_map(|member| &member.guardrails);
        let guardrails = members.chain(crew.tasks.iter().flat_map(|task| &task.guardrails));
        let checks = guardrails.filter_map(|guardrail| match guardrail {
            Demand::Check(name) if !self.checks.contains_key(name) => Some(name.as_str()),
            Demand::Check(_) | Demand::Words(_) => None,
        });
        let conditions = crew.tasks.iter().filter_map(|task| task.condition.as_ref());
        let named = conditions.flat_map(|condition| condition.functions());
        let unknown = named.filter(|name| !self.conditions.contains_key(*name));
        let told = checks.map(|name| format!("no check `{name}` is registered"));
        told.chain(unknown.map(|name| format!("no condition `{name}` is registered"))).collect()
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (checks, conditions) = (self.checks.keys(), self.conditions.keys());
        f.debug_struct("Rules")
            .field("checks", &checks.collect::<Vec<_>>())
            .field("conditions", &conditions.collect::<Vec<_>>())
            .finish()
    }
}
