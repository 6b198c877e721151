//! An agent: a role with a goal, the tools it may call, and limits it cannot pass.

use mainstay_core::{
    budget::Limits,
    model::{ModelName, OutputSchema, Tier},
    tool::Grants,
};
use serde::{Deserialize, Serialize};

/// Who thinks: role, goal and background, the model that is asked, and what it may use.
///
/// An agent is data. What it is when it begins is pinned in the journal, and it goes on so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// Its name, as grants, usage and traces know it.
    pub name: String,
    /// What it is, such as `senior analyst`.
    pub role: String,
    /// What it is to achieve.
    pub goal: String,
    /// What it brings along, or how it is to work.
    pub backstory: String,
    /// The model or tier it asks.
    pub model: ModelName,
    /// The tools it may call, as far as they are granted around it.
    pub grants: Grants,
    /// What all its calls together may use.
    pub limits: Limits,
    /// At most so many turns, each a model call.
    pub turns: u32,
    /// The longest answer of a turn, in tokens.
    pub max_output_tokens: u32,
    /// The shape its final answer must have, if any.
    pub output: Option<OutputSchema>,
}

impl Agent {
    /// The most turns when the author names none.
    pub const DEFAULT_TURNS: u32 = 25;

    /// Makes an agent that may call no tool.
    #[must_use]
    pub fn new(name: impl Into<String>, role: impl Into<String>, goal: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            role: role.into(),
            goal: goal.into(),
            backstory: String::new(),
            model: Tier::Workhorse.into(),
            grants: Grants::none(),
            limits: Limits::none(),
            turns: Self::DEFAULT_TURNS,
            max_output_tokens: 2_048,
            output: None,
        }
    }
}
