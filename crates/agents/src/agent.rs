//! An agent: a role with a goal, the tools it may call, and limits it cannot pass.
//!
//! [`Agent::work`] is its loop. Each turn is one effect and each tool call is one: whatever process
//! dies, the agent goes on with the next turn, and no turn that the journal holds is asked again.

mod answer;
mod conversation;
mod offer;
mod prompt;
mod turn;
mod work;

use std::{fmt, sync::Arc};

use mainstay_core::{
    budget::Limits,
    effects::{Asked, Effects},
    failure::Failure,
    guardrail::Guardrail,
    label::Integrity,
    model::{Cost, ModelName, OutputSchema, PromptRef, Tier, ToolOffer, Usage},
    tool::{Grants, ToolOutcome},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{memory::WorkingMemory, prompt::Filled};

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
    /// At most so many turns, each a model call. In the last one no tools are offered.
    pub turns: u32,
    /// The longest answer of a turn, in tokens.
    pub max_output_tokens: u32,
    /// The shape its final answer must have, unless its assignment names one.
    pub output: Option<OutputSchema>,
    /// What it sees of its own conversation.
    pub window: Window,
}

/// What an agent sees of its own conversation in each turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// All of it: what a turn costs grows with each turn.
    Everything,
    /// The last rounds, and a [`WorkingMemory`] of what mattered before.
    Rounds(u32),
}

impl Agent {
    /// The most turns when the author names none.
    pub const DEFAULT_TURNS: u32 = 25;
    /// The rounds it sees when the author names none.
    pub const DEFAULT_WINDOW: Window = Window::Rounds(6);

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
            window: Self::DEFAULT_WINDOW,
        }
    }

    /// Says what it brings along, or how it is to work.
    #[must_use]
    pub fn with_backstory(mut self, backstory: impl Into<String>) -> Self {
        self.backstory = backstory.into();
        self
    }

    /// Sets the model or tier it asks.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<ModelName>) -> Self {
        self.model = model.into();
        self
    }

    /// Grants tools to it.
    #[must_use]
    pub fn with_grants(mut self, grants: Grants) -> Self {
        self.grants = grants;
        self
    }

    /// Limits what all its calls together may use.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the most turns; there is always one.
    #[must_use]
    pub const fn with_turns(mut self, turns: u32) -> Self {
        self.turns = turns;
        self
    }

    /// Sets the longest answer of a turn, in tokens.
    #[must_use]
    pub const fn with_max_output_tokens(mut self, tokens: u32) -> Self {
        self.max_output_tokens = tokens;
        self
    }

    /// Sets the shape of its final answer.
    #[must_use]
    pub fn with_output(mut self, output: OutputSchema) -> Self {
        self.output = Some(output);
        self
    }

    /// Sets what it sees of its own conversation.
    #[must_use]
    pub const fn with_window(mut self, window: Window) -> Self {
        self.window = window;
        self
    }

    /// Works on an assignment until there is an answer, in a scope of the agent's own.
    ///
    /// The future fails where there is none: a model call failed for good, the turns are used up
    /// (`MS-2106`), the agent went round in circles (`MS-2107`), kept sending unfit arguments
    /// (`MS-2108`), or its answer cannot be used (`MS-2109`, `MS-4005`). What reaches a limit is no
    /// failure: the run parks, and goes on at the same turn with a larger budget.
    #[must_use]
    pub fn work(
        &self,
        on: Arc<dyn Effects>,
        assignment: Assignment,
        kit: impl Into<Kit>,
    ) -> Asked<'static, Result<AgentReply, Failure>> {
        Box::pin(work::work(self.clone(), on, assignment, kit.into()))
    }
}

/// What an agent is to do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// The task.
    pub task: String,
    /// What the answer should look like, in words.
    pub expected_output: String,
    /// What it may build on.
    pub context: Vec<Source>,
    /// The shape the answer must have; the agent's own when absent.
    pub output: Option<OutputSchema>,
    /// What the agent is told for this assignment, besides who it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub instructions: String,
    /// The prompt that task and instructions were written from; each of its requests names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<PromptRef>,
    /// Whether a model wrote it: nothing in it is the author's word then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub delegated: bool,
}

impl From<Filled> for Assignment {
    fn from(filled: Filled) -> Self {
        Self {
            task: filled.user,
            instructions: filled.system,
            prompt: Some(filled.reference),
            ..Self::default()
        }
    }
}

impl Assignment {
    /// Makes an assignment of a task alone.
    #[must_use]
    pub fn of(task: impl Into<String>) -> Self {
        Self { task: task.into(), ..Self::default() }
    }

    /// Says what the answer should look like.
    #[must_use]
    pub fn expecting(mut self, expected_output: impl Into<String>) -> Self {
        self.expected_output = expected_output.into();
        self
    }

    /// Says that a model wrote it.
    #[must_use]
    pub const fn by_a_model(mut self) -> Self {
        self.delegated = true;
        self
    }

    /// Adds something to build on.
    #[must_use]
    pub fn with_context(mut self, source: Source) -> Self {
        self.context.push(source);
        self
    }

    /// Sets the shape of the answer.
    #[must_use]
    pub fn with_output(mut self, output: OutputSchema) -> Self {
        self.output = Some(output);
        self
    }
}

/// A text that an agent may build on, and whether it may be told what to do by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// What it is.
    pub name: String,
    /// The text.
    pub text: String,
    /// Untrusted text is marked as such.
    pub integrity: Integrity,
}

/// What an agent brought home.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentReply {
    /// Its answer.
    pub text: String,
    /// Its answer as JSON, where a shape was asked for: it fits.
    pub json: Option<Value>,
    /// Untrusted as soon as it has read anything untrusted.
    pub integrity: Integrity,
    /// How many turns it took.
    pub turns: u32,
    /// The tokens of all its turns.
    pub usage: Usage,
    /// What its turns cost together, as far as their models have prices.
    pub cost: Cost,
    /// How many tool calls it made.
    pub tool_calls: u32,
    /// The calls that did not work, in order: a failure is never reported as a success.
    pub tool_failures: Vec<ToolTrouble>,
    /// How often its judge sent an answer back.
    pub sent_back: u32,
    /// What it kept in mind.
    pub memory: WorkingMemory,
}

/// A tool call that brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolTrouble {
    /// The tool.
    pub tool: String,
    /// `failed`, `denied` or `in_doubt`.
    pub outcome: String,
    /// What the agent was told.
    pub told: String,
}

/// Something that an agent may call and that is no tool of the catalogue: asking a coworker, for
/// example. It may ask for effects of its own.
pub trait Skill: Send + Sync {
    /// Returns how it is offered to the model.
    fn offer(&self) -> ToolOffer;

    /// Does it. Arguments have been checked against the offer's schema.
    fn call(&self, on: Arc<dyn Effects>, arguments: Value) -> Asked<'static, ToolOutcome>;
}

/// Who looks at an agent's answer before it counts, after its guardrails. Unlike them it may ask for
/// effects of its own: for a model's opinion, or for a person's.
pub trait Judge: Send + Sync {
    /// Rules on an answer. It has to bound by itself how often it sends one back.
    fn judge(
        &self,
        on: Arc<dyn Effects>,
        answer: Judged,
    ) -> Asked<'static, Result<Ruling, Failure>>;
}

/// What is judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The answer.
    pub text: String,
    /// The answer as JSON, where a shape was asked for: it fits.
    pub json: Option<Value>,
    /// The calls that did not work on the way to it.
    pub tool_failures: Vec<ToolTrouble>,
}

/// What becomes of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// It counts.
    Accept,
    /// This counts instead.
    Replace(String),
    /// The agent is told what is wrong, and goes on in the same conversation.
    SendBack(String),
}

/// What an agent is given besides its tools, in code: skills, guardrails that look at its task and
/// at its answer, and who has the last word on that.
#[derive(Clone, Default)]
pub struct Kit {
    /// Its skills.
    pub skills: Vec<Arc<dyn Skill>>,
    /// Its guardrails, each asked in order.
    pub guardrails: Vec<Arc<dyn Guardrail>>,
    /// Who rules on its answers; whatever passes the guardrails counts when absent.
    pub judge: Option<Arc<dyn Judge>>,
}

impl fmt::Debug for Kit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let skills: Vec<_> = self.skills.iter().map(|skill| skill.offer().name).collect();
        let guardrails: Vec<_> = self.guardrails.iter().map(|g| g.name()).collect();
        f.debug_struct("Kit")
            .field("skills", &skills)
            .field("guardrails", &guardrails)
            .finish_non_exhaustive()
    }
}

impl From<Vec<Arc<dyn Skill>>> for Kit {
    fn from(skills: Vec<Arc<dyn Skill>>) -> Self {
        Self { skills, ..Self::default() }
    }
}

#[cfg(test)]
mod tests;
