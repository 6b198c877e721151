//! What a crew is: data, pinned in the journal when it begins, so that it goes on as it began.

use mainstay_core::{budget::Limits, model::OutputSchema, tool::Grants};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::condition::Condition;
use crate::agent::Agent;

/// Agents with tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Crew {
    /// Its name, as scopes and traces know it.
    pub name: String,
    /// Its agents.
    pub members: Vec<Member>,
    /// Its tasks, in their order.
    pub tasks: Vec<Task>,
    /// Who does what.
    pub process: Process,
    /// What all its effects together may use.
    pub limits: Limits,
    /// How often work may be handed on from one to the next before it has to be done.
    pub delegations: u32,
}

/// An agent of a crew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// The agent.
    pub agent: Agent,
    /// Whether it may hand work on and ask its coworkers.
    pub voice: Voice,
    /// What each of its answers has to pass, beside what the task demands.
    pub guardrails: Vec<Demand>,
    /// How often an answer that does not pass is tried again.
    pub guardrail_retries: u32,
    /// What becomes of a task in which a tool of it failed, where the task says nothing.
    pub on_tool_failure: OnToolFailure,
}

/// Whether an agent speaks with its coworkers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Voice {
    /// It does its own work.
    Alone,
    /// It may delegate to its coworkers, and ask them.
    Delegates,
}

/// Who does what, and who decides it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Process {
    /// Each task is done by its agent.
    Sequential,
    /// Each task is given to the manager, which delegates and asks.
    Hierarchical {
        /// The manager. Its grants bound those of whoever works for it.
        manager: Box<Member>,
    },
}

impl Process {
    /// Returns the word for it in files and reports.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Hierarchical { .. } => "hierarchical",
        }
    }
}

/// A unit of crew work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its name, by which other tasks take it as context.
    pub name: String,
    /// What is to be done.
    pub description: String,
    /// What the answer is to be.
    pub expected_output: String,
    /// Who does it; in a hierarchical crew, to whom the manager may hand it.
    pub agent: Option<String>,
    /// Which outputs it is given.
    pub context: Context,
    /// The tools of this task instead of its agent's.
    pub tools: Option<Grants>,
    /// The shape of its answer, if it has one.
    pub output: Option<OutputSchema>,
    /// Under which name its answer is handed back as a file, relative to wherever it is written.
    pub file: Option<String>,
    /// Whether the next task waits for it.
    pub pace: Pace,
    /// Whether a person sees its answer before it counts.
    pub review: Review,
    /// How the answer is to be written.
    pub format: Format,
    /// What its answer has to pass.
    pub guardrails: Vec<Demand>,
    /// How often an answer that does not pass is tried again.
    pub guardrail_retries: u32,
    /// Whether it is done at all.
    pub condition: Option<Condition>,
    /// What becomes of it when a tool failed; what its agent says when absent.
    pub on_tool_failure: Option<OnToolFailure>,
}

/// Which outputs a task is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Context {
    /// Those of all tasks that are done when it begins.
    Previous,
    /// Those of these tasks.
    Named(Vec<String>),
}

/// Whether the next task waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// It is done before the next one begins.
    InTurn,
    /// It runs beside the tasks around it that do so too; it is waited for before it is needed.
    Alongside,
}

/// Whether a person sees the answer before it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Review {
    /// Nobody is asked.
    Never,
    /// A review is opened.
    Asked,
}

/// How an answer is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// As the agent likes.
    Plain,
    /// In Markdown.
    Markdown,
}

/// What an answer has to pass before it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    /// A check in code, by its name.
    Check(String),
    /// A demand in words, which the agent's model judges.
    Words(String),
}

/// What becomes of a task in which a tool failed. It is recorded in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnToolFailure {
    /// The output says so, and counts.
    Record,
    /// The task fails.
    Fail,
}

impl Crew {
    /// How often work may be handed on when the author says nothing.
    pub const DEFAULT_DELEGATIONS: u32 = 2;

    /// Makes a crew without agents and tasks that works in sequence.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            members: Vec::new(),
            tasks: Vec::new(),
            process: Process::Sequential,
            limits: Limits::none(),
            delegations: Self::DEFAULT_DELEGATIONS,
        }
    }

    /// Adds an agent.
    #[must_use]
    pub fn with_member(mut self, member: impl Into<Member>) -> Self {
        self.members.push(member.into());
        self
    }

    /// Adds a task after those there are.
    #[must_use]
    pub fn with_task(mut self, task: Task) -> Self {
        self.tasks.push(task);
        self
    }

    /// Puts a manager over the agents. One without grants reaches as far as they do.
    #[must_use]
    pub fn with_manager(mut self, manager: impl Into<Member>) -> Self {
        self.process = Process::Hierarchical { manager: Box::new(manager.into()) };
        self
    }

    /// Limits what all its effects together may use.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Returns the agent of that name.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.agent.name == name)
    }

    /// Returns the manager as it works: it delegates, and where it has no grants of its own it
    /// reaches as far as its crew. Whoever works for it can call no tool that it could not.
    #[must_use]
    pub fn manager(&self) -> Option<Member> {
        let Process::Hierarchical { manager } = &self.process else { return None };
        let mut manager = Member::clone(manager);
        manager.voice = Voice::Delegates;
        if manager.agent.grants == Grants::none() {
            manager.agent.grants = self.grants();
        }
        Some(manager)
    }

    /// Returns every tool that anybody in it may call.
    #[must_use]
    pub fn grants(&self) -> Grants {
        let manager = match &self.process {
            Process::Sequential => None,
            Process::Hierarchical { manager } => Some(&manager.agent.grants),
        };
        let members = self.members.iter().map(|member| &member.agent.grants);
        let tasks = self.tasks.iter().filter_map(|task| task.tools.as_ref());
        members.chain(tasks).chain(manager).flat_map(Grants::iter).collect()
    }
}

impl Member {
    /// How often an answer that does not pass is tried again when the author says nothing.
    pub const DEFAULT_GUARDRAIL_RETRIES: u32 = 3;

    /// Lets it delegate to its coworkers, and ask them.
    #[must_use]
    pub const fn with_delegation(mut self) -> Self {
        self.voice = Voice::Delegates;
        self
    }

    /// Adds what each of its answers has to pass.
    #[must_use]
    pub fn with_guardrail(mut self, demand: Demand) -> Self {
        self.guardrails.push(demand);
        self
    }
}

impl From<Agent> for Member {
    fn from(agent: Agent) -> Self {
        Self {
            agent,
            voice: Voice::Alone,
            guardrails: Vec::new(),
            guardrail_retries: Self::DEFAULT_GUARDRAIL_RETRIES,
            on_tool_failure: OnToolFailure::Record,
        }
    }
}

impl Task {
    /// Makes a task that is given the outputs of all before it.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        description: impl Into<String>,
        expected_output: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            description: description.into(),
            expected_output: expected_output.into(),
            agent: None,
            context: Context::Previous,
            tools: None,
            output: None,
            file: None,
            pace: Pace::InTurn,
            review: Review::Never,
            format: Format::Plain,
            guardrails: Vec::new(),
            guardrail_retries: Member::DEFAULT_GUARDRAIL_RETRIES,
            condition: None,
            on_tool_failure: None,
        }
    }

    /// Gives it to an agent.
    #[must_use]
    pub fn with_agent(mut self, agent: impl Into<String>) -> Self {
        self.agent = Some(agent.into());
        self
    }

    /// Gives it the outputs of these tasks and no others.
    #[must_use]
    pub fn with_context<T: Into<String>>(mut self, tasks: impl IntoIterator<Item = T>) -> Self {
        self.context = Context::Named(tasks.into_iter().map(Into::into).collect());
        self
    }

    /// Grants it these tools instead of its agent's.
    #[must_use]
    pub fn with_tools(mut self, tools: Grants) -> Self {
        self.tools = Some(tools);
        self
    }

    /// Demands an answer of this shape.
    #[must_use]
    pub fn with_schema(mut self, name: impl Into<String>, schema: Value) -> Self {
        self.output = Some(OutputSchema { name: name.into(), schema });
        self
    }

    /// Demands an answer that reads as this type.
    #[must_use]
    pub fn with_output<T: JsonSchema>(self) -> Self {
        self.with_schema(T::schema_name(), schemars::schema_for!(T).to_value())
    }

    /// Hands its answer back as a file of this name too.
    #[must_use]
    pub fn with_file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// Lets it run beside the tasks around it that do so too.
    #[must_use]
    pub const fn alongside(mut self) -> Self {
        self.pace = Pace::Alongside;
        self
    }

    /// Shows its answer to a person before it counts.
    #[must_use]
    pub const fn with_review(mut self) -> Self {
        self.review = Review::Asked;
        self
    }

    /// Adds what its answer has to pass.
    #[must_use]
    pub fn with_guardrail(mut self, demand: Demand) -> Self {
        self.guardrails.push(demand);
        self
    }

    /// Sets how often an answer that does not pass is tried again.
    #[must_use]
    pub const fn with_guardrail_retries(mut self, retries: u32) -> Self {
        self.guardrail_retries = retries;
        self
    }

    /// Does it only if this holds.
    #[must_use]
    pub fn with_condition(mut self, condition: Condition) -> Self {
        self.condition = Some(condition);
        self
    }

    /// Sets what becomes of it when a tool failed.
    #[must_use]
    pub const fn with_tool_failures(mut self, on: OnToolFailure) -> Self {
        self.on_tool_failure = Some(on);
        self
    }
}
