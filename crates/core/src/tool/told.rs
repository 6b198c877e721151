//! What a model is told about the outcome of a tool call.

use crate::{code::Code, failure::Retryability};

use super::outcome::{Denial, DenialReason, ToolOutcome};

/// Returns what a model is told about an outcome.
///
/// The five cases must stay apart for the model too: one that takes *unavailable* for *nothing
/// found* invents an answer, one that takes *in doubt* for *failed* acts twice.
#[must_use]
pub fn told_to_model(outcome: &ToolOutcome) -> String {
    match outcome {
        ToolOutcome::Found(value) => value.to_string(),
        ToolOutcome::Empty => {
            "The tool worked and found nothing. This is the answer, not an error.".to_owned()
        }
        ToolOutcome::Failed(failure) if failure.code == Code::ToolUnavailable => format!(
            "The tool is unavailable: {}. Nothing was looked up and nothing was done. This does not \
             mean that nothing exists.",
            failure.message
        ),
        ToolOutcome::Failed(failure) => format!(
            "The tool failed: {}. There is no result; do not assume one. {}",
            failure.message,
            match failure.retry {
                Retryability::Retryable => "It was tried as often as it may be.",
                Retryability::Permanent => "The same call would fail again.",
            }
        ),
        ToolOutcome::Denied(denial) => told_of_denial(denial),
        ToolOutcome::InDoubt(doubt) => format!(
            "It is not known whether the action happened: {}. Do not repeat it, and do not report it \
             as done or as failed. A person has been asked.",
            doubt.because
        ),
    }
}

fn told_of_denial(denial: &Denial) -> String {
    match denial.reason {
        DenialReason::Arguments(_) => {
            format!("The tool was not called: {denial}. Correct the arguments.")
        }
        DenialReason::NotGranted
        | DenialReason::Unknown
        | DenialReason::Policy(_)
        | DenialReason::Rejected(_) => {
            format!("The tool was not called: {denial}. Asking again will not change this.")
        }
    }
}
