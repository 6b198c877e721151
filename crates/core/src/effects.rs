//! What intelligence may do to the outside: the port through which agents, crews and jobs see the
//! effects of the step that called them.
//!
//! # Why a port, and not the step's own context
//!
//! An agent that cannot name the engine cannot schedule, skip or reorder anything: it can only ask,
//! and what it asks for goes through the one pipeline with its grants, limits and journal. Like a
//! step's own effects these take their place when they are asked for, and their value when they are
//! awaited; a repeat of the step gets the recorded values.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    budget::Limits,
    failure::Failure,
    model::{ModelReply, ModelRequest},
    policy::PlanSlot,
    review::{Review, ReviewOutcome},
    schema::SchemaCheck,
    tool::{Grants, ToolOutcome, ToolSpec},
};

/// Something that was asked for, and gives its value when it is awaited.
pub type Asked<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The effects that intelligence may ask for. Asking is never asynchronous: each call takes the next
/// place at once, so several may be asked for before the first is awaited, and then run together.
pub trait Effects: Send + Sync {
    /// Asks a model. The reply is durable before it is returned.
    fn model(&self, request: ModelRequest) -> Asked<'static, Result<ModelReply, Failure>>;

    /// Calls a tool by its name, if every scope around it grants it.
    fn tool(&self, name: &str, arguments: Value) -> Asked<'static, ToolOutcome>;

    /// Asks a person, and waits without holding anything.
    fn review(&self, review: Review) -> Asked<'static, Result<ReviewOutcome, Failure>>;

    /// Returns a random number, the same on every repeat.
    fn random(&self) -> Asked<'static, u64>;

    /// Opens a scope: everything asked for through what it returns is held to the scope's grants
    /// and limits. `pinned` is kept in the journal, and a repeat gets the one that is recorded
    /// there: whoever puts a definition in goes on with it, whatever the program says by then.
    fn open(&self, scope: Scope, pinned: Value) -> Asked<'static, Result<Opened, Failure>>;

    /// Opens so many arms, whose effects are counted apart: work side by side stays in its places
    /// whatever order it goes in. Await them with [`all`].
    fn arms(&self, count: u32) -> Vec<Arc<dyn Effects>>;

    /// Returns the tools that may be called here, in order of their names. What is offered to a
    /// model belongs into what a scope pins, for a worker's tools may change while a run waits.
    fn tools(&self) -> Vec<ToolSpec>;

    /// Returns what checks values against JSON Schema.
    fn schema(&self) -> Arc<dyn SchemaCheck>;
}

/// What works inside a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeKind {
    /// One agent at work.
    Agent,
    /// Agents with tasks.
    Crew,
    /// One task of a crew.
    Task,
    /// A committed plan.
    Job,
}

impl ScopeKind {
    /// Returns the word that tables and messages use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Crew => "crew",
            Self::Task => "task",
            Self::Job => "job",
        }
    }
}

/// A part of a StepRun with a name, grants and limits of its own. They only narrow: a call needs
/// the grant of every scope around it and of the step, and fits into what is left of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// What works in it.
    pub kind: ScopeKind,
    /// Its name, such as the agent's.
    pub name: String,
    /// The tools that may be called in it; those of what is around it when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<Grants>,
    /// What its effects may use together. A person's top-up of the run raises them too.
    #[serde(default, skip_serializing_if = "Limits::is_none")]
    pub limits: Limits,
    /// Where, in what is pinned, the words stand that its author chose, as JSON pointers: values in
    /// them may be acted on, as far as the author knew nothing but trusted values then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<String>,
    /// The step of a committed plan that is carried out in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<PlanSlot>,
}

impl Scope {
    /// Makes a scope that narrows nothing.
    #[must_use]
    pub fn new(kind: ScopeKind, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            grants: None,
            limits: Limits::none(),
            told: Vec::new(),
            slot: None,
        }
    }

    /// Grants these tools, as far as they are granted around it.
    #[must_use]
    pub fn with_grants(mut self, grants: Grants) -> Self {
        self.grants = Some(grants);
        self
    }

    /// Limits what its effects may use together.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Says where in what is pinned the author's own words stand.
    #[must_use]
    pub fn telling<T: Into<String>>(mut self, pointers: impl IntoIterator<Item = T>) -> Self {
        self.told = pointers.into_iter().map(Into::into).collect();
        self
    }

    /// Says which step of a committed plan is carried out in it.
    #[must_use]
    pub fn with_slot(mut self, slot: PlanSlot) -> Self {
        self.slot = Some(slot);
        self
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind.word(), self.name)
    }
}

/// A scope that was opened.
#[derive(Clone)]
pub struct Opened {
    /// What was pinned when it was first opened.
    pub pinned: Value,
    /// What was left, when it was first opened, of everything it is held to; silent where nothing
    /// is limited.
    pub left: Limits,
    /// The effects inside.
    pub effects: Arc<dyn Effects>,
}

/// Waits for all of these, polled in their order, so that a replay takes the same path: a
/// `join_all` would poll them in the order of their wake-ups.
pub fn all<'a, T: Send + 'a>(work: impl IntoIterator<Item = Asked<'a, T>>) -> Asked<'a, Vec<T>> {
    Box::pin(All(work.into_iter().map(Arm::Running).collect()))
}

enum Arm<'a, T> {
    Running(Asked<'a, T>),
    Done(Option<T>),
}

impl<T> Arm<'_, T> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Self::Running(work) = self {
            let Poll::Ready(value) = work.as_mut().poll(cx) else { return Poll::Pending };
            *self = Self::Done(Some(value));
        }
        Poll::Ready(())
    }
}

struct All<'a, T>(Vec<Arm<'a, T>>);

// Nothing in it is pinned: its futures are boxed.
impl<T> Unpin for All<'_, T> {}

impl<T> Future for All<'_, T> {
    type Output = Vec<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Vec<T>> {
        let open = self.0.iter_mut().map(|arm| arm.poll(cx)).filter(Poll::is_pending).count();
        if open > 0 {
            return Poll::Pending;
        }
        let done = std::mem::take(&mut self.0).into_iter().filter_map(|arm| match arm {
            Arm::Done(value) => value,
            Arm::Running(_) => None,
        });
        Poll::Ready(done.collect())
    }
}
