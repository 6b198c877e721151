//! A call whose other side asks something first: a person is asked, nobody else, and the call goes
//! on with the answers. A refusal or silence is an end too, and nothing is done then.

use mainstay_core::{
    budget::Settlement,
    effect::EffectPosition,
    failure::Failure,
    fold::input::Input,
    journal::InputAsked,
    label::Label,
    model::Onward,
    payload::Payload,
    review::{ReviewOutcome, ReviewReason},
    tool::{Denial, DenialReason, InputGiven, InputWanted, TookEffect, ToolSpec},
    wait::Wait,
};
use serde_json::{Value, json};

use super::{
    Drive, Stop,
    approve::Asking,
    call::{Call, Target},
};
use crate::context::Request;

/// The queue of questions that come from the other side of a call.
const INPUT_QUEUE: &str = "input";

/// The other side may ask so many times before it answers a call.
const MOST_ROUNDS: u32 = 10;

/// What an attempt takes along of what was asked before.
pub(super) enum Heard {
    /// Nothing was asked, or this answers it.
    Go(Option<InputGiven>),
    /// Nobody answers, and nothing has been done.
    Refused(Failure),
}

/// What a call asks of a person.
pub(super) struct Question {
    pub(super) wanted: Box<InputWanted>,
    pub(super) took_effect: TookEffect,
    /// What it is where nobody can be asked.
    pub(super) failure: Failure,
}

impl Drive {
    /// Parks a call until a person has answered what its other side asks.
    pub(super) fn ask_input(&mut self, mut call: Call, asked: Question) -> Result<(), Stop> {
        let round = self.input_at(&call.position).map_or(0, |input| input.round);
        if round >= MOST_ROUNDS || self.book.run.unwinding {
            return self.attempt_failed(call, asked.failure, asked.took_effect, Onward::Nobody);
        }
        if !call.failed.is_empty() || call.spend != Settlement::NOTHING {
            self.keep_attempts(&call)?;
        }
        let under_way = call.took_effect(asked.took_effect, &asked.failure) == TookEffect::Unknown;
        call.failed.clear();
        let (request, target) = call.into_request();
        let Target::Tool { tool, .. } = &target else { return Ok(()) };
        let spec = tool.spec();
        let subject = self.input_subject(&request, spec, &asked.wanted, under_way)?;
        let review = self.review_of(
            &request,
            Asking {
                reason: ReviewReason::Input,
                title: format!("`{}` asks before it goes on", spec.name),
                subject,
                queue: INPUT_QUEUE,
            },
        )?;
        let (review_id, reason) = (review.review_id, ReviewReason::Input);
        let wanted = Payload::of(&asked.wanted)?;
        let label = spec.result_label.join(&self.label_at(&request.position));
        let input = InputAsked { wanted: wanted.reference(label), under_way };
        let wait = Wait::Review { review_id, reason, bound: None };
        self.open_review_of(&request, wait, review, Some((input, wanted)))
    }

    fn input_subject(
        &self,
        request: &Request,
        spec: &ToolSpec,
        wanted: &InputWanted,
        under_way: bool,
    ) -> Result<Value, Stop> {
        let run = &self.book.run;
        Ok(json!({
            "tool": spec.name,
            "arguments": request.arguments.read::<Value>()?,
            "questions": wanted.questions,
            "under_way": under_way,
            "effect": spec.effect,
            "reversibility": spec.reversibility,
            "origin": spec.origin.to_string(),
            "label": spec.result_label.join(&Label::UNTRUSTED),
            "asked_by": self.asked_by(&request.position, self.agent_at(&request.position)),
            "idempotency_key": request.position.key(run.key_root).to_string(),
        }))
    }

    fn input_at(&self, position: &EffectPosition) -> Option<&Input> {
        self.book.run.effect(position).and_then(|record| record.input.as_deref())
    }

    /// Returns what a person answered that a call goes on with. A decision is read again here,
    /// whatever took it.
    pub(super) async fn heard(
        &mut self,
        position: &EffectPosition,
        tool: &str,
    ) -> Result<Heard, Stop> {
        let Some(input) = self.input_at(position).cloned() else { return Ok(Heard::Go(None)) };
        let Some(outcome) = input.outcome else { return Ok(Heard::Go(None)) };
        let wanted = self.book.value(&input.wanted).await?;
        let wanted: InputWanted =
            serde_json::from_value(wanted).map_err(|error| Stop::Corrupt(error.to_string()))?;
        let answered = match &outcome {
            ReviewOutcome::Decided { decision, by, .. } => wanted
                .questions
                .answered(decision, self.desk.runtime.schema.as_ref())
                .map_err(|why| format!("{by}: {why}")),
            ReviewOutcome::Expired => Err("nobody answered its question in time".to_owned()),
        };
        Ok(match answered {
            Ok(answers) => Heard::Go(Some(InputGiven { wanted, answers: Some(answers) })),
            // The other side is at work and has to be told.
            Err(_) if input.under_way => Heard::Go(Some(InputGiven { wanted, answers: None })),
            Err(why) => {
                let reason = DenialReason::Rejected(why);
                let denial = Denial { tool: tool.to_owned(), reason };
                Heard::Refused(denial.into_failure())
            }
        })
    }
}
