//! The tool calls of one turn: asked for together, and what is told of each.

use mainstay_core::{
    digest::Digest,
    effects::{Asked, all},
    label::Integrity,
    model::ToolCall,
    tool::{DenialReason, ToolOutcome, told_to_model},
};

use super::{
    ToolTrouble,
    conversation::Told,
    offer::{Offer, OfferKind},
    work::Worker,
};
use crate::{loops::Circle, memory::Note};

/// How one call of a turn ended.
pub(super) struct Landed {
    told: Told,
    /// What came of it, if it was made.
    result: Option<Digest>,
    trouble: Option<ToolTrouble>,
    fit: Fit,
    /// The circle it would have gone on with, if that is why it was not made.
    circle: Option<Circle>,
}

/// Whether a call could be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    Fits,
    DoesNot,
}

/// What a turn's calls led to.
pub(super) struct Calls {
    pub(super) told: Vec<Told>,
    pub(super) circle: Option<Circle>,
    pub(super) unfit: bool,
}

impl Worker {
    /// Makes the calls of a turn side by side. Each is an effect of its own, asked for before the
    /// first is awaited.
    pub(super) async fn calls(&mut self, calls: &[ToolCall]) -> Calls {
        let asked = calls.iter().map(|call| match self.admit(call) {
            Ok(offer) => self.launch(call, &offer),
            Err(refused) => at_once(*refused),
        });
        let asked: Vec<_> = asked.collect();
        let landed = all(asked).await;
        let unfit = landed.iter().any(|landed| landed.fit == Fit::DoesNot);
        let circle = landed.iter().rev().find_map(|landed| landed.circle.clone());
        let told = calls.iter().zip(landed).map(|(call, landed)| self.land(call, landed)).collect();
        Calls { told, circle, unfit }
    }

    /// Keeps what came of a call.
    fn land(&mut self, call: &ToolCall, landed: Landed) -> Told {
        if let Some(result) = landed.result {
            self.watch.saw(&call.name, Digest::of_value(&call.arguments), result);
            self.integrity = self.integrity.max(landed.told.integrity);
        }
        self.tool_failures.extend(landed.trouble);
        landed.told
    }

    /// Looks whether a call may be made at all.
    fn admit(&mut self, call: &ToolCall) -> Result<Offer, Box<Landed>> {
        let Some(offer) = self.beginning.find(&call.name).cloned() else {
            let names: Vec<_> =
                self.beginning.offers.iter().map(|o| o.offer.name.as_str()).collect();
            let why = format!("there is no tool `{}`; there are: {}", call.name, names.join(", "));
            return Err(Box::new(Landed::refused(call, why, Fit::DoesNot)));
        };
        if let Some(problem) = call.problem() {
            return Err(Box::new(Landed::refused(call, problem, Fit::DoesNot)));
        }
        let errors = self.effects.schema().errors(&offer.offer.schema, &call.arguments);
        if !errors.is_empty() {
            let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
            let why = format!("the arguments do not fit: {}. Correct them.", errors.join("; "));
            return Err(Box::new(Landed::refused(call, why, Fit::DoesNot)));
        }
        let arguments = Digest::of_value(&call.arguments);
        self.watch.admit(&call.name, arguments, offer.nature()).map_err(|circle| {
            let why = format!("the call was not made: {circle}. Do something else, or answer.");
            let refused = Landed::refused(call, why, Fit::Fits);
            Box::new(Landed { circle: Some(circle), ..refused })
        })?;
        Ok(offer)
    }

    fn launch(&mut self, call: &ToolCall, offer: &Offer) -> Asked<'static, Landed> {
        let integrity = offer.integrity;
        let outcome = match offer.kind {
            OfferKind::Memory => return self.remember(call),
            OfferKind::Tool => {
                self.tool_calls += 1;
                self.effects.tool(&call.name, call.arguments.clone())
            }
            OfferKind::Skill => {
                let skill = self.kit.skill(&call.name).cloned();
                let arm = self.effects.arms(1).into_iter().next();
                match skill.zip(arm) {
                    Some((skill, arm)) => skill.call(arm, call.arguments.clone()),
                    None => {
                        let why = format!("`{}` is not there any more", call.name);
                        return at_once(Landed::refused(call, why, Fit::Fits));
                    }
                }
            }
        };
        let name = call.name.clone();
        Box::pin(async move { Landed::of(&name, &outcome.await, integrity) })
    }

    fn remember(&mut self, call: &ToolCall) -> Asked<'static, Landed> {
        let landed = match serde_json::from_value::<Note>(call.arguments.clone()) {
            Ok(note) => {
                self.memory.note(note, self.integrity);
                let told = Told { is_error: false, ..Told::own("kept in mind") };
                // What is kept in mind may be news; the answer is always the same.
                let result = Some(Digest::of_value(&call.arguments));
                Landed { told, result, trouble: None, fit: Fit::Fits, circle: None }
            }
            Err(error) => Landed::refused(call, error.to_string(), Fit::DoesNot),
        };
        at_once(landed)
    }
}

fn at_once(landed: Landed) -> Asked<'static, Landed> {
    Box::pin(std::future::ready(landed))
}

impl Landed {
    fn refused(call: &ToolCall, why: String, fit: Fit) -> Self {
        let told = Told::own(format!("The tool was not called: {why}"));
        let trouble = ToolTrouble {
            tool: call.name.clone(),
            outcome: "denied".to_owned(),
            told: told.text.clone(),
        };
        Self { told, result: None, trouble: Some(trouble), fit, circle: None }
    }

    fn of(tool: &str, outcome: &ToolOutcome, integrity: Integrity) -> Self {
        let text = told_to_model(outcome);
        let works = matches!(outcome, ToolOutcome::Found(_) | ToolOutcome::Empty);
        let trouble = (!works).then(|| ToolTrouble {
            tool: tool.to_owned(),
            outcome: outcome.word().to_owned(),
            told: text.clone(),
        });
        let result = Some(Digest::of(text.as_bytes()));
        let told = Told { text, is_error: !works, integrity };
        Self { told, result, trouble, fit: Fit::of(outcome), circle: None }
    }
}

impl Fit {
    /// The pipeline looks at arguments too, with the tool as it is now.
    fn of(outcome: &ToolOutcome) -> Self {
        match outcome {
            ToolOutcome::Denied(denial) if matches!(denial.reason, DenialReason::Arguments(_)) => {
                Self::DoesNot
            }
            ToolOutcome::Found(_)
            | ToolOutcome::Empty
            | ToolOutcome::Failed(_)
            | ToolOutcome::Denied(_)
            | ToolOutcome::InDoubt(_) => Self::Fits,
        }
    }
}
