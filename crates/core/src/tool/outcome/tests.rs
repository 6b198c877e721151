//! Outcomes stay apart: in the journal, for the code and for the model.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{
    failure::Retryability,
    tool::{TookEffect, told_to_model},
};

fn denied(reason: DenialReason) -> ToolOutcome {
    ToolOutcome::Denied(Denial { tool: "refund".to_owned(), reason })
}

fn in_doubt() -> ToolOutcome {
    let because = "no answer within 5s".to_owned();
    ToolOutcome::InDoubt(InDoubt { first_sent_at: Timestamp::from_millis(1), because })
}

fn one_of_each() -> Vec<ToolOutcome> {
    let arguments = vec![SchemaError { path: "/cents".into(), message: "is not a number".into() }];
    vec![
        ToolOutcome::Found(json!({"order": 7})),
        ToolOutcome::Empty,
        ToolOutcome::Failed(ToolFailure::refused("no such payment")),
        ToolOutcome::Failed(ToolFailure::timed_out(Duration::from_secs(5))),
        ToolOutcome::Failed(ToolFailure::unavailable("it failed too often")),
        denied(DenialReason::NotGranted),
        denied(DenialReason::Unknown),
        denied(DenialReason::Arguments(arguments)),
        denied(DenialReason::Policy("refunds stop at 100".into())),
        denied(DenialReason::Rejected("wrong customer".into())),
        in_doubt(),
    ]
}

#[test]
fn null_and_an_empty_list_are_empty_and_other_small_values_are_not() {
    for empty in [json!(null), json!([])] {
        assert_eq!(ToolOutcome::of(empty), ToolOutcome::Empty);
    }
    for found in [json!(0), json!(false), json!(""), json!({}), json!([null])] {
        assert_eq!(ToolOutcome::of(found.clone()), ToolOutcome::Found(found));
    }
}

#[test]
fn every_outcome_reads_back_from_the_journal() {
    for outcome in one_of_each() {
        let json = serde_json::to_string(&outcome).unwrap();
        assert_eq!(serde_json::from_str::<ToolOutcome>(&json).unwrap(), outcome);
    }
}

#[test]
fn a_model_is_told_something_else_in_each_case() {
    let mut told: Vec<_> = one_of_each().iter().map(told_to_model).collect();
    let count = told.len();
    told.sort();
    told.dedup();
    assert_eq!(told.len(), count);
}

#[test]
fn unavailable_is_not_told_as_empty_nor_in_doubt_as_failed() {
    let unavailable = told_to_model(&ToolOutcome::Failed(ToolFailure::unavailable("closed")));
    assert!(unavailable.contains("does not mean that nothing exists"), "{unavailable}");
    assert!(!unavailable.contains("found nothing"));
    let doubt = told_to_model(&in_doubt());
    assert!(doubt.contains("Do not repeat it") && !doubt.contains("The tool failed"), "{doubt}");
}

#[test]
fn a_model_learns_which_argument_is_wrong() {
    let errors = vec![SchemaError { path: "/cents".into(), message: "is not a number".into() }];
    let told = told_to_model(&denied(DenialReason::Arguments(errors)));
    assert!(told.contains("/cents") && told.contains("is not a number"), "{told}");
}

#[test]
fn any_error_becomes_a_failure_that_may_have_acted() {
    let call = || -> Result<i32, ToolFailure> { Ok("x".parse::<i32>()?) };
    let failure = call().unwrap_err();
    assert_eq!(failure.took_effect, TookEffect::Unknown);
    assert_eq!(failure.retry, Retryability::Permanent);
    assert_eq!(failure.message, "invalid digit found in string");
}
