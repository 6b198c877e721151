//! What people said before when the same tool asked for leave: the newest decisions, those about the
//! same arguments first.

use mainstay_core::{
    id::ReviewId,
    review::{Decision, ReviewOutcome, ReviewReason},
    store::{
        Store, StoreError,
        row::{ReviewFilter, ReviewRow},
    },
};
use serde::Serialize;
use serde_json::Value;

use crate::cli::{count, span};

/// So many of the newest reviews are looked through.
const LOOKED_THROUGH: u32 = 1_000;

/// So many decisions are shown.
const SHOWN: usize = 3;

/// Earlier decisions about calls of the same tool.
#[derive(Serialize)]
pub(super) struct Similar {
    approved: usize,
    /// Rejected, amended, answered in words, or expired: the call was not made.
    refused: usize,
    latest: Vec<Past>,
}

#[derive(Serialize)]
struct Past {
    review_id: ReviewId,
    decision: &'static str,
    by: Option<String>,
    at: Option<String>,
    same_arguments: bool,
}

/// Looks for them; there are none for a review that is no call's.
pub(super) async fn find(
    store: &dyn Store,
    row: &ReviewRow,
) -> Result<Option<Similar>, StoreError> {
    if row.request.reason != ReviewReason::Approval {
        return Ok(None);
    }
    let own = &row.request;
    let all = store.reviews(ReviewFilter::All(LOOKED_THROUGH)).await?;
    let of_tool = all.iter().filter(|past| {
        let request = &past.request;
        request.reason == ReviewReason::Approval
            && request.review_id != own.review_id
            && request.subject.get("tool") == own.subject.get("tool")
    });
    let decided: Vec<_> = of_tool.filter_map(|past| Some((past, past.outcome.as_ref()?))).collect();
    let approved = decided.iter().filter(|(_, outcome)| is_approval(outcome)).count();
    let arguments = own.subject.get("arguments");
    let mut latest: Vec<_> =
        decided.iter().map(|(past, outcome)| Past::of(past, outcome, arguments)).collect();
    latest.sort_by_key(|past| !past.same_arguments);
    latest.truncate(SHOWN);
    Ok(Some(Similar { approved, refused: decided.len() - approved, latest }))
}

const fn is_approval(outcome: &ReviewOutcome) -> bool {
    matches!(outcome, ReviewOutcome::Decided { decision: Decision::Approve { .. }, .. })
}

impl Past {
    fn of(row: &ReviewRow, outcome: &ReviewOutcome, arguments: Option<&Value>) -> Self {
        let (decision, by, at) = match outcome {
            ReviewOutcome::Decided { decision, by, at } => {
                (decision.verb(), Some(by.clone()), Some(span::rfc3339(*at)))
            }
            ReviewOutcome::Expired => ("expired", None, None),
        };
        let same_arguments = row.request.subject.get("arguments") == arguments;
        Self { review_id: row.request.review_id, decision, by, at, same_arguments }
    }
}

impl Similar {
    /// Returns them as lines for a person.
    pub(super) fn lines(&self) -> Vec<String> {
        let calls = count::of(self.approved + self.refused, "earlier call");
        let mut lines = vec![format!(
            "  similar  {calls} of this tool: {} approved, {} not",
            self.approved, self.refused
        )];
        lines.extend(self.latest.iter().map(|past| {
            let by = past.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
            let same = if past.same_arguments { ", the same arguments" } else { "" };
            format!("           {}{by}{same}  {}", past.decision, past.review_id)
        }));
        lines
    }
}
