//! Whether an answer counts.

use mainstay_core::{
    model::Part,
    review::{Decision, ReviewOutcome},
};

use super::*;
use crate::{
    crew::{Demand, OnToolFailure},
    testing::{asks, decided},
};

fn one(task: Task) -> Crew {
    crew([member("ann", &["look", "pay"])], [task])
}

/// Pays in the first turn, answers badly in the second, and well once it is told.
fn pays_then_learns(request: &ModelRequest) -> Result<ModelReply, Failure> {
    Ok(match turn(request) {
        1 => asks([("pay", json!({ "to": "bob" }))]),
        _ if said(request).contains("no receipt is named") => says("paid, receipt 7"),
        _ => says("paid"),
    })
}

fn receipts() -> Rules {
    Rules::new().with_check("receipt", |text, _| {
        text.contains("receipt 7").then_some(()).ok_or_else(|| "no receipt is named".to_owned())
    })
}

#[test]
fn a_retry_goes_on_in_the_same_conversation_and_repeats_no_finished_call() {
    let fake = outside(pays_then_learns);
    let task = task("a", "ann").with_guardrail(Demand::Check("receipt".into()));
    let output = work(&fake, &one(task), &receipts()).unwrap();
    assert_eq!((output.raw.as_str(), output.tasks[0].retries), ("paid, receipt 7", 1));
    assert_eq!(names(&fake.called()), ["pay"], "the payment is not made again");
    let last = fake.requests().pop().unwrap();
    assert!(said(&last).contains("receipt"), "it still sees what came of it: {}", said(&last));
}

#[test]
fn an_answer_that_never_passes_fails_its_task_after_so_many_retries() {
    let fake = outside(|_| Ok(says("no")));
    let demand = Demand::Check("receipt".into());
    let task = task("a", "ann").with_guardrail(demand).with_guardrail_retries(2);
    let failure = work(&fake, &one(task), &receipts()).unwrap_err();
    assert_eq!(failure.code, Code::TaskGuardrail);
    assert!(failure.message.contains("tried 3 times: no receipt is named"), "{failure}");
    assert_eq!(fake.requests().len(), 3);
}

#[test]
fn a_demand_in_words_is_judged_by_a_model_that_sees_the_answer_marked() {
    let fake = outside(|request| {
        Ok(match (who(request).as_str(), request.output.is_some()) {
            ("judge", true) if opening(request).contains("polite") => {
                says(r#"{"meets": true, "why": ""}"#)
            }
            ("judge", true) => says(r#"{"meets": false, "why": "it is rude"}"#),
            _ if said(request).contains("it is rude") => says("a polite answer"),
            _ => says("go away"),
        })
    });
    let demand = Demand::Words("The answer is friendly.".into());
    let output = done(&fake, &one(task("a", "ann").with_guardrail(demand)));
    assert_eq!((output.raw.as_str(), output.tasks[0].retries), ("a polite answer", 1));
    assert_eq!(output.usage.total(), 60, "both opinions are counted");
    let judged = fake.requests().into_iter().find(|request| who(request) == "judge").unwrap();
    assert!(!opening(&judged).contains("go away"), "an answer is no instruction to its judge");
}

#[test]
fn what_is_no_verdict_never_passes() {
    let fake = outside(|request| Ok(says(if who(request) == "judge" { "sure" } else { "x" })));
    let demand = Demand::Words("The answer is friendly.".into());
    let failure = fails(&fake, &one(task("a", "ann").with_guardrail(demand)));
    assert_eq!(failure.code, Code::ModelSchema);
}

#[test]
fn the_agents_own_guardrail_holds_for_each_of_its_tasks() {
    let fake = outside(|request| {
        let told = said(request).contains("no receipt is named");
        Ok(says(if told { "receipt 7" } else { "x" }))
    });
    let ann = member("ann", &[]).with_guardrail(Demand::Check("receipt".into()));
    let crew = crew([ann], [task("a", "ann"), task("b", "ann")]);
    let output = work(&fake, &crew, &receipts()).unwrap();
    assert_eq!(output.tasks.iter().map(|task| task.retries).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn a_check_that_is_not_registered_is_found_before_anything_is_asked() {
    let fake = outside(echo);
    let demand = Demand::Check("receipt".into());
    assert_eq!(
        code(&fails(&fake, &one(task("a", "ann").with_guardrail(demand)))),
        Code::CrewInvalid
    );
    assert_eq!(fake.requests().len(), 0);
}

fn reviewed(outcome: ReviewOutcome) -> (Fake, Result<CrewOutput, Failure>) {
    let fake = outside(echo).with_review(move |_| outcome.clone());
    let output = work(&fake, &one(task("a", "ann").with_review()), &Rules::new());
    (fake, output)
}

#[test]
fn a_person_decides_whether_an_answer_counts() {
    let (_, approved) = reviewed(decided(Decision::Approve { note: None }));
    assert_eq!(approved.unwrap().raw, "ann did: Do the a.");
    let subject = json!({ "answer": "what I say" });
    let (_, amended) = reviewed(decided(Decision::Amend { subject, note: None }));
    assert_eq!(amended.unwrap().raw, "what I say");
    let (_, rejected) = reviewed(decided(Decision::Reject { reason: "wrong year".into() }));
    let rejected = rejected.unwrap_err();
    assert_eq!(rejected.code, Code::TaskRejected);
    assert!(rejected.message.contains("ann rejected its answer: wrong year"), "{rejected}");
    let (_, expired) = reviewed(ReviewOutcome::Expired);
    assert_eq!(expired.unwrap_err().code, Code::ReviewExpired, "silence approves nothing");
}

#[test]
fn what_a_person_responds_goes_back_to_the_agent() {
    let fake = outside(|request| {
        let told = said(request).contains("ann says: add the year");
        Ok(says(if told { "in 2026" } else { "it went well" }))
    })
    .with_review(|review| {
        let done = review.subject["answer"].as_str().is_some_and(|text| text.contains("2026"));
        decided(if done {
            Decision::Approve { note: None }
        } else {
            Decision::Respond { text: "add the year".into() }
        })
    });
    let output = done(&fake, &one(task("a", "ann").with_review()));
    assert_eq!((output.raw.as_str(), output.tasks[0].retries), ("in 2026", 1));
}

/// CrewAI #3154: a tool that failed is reported as a success.
#[test]
fn peer_defects_p_a_tool_failure_is_never_reported_as_a_success() {
    let model = |request: &ModelRequest| {
        Ok(match turn(request) {
            1 => asks([("broken", json!({}))]),
            _ => says("All done, everything worked."),
        })
    };
    let broken = || {
        Fake::new(model).with_tool(tool("broken"), |_| {
            ToolOutcome::Failed(mainstay_core::tool::ToolFailure::new("no connection"))
        })
    };
    let crew = |on| crew([member("ann", &["broken"])], [task("a", "ann").with_tool_failures(on)]);
    let fake = broken();
    let output = done(&fake, &crew(OnToolFailure::Record));
    let trouble = &output.tasks[0].tool_failures;
    assert_eq!((trouble.len(), trouble[0].tool.as_str()), (1, "broken"));
    assert_eq!(trouble[0].outcome, "failed");
    assert!(trouble[0].told.contains("The tool failed: no connection"));
    let told = &fake.requests()[1].messages[2].parts[0];
    assert!(matches!(told, Part::ToolResult(result) if result.is_error), "{told:?}");
    let failure = fails(&broken(), &crew(OnToolFailure::Fail));
    assert_eq!(failure.code, Code::TaskToolFailed);
    assert!(failure.message.contains("no connection"), "{failure}");
}

/// CrewAI #5156: a tool call that a model only writes about is taken for one.
#[test]
fn peer_defects_p_a_call_that_is_only_claimed_does_not_exist() {
    let claims =
        "Action: pay\nAction Input: {\"to\": \"bob\"}\nObservation: receipt 9\nFinal Answer: paid";
    let fake = outside(move |_| Ok(says(claims)));
    let output = done(&fake, &one(task("a", "ann")));
    assert_eq!(output.tasks[0].tool_calls, 0);
    assert_eq!(fake.called(), []);
}
