//! What a step asks for, as the driver reads it.

use std::time::Duration;

use futures::future::BoxFuture;
use mainstay_core::{
    budget::Limits,
    effect::{EffectHead, EffectPosition},
    effects::Scope,
    failure::Failure,
    model::ModelRequest,
    payload::Payload,
    review::Review,
    store::local::LocalWrite,
};
use serde::Serialize;
use serde_json::Value;

/// A child run to be started.
#[derive(Debug, Clone)]
pub struct ChildRun {
    pub(crate) flow: String,
    pub(crate) input: Value,
    pub(crate) limits: Limits,
}

impl ChildRun {
    /// Makes a child run of a flow of this process.
    #[must_use]
    pub fn of<T: Serialize>(flow: impl Into<String>, input: &T) -> Self {
        let input = serde_json::to_value(input).unwrap_or_default();
        Self { flow: flow.into(), input, limits: Limits::none() }
    }

    /// Limits what it may use; carved out of the parent's budget.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// Rows of the author's in the run's own database: one statement, with its values.
///
/// Placeholders are `$1`, `$2`, … on SQLite and on Postgres. Values are null, booleans, integers,
/// floating point numbers and texts; whatever else a column holds is bound as text and cast where
/// it stands, as in `$2::jsonb`, which SQLite reads as `$2`.
#[derive(Debug, Clone, PartialEq)]
pub struct Write(LocalWrite);

/// A write's name in the journal has at most so many characters.
const LONGEST_NAME: usize = 60;

impl Write {
    /// Makes a write of one `INSERT`, `UPDATE`, `DELETE`, `MERGE` or `REPLACE`, with or without
    /// `WITH`. The statement stands in the program, so that no value can become a part of it.
    #[must_use]
    pub fn new(sql: &'static str) -> Self {
        Self(LocalWrite { sql: sql.to_owned(), parameters: Vec::new() })
    }

    /// Gives the next placeholder its value.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.0.parameters.push(value.into());
        self
    }

    /// Returns what people know it by: the statement up to its first parenthesis or value.
    pub(crate) fn name(&self) -> String {
        let head = self.0.sql.split(['(', '$', '=']).next().unwrap_or_default();
        let words: Vec<_> = head.split_whitespace().collect();
        words.join(" ").chars().take(LONGEST_NAME).collect()
    }

    pub(crate) fn into_statement(self) -> LocalWrite {
        self.0
    }
}

/// An effect a step asked for: where it stands and what it is.
pub(crate) struct Request {
    pub(crate) position: EffectPosition,
    pub(crate) head: EffectHead,
    pub(crate) seen: u32,
    pub(crate) arguments: Payload,
}

/// What is asked for, by what must happen before there is an answer.
pub(crate) enum Ask {
    /// Answered at once.
    Now,
    Random,
    Patch,
    Emit {
        subject: String,
        event: Value,
    },
    Write(LocalWrite),
    Endorse {
        rule: String,
        value: Value,
    },
    Open {
        scope: Scope,
        pinned: Value,
    },
    /// Something outside must happen.
    Wait(WaitFor),
    /// Something must be called.
    Call(Callee),
}

pub(crate) enum WaitFor {
    Review(Review),
    Timer(Duration),
    Signal { name: String, within: Option<Duration> },
    Child(ChildRun),
}

pub(crate) enum Callee {
    Model(Box<ModelRequest>),
    Tool { name: String, arguments: Value },
    Once(BoxFuture<'static, Result<Value, Failure>>),
}
