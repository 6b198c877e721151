//! What becomes of an agent's answer: its shape, and the guardrails it has to pass.

use std::sync::Arc;

use mainstay_core::{
    code::Code,
    failure::Failure,
    guardrail::{Guardrail, Stage, Verdict},
    model::{FinishReason, ModelReply, OutputSchema},
    review::{Decision, ReviewOutcome},
};
use serde_json::json;

use super::{agent, code, now, told, turn, work};
use crate::{
    agent::{AgentReply, Assignment, Kit},
    testing::{Fake, decided, says},
};

/// Finds what a test says it finds.
struct Finds(fn(&str) -> Verdict);

impl Guardrail for Finds {
    fn name(&self) -> &str {
        "words"
    }

    fn check(&self, stage: Stage, text: &str) -> Verdict {
        match stage {
            Stage::Task => Verdict::Pass,
            Stage::Answer => (self.0)(text),
        }
    }
}

fn guarded(fake: &Fake, finds: fn(&str) -> Verdict) -> Result<AgentReply, Failure> {
    let kit = Kit { guardrails: vec![Arc::new(Finds(finds))], ..Kit::default() };
    let begun = agent().work(fake.effects(), Assignment::of("Say it."), kit);
    now(begun).expect("nothing is left to wait for")
}

fn count() -> OutputSchema {
    OutputSchema { name: "count".into(), schema: json!({ "type": "integer" }) }
}

#[test]
fn an_answer_of_the_wrong_shape_is_sent_back_at_most_twice() {
    let fake = Fake::new(|request| Ok(says(if turn(request) < 3 { "many" } else { "7" })));
    let reply = work(&fake, &agent().with_output(count())).unwrap();
    assert_eq!((reply.json, reply.turns), (Some(json!(7)), 3));
    let never = Fake::new(|_| Ok(says("many")));
    assert_eq!(code(work(&never, &agent().with_output(count()))), Code::ModelSchema);
    assert_eq!(never.requests().len(), 3);
}

#[test]
fn an_answer_that_breaks_off_or_is_empty_is_none() {
    let cut = ModelReply { finish: FinishReason::Length, ..says("it is") };
    for bad in [cut, says(" ")] {
        let fake = Fake::new(move |_| Ok(bad.clone()));
        assert_eq!(code(work(&fake, &agent())), Code::AgentAnswer);
        assert_eq!(fake.requests().len(), 3);
    }
    let declined = ModelReply { finish: FinishReason::Filtered, ..says("I cannot") };
    let fake = Fake::new(move |_| Ok(declined.clone()));
    assert_eq!(code(work(&fake, &agent())), Code::AgentAnswer);
    assert_eq!(fake.requests().len(), 1, "asking again would not change it");
}

#[test]
fn a_blocked_answer_is_sent_back_with_the_reason() {
    let fake = Fake::new(|request| {
        Ok(says(if told(request).contains("no names") { "somebody" } else { "Ann" }))
    });
    let finds = |text: &str| match text {
        "Ann" => Verdict::Blocked { why: "no names".into() },
        _ => Verdict::Pass,
    };
    assert_eq!(guarded(&fake, finds).unwrap().text, "somebody");
}

#[test]
fn a_redacted_answer_goes_on_as_it_was_left() {
    let fake = Fake::new(|_| Ok(says("call 4711")));
    let finds = |text: &str| Verdict::Redacted { text: text.replace("4711", "[…]") };
    assert_eq!(guarded(&fake, finds).unwrap().text, "call […]");
}

#[test]
fn a_check_that_fails_never_passes_by_itself() {
    let check = |outcome: ReviewOutcome| {
        let fake = Fake::new(|_| Ok(says("Ann"))).with_review(move |_| outcome.clone());
        guarded(&fake, |_| Verdict::Error { why: "no word list".into() }).map(|reply| reply.text)
    };
    assert_eq!(check(decided(Decision::Approve { note: None })).unwrap(), "Ann");
    let amended = Decision::Amend { subject: json!("somebody"), note: None };
    assert_eq!(check(decided(amended)).unwrap(), "somebody");
    let rejected = Decision::Reject { reason: "no".into() };
    for outcome in [decided(rejected), ReviewOutcome::Expired] {
        assert_eq!(check(outcome).unwrap_err().code, Code::AgentAnswer);
    }
}
