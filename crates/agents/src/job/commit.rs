//! Committing a plan: from here on it is what the journal says it is.

use std::{collections::BTreeMap, sync::Arc};

use mainstay_core::{
    code::Code,
    digest::Digest,
    effects::{Effects, Opened, Scope, ScopeKind},
    failure::Failure,
    plan::{self, Plan, PlanDiff},
    review::{Decision, Review, ReviewOutcome},
    tool::ToolSpec,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// A version of a plan as it was committed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commitment {
    /// Which version, from 1.
    pub version: u32,
    /// The digest of the plan's canonical JSON.
    pub digest: Digest,
    /// The plan, with the full name of each tool.
    pub plan: Plan,
    /// What each of its tools was then.
    pub tools: BTreeMap<String, Digest>,
    /// What changed since the version before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<PlanDiff>,
}

impl Commitment {
    pub(super) fn new(plan: Plan, before: &[Self], specs: &[ToolSpec]) -> Self {
        let diff = before
            .first()
            .zip(before.last())
            .map(|(first, last)| plan::diff(&first.plan, &last.plan, &plan, specs));
        let version = u32::try_from(before.len()).unwrap_or(u32::MAX).saturating_add(1);
        let (digest, tools) = (plan.digest(), plan.tool_hashes(specs));
        Self { version, digest, plan, tools, diff }
    }

    /// Returns whether it does something that changes the outside and that the first version did
    /// not mean to do.
    pub(super) fn goes_beyond_the_first(&self) -> bool {
        self.diff.as_ref().is_some_and(|diff| !diff.to_approve.is_empty())
    }

    /// Opens the scope that the plan is carried out in; that puts it into the journal.
    pub(super) async fn open(
        &self,
        effects: &Arc<dyn Effects>,
        job: &str,
    ) -> Result<Opened, Failure> {
        let scope = Scope::new(ScopeKind::Job, format!("{job}/v{}", self.version));
        effects.open(scope, pin(self)?).await
    }

    /// Puts it before a person, whole: the answer is bound to these bytes.
    ///
    /// # Errors
    /// It was not approved; silence is no approval.
    pub(super) async fn approve(
        &self,
        effects: &Arc<dyn Effects>,
        job: &str,
        specs: &[ToolSpec],
    ) -> Result<(), Failure> {
        let title = format!("carry out version {} of the plan of `{job}`?", self.version);
        let acting: Vec<_> = self
            .plan
            .state_changing(specs)
            .map(|step| json!({ "step": step.id, "tool": step.tool }))
            .collect();
        let subject = json!({
            "job": job, "plan_digest": self.digest, "version": self.version, "plan": self.plan,
            "tools": self.tools, "state_changing": acting, "diff": self.diff,
        });
        approved(effects.review(Review::of(title, &subject)).await?)
    }
}

/// Returns whether a person said yes to just what was shown.
///
/// # Errors
/// Anything else.
pub(super) fn approved(outcome: ReviewOutcome) -> Result<(), Failure> {
    let refused = |why: String| Err(Failure::permanent(Code::PlanRejected, why));
    match outcome {
        ReviewOutcome::Decided { decision: Decision::Approve { .. }, .. } => Ok(()),
        ReviewOutcome::Decided { decision: Decision::Reject { reason }, by, .. } => {
            refused(format!("rejected by {by}: {reason}"))
        }
        ReviewOutcome::Decided { decision, by, .. } => refused(format!(
            "{by} answered with `{}`: only an approval of just what was shown lets it run",
            decision.verb()
        )),
        ReviewOutcome::Expired => refused("nobody decided in time".to_owned()),
    }
}

pub(super) fn pin<T: Serialize>(value: &T) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| Failure::permanent(Code::Bug, error.to_string()))
}

pub(super) fn unpin<T: DeserializeOwned>(value: Value) -> Result<T, Failure> {
    serde_json::from_value(value)
        .map_err(|error| Failure::permanent(Code::StoreCorrupt, error.to_string()))
}
