//! A flow as plain data: a graph of steps, hashed by content.
//!
//! The `#[flow]` macro and a declarative file both lower to a [`FlowDefinition`]; the engine knows
//! only that. What makes a step due is in [`schedule`]; what makes a graph unsound is in [`check`].

mod ancestry;
pub mod check;
pub mod graph;
pub mod intent;
pub mod schedule;
mod served;

use std::{collections::BTreeSet, fmt, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    budget::Limits,
    digest::{Digest, canonical},
    retry::RetryPolicy,
};

pub use served::Served;

/// The name of a step, as the author wrote the function's.
pub type StepName = std::sync::Arc<str>;

/// A flow's identity: every run is pinned to one of these.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FlowVersion {
    /// The flow's name.
    pub name: String,
    /// The author's version number.
    pub version: u32,
    /// The content hash of graph and schemas.
    pub definition: Digest,
}

impl fmt::Display for FlowVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{} ({})", self.name, self.version, self.definition.short())
    }
}

/// A deterministic program: its steps, and what makes each of them due.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowDefinition {
    /// The flow's name.
    pub name: String,
    /// The author's version number.
    pub version: u32,
    /// One line for people.
    pub description: String,
    /// JSON Schema of the state; an input is laid over the default state and must fit it.
    pub state_schema: Value,
    /// Steps and routers in declaration order, then compensations.
    pub steps: Vec<StepDefinition>,
}

/// One node of the graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepDefinition {
    /// Unique in the flow.
    pub name: StepName,
    /// What kind of node it is.
    pub kind: StepKind,
    /// Whether it may change the state.
    pub access: Access,
    /// What makes it due.
    pub trigger: Trigger,
    /// Values it takes from other steps, in parameter order.
    pub inputs: Vec<Input>,
    /// Retry, timeout, compensation, budget, grants.
    pub options: StepOptions,
    /// Whether its output is the run's output.
    pub finish: bool,
    /// JSON Schema of its output; `null` for routers.
    pub output_schema: Value,
    /// Hash of the body's tokens; left out of the definition's hash, see `execution.md` §6.
    pub body: Digest,
    /// Hashes of the bodies this one was before its patches went in; left out of the definition's
    /// hash too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Digest>,
}

/// The kinds of node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// An async function that may touch the outside through its context.
    Step,
    /// A pure function that picks a route.
    Router(RouteDefinition),
    /// Runs only to undo another step.
    Compensation,
}

/// The closed set of routes a router may pick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteDefinition {
    /// The enum's name.
    pub name: String,
    /// Its variants in declaration order.
    pub variants: Vec<VariantDefinition>,
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariantDefinition {
    /// The variant's name.
    pub name: String,
    /// Marked `#[ends]`: the branch ends here and nobody needs to listen.
    pub ends: bool,
}

/// Rust's borrow rule, lifted to flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// `&self`: runs beside other readers.
    Reads,
    /// `&mut self`: excludes running steps, and its state replaces the old one when it finishes.
    Writes,
}

/// What makes a step due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The start of the run.
    Start,
    /// A condition over other steps and routes.
    On(Condition),
    /// Nothing in the graph: a compensation.
    Never,
}

/// A nested condition over arrivals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// A step finished.
    Step(StepName),
    /// Some router picked this variant of this route type.
    Route {
        /// The route type's name.
        route: String,
        /// The variant's name.
        variant: String,
    },
    /// Any one of these, once per wave.
    Any(Vec<Self>),
    /// All of these, within one wave.
    All(Vec<Self>),
}

impl Condition {
    /// Calls `visit` for every leaf, left to right.
    pub fn leaves<'a>(&'a self, visit: &mut dyn FnMut(&'a Self)) {
        match self {
            Self::Step(_) | Self::Route { .. } => visit(self),
            Self::Any(inner) | Self::All(inner) => inner.iter().for_each(|c| c.leaves(visit)),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, word: &str, inner: &[Self]| {
            write!(f, "{word}(")?;
            for (i, condition) in inner.iter().enumerate() {
                write!(f, "{}{condition}", if i == 0 { "" } else { ", " })?;
            }
            f.write_str(")")
        };
        match self {
            Self::Step(name) => f.write_str(name),
            Self::Route { route, variant } => write!(f, "{route}::{variant}"),
            Self::Any(inner) => list(f, "or_", inner),
            Self::All(inner) => list(f, "and_", inner),
        }
    }
}

/// A value a step takes from another step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The producer.
    pub from: StepName,
    /// Whether the producer may not have run (`Option<&T>`).
    pub optional: bool,
}

/// What an author may say about one step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StepOptions {
    /// How a failed attempt is tried again; without it a failure is final.
    pub retry: Option<RetryPolicy>,
    /// Longest running time of one attempt.
    pub timeout: Option<Duration>,
    /// The compensation that undoes this step.
    pub compensate: Option<StepName>,
    /// Limits of this step inside the run's.
    pub budget: Option<Limits>,
    /// Tools the step may call; everything else is denied.
    pub grants: BTreeSet<String>,
    /// The worker's step that is its code, if that is not in this program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub served: Option<Served>,
}

impl FlowDefinition {
    /// Returns the identity a run is pinned to.
    #[must_use]
    pub fn flow_version(&self) -> FlowVersion {
        FlowVersion { name: self.name.clone(), version: self.version, definition: self.hash() }
    }

    /// Returns the content hash of graph and schemas. Bodies are left out: a finished or
    /// never-started step may change freely.
    #[must_use]
    pub fn hash(&self) -> Digest {
        let mut graph = self.clone();
        for step in &mut graph.steps {
            step.body = Digest::ZERO;
            step.before.clear();
        }
        canonical(&graph).map_or(Digest::ZERO, |bytes| Digest::of(&bytes))
    }

    /// Returns a step by name.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&StepDefinition> {
        self.steps.iter().find(|step| &*step.name == name)
    }

    /// Returns a step's place in declaration order.
    #[must_use]
    pub fn index(&self, name: &str) -> Option<usize> {
        self.steps.iter().position(|step| &*step.name == name)
    }

    /// Returns the step whose output is the run's: the one marked `#[finish]`, else the only leaf.
    #[must_use]
    pub fn finish(&self) -> Option<&StepDefinition> {
        self.steps.iter().find(|step| step.finish).or_else(|| self.only_leaf())
    }

    fn only_leaf(&self) -> Option<&StepDefinition> {
        let mut leaves = self.steps.iter().filter(|step| self.is_leaf(step));
        let leaf = leaves.next();
        if leaves.next().is_some() { None } else { leaf }
    }

    fn is_leaf(&self, step: &StepDefinition) -> bool {
        let heard = |name: &str| {
            self.steps.iter().any(|other| match &other.trigger {
                Trigger::On(condition) => condition.hears_step(name),
                Trigger::Start | Trigger::Never => false,
            })
        };
        step.kind == StepKind::Step && !heard(&step.name)
    }
}

impl Condition {
    fn hears_step(&self, name: &str) -> bool {
        let mut heard = false;
        self.leaves(&mut |leaf| heard |= matches!(leaf, Self::Step(n) if &**n == name));
        heard
    }
}
