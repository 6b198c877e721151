//! The critic: whether an outcome is what the plan expected. It can say one of three words.

use std::sync::Arc;

use mainstay_core::{
    effects::Effects,
    model::{ModelName, ModelRequest, OutputSchema, ToolChoice},
    plan::{Expectation, PlanStep, Unmet},
    tool::ToolOutcome,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{answer::answer, mark::Mark};

use super::extract::LONGEST;

/// What is to happen after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CriticVerdict {
    /// It is as expected: the next step.
    Continue,
    /// It is not: the planner makes another plan.
    Revise,
    /// A person must look.
    Escalate,
}

/// Who judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judge {
    /// Code.
    Rules,
    /// A model, where the expectation is in words.
    Model,
}

/// A verdict on a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// The step.
    pub step: String,
    /// What is to happen.
    pub verdict: CriticVerdict,
    /// Who says so.
    pub by: Judge,
}

impl Judged {
    fn new(step: &PlanStep, verdict: CriticVerdict, by: Judge) -> Self {
        Self { step: step.id.clone(), verdict, by }
    }
}

/// Compares an outcome with what the step expects: by code, and by a model where that leaves words.
/// A critic that gives no verdict, or has too much to read, has found no reason to go on: a person
/// looks.
pub(super) async fn judge(
    effects: &Arc<dyn Effects>,
    critic: Option<&ModelName>,
    step: &PlanStep,
    outcome: &ToolOutcome,
) -> Judged {
    let expectation =
        step.expect.as_deref().map_or(Ok(Expectation::Words(String::new())), |text| {
            let expectation = Expectation::read(text);
            expectation.check(outcome).map(|()| expectation)
        });
    let by_rules = |verdict| Judged::new(step, verdict, Judge::Rules);
    match (expectation, critic) {
        (Err(unmet), _) => by_rules(after(unmet, outcome)),
        (Ok(_), _) if !worked(outcome) => by_rules(after(Unmet::DidNotWork, outcome)),
        (Ok(Expectation::Words(words)), Some(critic)) if !words.is_empty() => {
            let verdict = ask(effects, critic, step, &words, outcome).await;
            Judged::new(step, verdict, Judge::Model)
        }
        (Ok(_), _) => by_rules(CriticVerdict::Continue),
    }
}

const fn worked(outcome: &ToolOutcome) -> bool {
    matches!(outcome, ToolOutcome::Found(_) | ToolOutcome::Empty)
}

/// What may have happened is no ground to plan on.
const fn after(unmet: Unmet, outcome: &ToolOutcome) -> CriticVerdict {
    match (unmet, outcome) {
        (Unmet::DidNotWork, ToolOutcome::InDoubt(_)) => CriticVerdict::Escalate,
        (Unmet::DidNotWork | Unmet::NothingThere | Unmet::SomethingThere | Unmet::Differs, _) => {
            CriticVerdict::Revise
        }
    }
}

async fn ask(
    effects: &Arc<dyn Effects>,
    critic: &ModelName,
    step: &PlanStep,
    words: &str,
    outcome: &ToolOutcome,
) -> CriticVerdict {
    let text = match outcome {
        ToolOutcome::Found(value) => value.to_string(),
        ToolOutcome::Empty
        | ToolOutcome::Failed(_)
        | ToolOutcome::Denied(_)
        | ToolOutcome::InDoubt(_) => outcome.word().to_owned(),
    };
    if text.len() > LONGEST {
        return CriticVerdict::Escalate;
    }
    let mark = Mark::new(effects.random().await);
    let system = format!(
        "A step of a plan was carried out. Compare its outcome with what was expected of it and \
         answer with one word: `continue` if it is as expected, `revise` if it is not, `escalate` \
         if a person should look. {}",
        mark.instruction()
    );
    let asked = format!(
        "Step `{}` called `{}`.\nExpected: {words}\nOutcome ({}):\n{}",
        step.id,
        step.tool,
        outcome.word(),
        mark.span("outcome", &text)
    );
    let request = ModelRequest::new(critic.clone())
        .with_system(system)
        .with_user(asked)
        .with_tool_choice(ToolChoice::Never)
        .with_max_output_tokens(64);
    read(&answer(effects, request, &shape()).await.unwrap_or_default())
}

fn shape() -> OutputSchema {
    OutputSchema {
        name: "verdict".to_owned(),
        schema: json!({
            "type": "object",
            "properties": {"verdict": {"enum": ["continue", "revise", "escalate"]}},
            "required": ["verdict"],
            "additionalProperties": false,
        }),
    }
}

fn read(answer: &Value) -> CriticVerdict {
    let verdict = answer.get("verdict").cloned().unwrap_or_default();
    serde_json::from_value(verdict).unwrap_or(CriticVerdict::Escalate)
}
