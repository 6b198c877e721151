//! A person with a script: decides what flows ask, and looks into the world about what is in doubt.

use std::{fmt, sync::Arc};

use mainstay_core::{
    budget::Limits,
    id::RunId,
    review::{Decision, ReviewReason, ReviewRequest},
};
use serde_json::Value;

use super::outside::{Doubt, Outside};

/// What the person says when an action in doubt turns out not to have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Absent {
    /// Send it again: the run ends as if nothing had gone wrong.
    #[default]
    SendAgain,
    /// It did not happen: the step is told that it failed.
    Reject,
}

type Answer = Arc<dyn Fn(&ReviewRequest) -> Decision + Send + Sync>;

/// Somebody who decides every review at once.
#[derive(Clone)]
pub struct Person {
    answer: Answer,
    absent: Absent,
    top_up: Option<Limits>,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person").field("absent", &self.absent).finish_non_exhaustive()
    }
}

impl Default for Person {
    fn default() -> Self {
        Self::answering(|_| Decision::Approve { note: None })
    }
}

impl Person {
    /// Makes a person who answers what flows ask.
    #[must_use]
    pub fn answering(answer: impl Fn(&ReviewRequest) -> Decision + Send + Sync + 'static) -> Self {
        Self { answer: Arc::new(answer), absent: Absent::default(), top_up: None }
    }

    /// Sets what is said about an action in doubt that did not happen.
    #[must_use]
    pub const fn with_absent(mut self, absent: Absent) -> Self {
        self.absent = absent;
        self
    }

    /// Raises the budget of a run that waits for a larger one by so much, whenever it does.
    #[must_use]
    pub const fn with_top_up(mut self, more: Limits) -> Self {
        self.top_up = Some(more);
        self
    }

    /// Returns by how much an exhausted budget is raised, if it is.
    pub(crate) const fn top_up(&self) -> Option<Limits> {
        self.top_up
    }

    /// Returns the decision about a review of a run.
    pub async fn decide(
        &self,
        run_id: RunId,
        review: &ReviewRequest,
        outside: &dyn Outside,
    ) -> Decision {
        match review.reason {
            ReviewReason::Asked
            | ReviewReason::Partial
            | ReviewReason::Approval
            | ReviewReason::Input => (self.answer)(review),
            ReviewReason::InDoubt => {
                match (outside.find(&doubt(run_id, &review.subject)).await, self.absent) {
                    (Some(subject), _) => Decision::Amend { subject, note: None },
                    (None, Absent::SendAgain) => Decision::Approve { note: None },
                    (None, Absent::Reject) => {
                        Decision::Reject { reason: "nobody has heard of it".to_owned() }
                    }
                }
            }
        }
    }
}

fn doubt(run_id: RunId, subject: &Value) -> Doubt {
    let text =
        |name: &str| subject.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Doubt {
        run_id,
        tool: text("tool"),
        arguments: subject.get("arguments").cloned().unwrap_or_default(),
        key: text("idempotency_key"),
    }
}
