//! Asking a person about a refund, and what their answer allows.

use mainstay::prelude::*;

use crate::{rules, ticket::Ticket};

/// The desk whose people look at refunds.
const QUEUE: &str = "refunds";

/// A decision after everybody was asked who has to agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// It is carried out.
    Granted(rules::Decision),
    /// A person said no to this refund, or nobody said anything.
    Rejected(rules::Refund),
}

/// Puts a refund before a person and waits. Only an approval lets it go on, and only as it was
/// shown or amended.
pub(super) async fn ask_a_person(
    cx: &StepContext,
    letter: &Ticket,
    refund: &rules::Refund,
) -> Result<Ruling> {
    let title = format!("Pay {} EUR back for {} ({})?", refund.cents, refund.order, letter.id);
    let outcome = cx.review(Review::of(title, refund).with_queue(QUEUE)).await?;
    let decision = match outcome {
        ReviewOutcome::Decided { decision, .. } => decision,
        ReviewOutcome::Expired => return Ok(Ruling::Rejected(refund.clone())),
    };
    match decision {
        Decision::Approve { .. } => Ok(Ruling::Granted(rules::Decision::Refund(refund.clone()))),
        Decision::Amend { subject, .. } => {
            let amended = amended(refund, serde_json::from_value(subject)?)?;
            Ok(Ruling::Granted(rules::Decision::Refund(amended)))
        }
        Decision::Reject { .. } | Decision::Respond { .. } => Ok(Ruling::Rejected(refund.clone())),
    }
}

/// A person may change how much goes back and whether the goods do, not whose money it is.
fn amended(shown: &rules::Refund, amended: rules::Refund) -> Result<rules::Refund> {
    if (&amended.order, &amended.payment) == (&shown.order, &shown.payment) {
        return Ok(amended);
    }
    Err(StepError::new(format!(
        "the amendment speaks of {}, and the review was about {}",
        amended.payment, shown.payment
    )))
}
