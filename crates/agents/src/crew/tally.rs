//! What is counted for a task beside its agent's own turns: the work of delegates and the opinions
//! of models.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use mainstay_core::{
    label::Integrity,
    model::{Cost, Usage},
};

use super::output::Delegation;
use crate::agent::{AgentReply, ToolTrouble};

/// What one piece of work took.
#[derive(Debug, Clone)]
pub(super) struct Count {
    pub(super) usage: Usage,
    pub(super) cost: Cost,
    pub(super) tool_calls: u32,
    pub(super) tool_failures: Vec<ToolTrouble>,
    pub(super) delegations: Vec<Delegation>,
    pub(super) integrity: Integrity,
}

impl Default for Count {
    fn default() -> Self {
        Self {
            usage: Usage::reported(0, 0),
            cost: Cost::ZERO,
            tool_calls: 0,
            tool_failures: Vec::new(),
            delegations: Vec::new(),
            integrity: Integrity::Trusted,
        }
    }
}

impl Count {
    /// Adds what another took.
    pub(super) fn add(&mut self, other: Self) {
        self.usage = self.usage.plus(&other.usage);
        self.cost = self.cost + other.cost;
        self.tool_calls = self.tool_calls.saturating_add(other.tool_calls);
        self.tool_failures.extend(other.tool_failures);
        self.delegations.extend(other.delegations);
        self.integrity = self.integrity.max(other.integrity);
    }

    /// Adds what an agent took.
    pub(super) fn add_reply(&mut self, reply: &AgentReply) {
        self.add(Self {
            usage: reply.usage,
            cost: reply.cost,
            tool_calls: reply.tool_calls,
            tool_failures: reply.tool_failures.clone(),
            delegations: Vec::new(),
            integrity: reply.integrity,
        });
    }
}

/// Counts of work side by side, each in the place that it took when it was asked for: whichever
/// ends first, the sum and the order are the same on every repeat.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally(Arc<Mutex<BTreeMap<usize, Count>>>);

impl Tally {
    /// Takes the next place.
    pub(super) fn place(&self) -> usize {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = counts.len();
        counts.insert(place, Count::default());
        place
    }

    /// Sets what the work at a place took.
    pub(super) fn set(&self, place: usize, count: Count) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(place, count);
    }

    /// Returns everything together.
    pub(super) fn sum(&self) -> Count {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sum = Count::default();
        counts.values().for_each(|count| sum.add(count.clone()));
        sum
    }
}
