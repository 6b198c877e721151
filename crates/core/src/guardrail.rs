//! Guardrails: checks on what goes to a model and what comes from it.

use serde::{Deserialize, Serialize};

/// What a guardrail looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// What an agent is asked to do.
    Task,
    /// The answer it wants to give.
    Answer,
}

/// What a guardrail finds. A machine gives a verdict; only a person decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing is wrong.
    Pass,
    /// It may go on so.
    Redacted {
        /// The text to go on with.
        text: String,
    },
    /// It may not go on.
    Blocked {
        /// Why, in words that help whoever wrote the text.
        why: String,
    },
    /// The check itself failed. That never passes: a person decides.
    Error {
        /// What went wrong.
        why: String,
    },
}

/// A check in code. It gives the same verdict on the same text, always: a repeat of a step asks it
/// again.
pub trait Guardrail: Send + Sync {
    /// Returns its name, as findings show it.
    fn name(&self) -> &str;

    /// Looks at a text.
    fn check(&self, stage: Stage, text: &str) -> Verdict;
}
