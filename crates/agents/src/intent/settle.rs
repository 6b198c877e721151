//! What is unclear, put before a person: one question, and a review if its answer is unclear too.

use std::sync::Arc;

use mainstay_core::{
    effects::Effects,
    failure::Failure,
    review::{Decision, Review, ReviewOutcome},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Answer, Intents, Routed, input, question, suggest::suggest};

/// The desk whose people say what is meant.
const QUEUE: &str = "intent";

/// How often a person is asked: the question, and the review after an unclear answer.
const ROUNDS: [&str; 2] =
    ["Which flow is meant?", "The answer was unclear too: which flow is meant?"];

/// What a person decides about. To approve is to take the first candidate; an amendment is a
/// candidate; an answer names one, by number or name.
#[derive(Debug, Serialize)]
struct Asked<'a> {
    request: &'a str,
    question: String,
    candidates: &'a [Routed],
}

/// What a person may put in place of the candidates.
#[derive(Debug, Deserialize)]
struct Amended {
    flow: String,
    #[serde(default)]
    input: Value,
}

/// Settles what code could not: the fast tier is asked for a suggestion, then a person decides.
/// `None` means that nothing was chosen; silence and a refusal choose nothing.
///
/// # Errors
/// A review failed. A model that cannot be asked is no failure: the person is asked without it.
pub async fn settle(
    effects: &Arc<dyn Effects>,
    intents: &Intents,
    text: &str,
) -> Result<Option<Routed>, Failure> {
    let candidates = match intents.answer(text, effects.schema().as_ref()) {
        Answer::Routed(routed) => return Ok(Some(routed)),
        Answer::Unclear { candidates, .. } | Answer::Unknown { candidates } => candidates,
    };
    let candidates = match suggest(effects, intents, text).await {
        Ok(Some(suggested)) => led_by(suggested, candidates),
        Ok(None) | Err(_) => candidates,
    };
    for title in ROUNDS {
        let question = question(&candidates, intents.targets());
        let asked = Asked { request: text, question, candidates: &candidates };
        let review = Review::of(title, &asked).with_queue(QUEUE);
        let ReviewOutcome::Decided { decision, .. } = effects.review(review).await? else {
            return Ok(None);
        };
        let chosen = match decision {
            Decision::Approve { .. } => candidates.first().map(Routed::by_a_person),
            Decision::Amend { subject, .. } => amended(effects, intents, subject),
            Decision::Reject { .. } => return Ok(None),
            Decision::Respond { text } => Intents::chosen(&text, &candidates),
        };
        if chosen.is_some() {
            return Ok(chosen);
        }
    }
    Ok(None)
}

fn led_by(suggested: Routed, candidates: Vec<Routed>) -> Vec<Routed> {
    let others = candidates.into_iter().filter(|candidate| candidate.flow != suggested.flow);
    std::iter::once(suggested.clone()).chain(others).take(super::MOST_CANDIDATES).collect()
}

/// A person may name any flow, with an input that fits it.
fn amended(effects: &Arc<dyn Effects>, intents: &Intents, subject: Value) -> Option<Routed> {
    let Amended { flow, input } = serde_json::from_value(subject).ok()?;
    let target = intents.targets().iter().find(|target| target.flow == flow)?;
    let input = if input.is_null() { Value::Object(serde_json::Map::new()) } else { input };
    let fits = effects.schema().errors(&input::partial(&target.schema), &input).is_empty();
    let input = target.complete(&input);
    let (confidence, by) = (super::Confidence::declared(), super::By::Person);
    fits.then_some(Routed { flow, input, confidence, by })
}
