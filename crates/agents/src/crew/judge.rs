//! Whether an answer counts: checks in code, demands in words that a model judges, and a person.

use std::sync::{Arc, Mutex, PoisonError};

use mainstay_core::{
    code::Code,
    effects::{Asked, Effects},
    failure::Failure,
    model::{ModelName, ModelRequest, OutputSchema},
    review::{Decision, Review as ReviewOf, ReviewOutcome},
};
use serde_json::{Value, json};

use super::{
    definition::{Demand, Member, Review, Task},
    rules::Rules,
    tally::{Count, Tally},
};
use crate::agent::{Judge, Judged, Ruling};
use crate::mark::Mark;

/// Guardrails that share their retries.
#[derive(Debug, Clone)]
struct Bar {
    guardrails: Vec<Demand>,
    retries: u32,
}

/// Everything an answer has to pass.
pub(super) struct Judges {
    /// What is judged, as failures call it.
    subject: String,
    model: ModelName,
    bars: Vec<Bar>,
    review: Review,
    rules: Rules,
    tally: Tally,
    /// How often the answer was sent back, for each bar. Rulings come in the same order on every
    /// repeat, so this does too.
    sent_back: Mutex<Vec<u32>>,
}

impl Judges {
    /// Makes what each answer of an agent has to pass.
    pub(super) fn of_member(member: &Member, rules: Rules, tally: Tally) -> Self {
        let bar = Bar { guardrails: member.guardrails.clone(), retries: member.guardrail_retries };
        Self {
            subject: format!("agent `{}`", member.agent.name),
            model: member.agent.model.clone(),
            bars: vec![bar],
            review: Review::Never,
            rules,
            tally,
            sent_back: Mutex::default(),
        }
    }

    /// Adds what a task demands.
    pub(super) fn and_task(mut self, task: &Task) -> Self {
        self.subject = format!("task `{}`", task.name);
        self.bars
            .push(Bar { guardrails: task.guardrails.clone(), retries: task.guardrail_retries });
        self.review = task.review;
        self
    }

    /// Returns the judge, if there is anything to judge.
    pub(super) fn into_judge(self) -> Option<Arc<dyn Judge>> {
        let demands = self.bars.iter().any(|bar| !bar.guardrails.is_empty());
        let asked = demands || self.review == Review::Asked;
        asked.then(|| Arc::new(Bench(Arc::new(self))) as Arc<dyn Judge>)
    }
}

/// What rules on answers, kept while a ruling is awaited.
struct Bench(Arc<Judges>);

impl Judge for Bench {
    fn judge(
        &self,
        on: Arc<dyn Effects>,
        answer: Judged,
    ) -> Asked<'static, Result<Ruling, Failure>> {
        let judges = Arc::clone(&self.0);
        Box::pin(async move { judges.rule(on, answer).await })
    }
}

impl Judges {
    async fn rule(&self, on: Arc<dyn Effects>, answer: Judged) -> Result<Ruling, Failure> {
        for (place, bar) in self.bars.iter().enumerate() {
            for guardrail in &bar.guardrails {
                if let Some(why) = self.wrong(&on, guardrail, &answer).await? {
                    return self.send_back(place, bar.retries, why);
                }
            }
        }
        match self.review {
            Review::Never => Ok(Ruling::Accept),
            Review::Asked => self.ask_person(&on, &answer).await,
        }
    }

    /// Returns what is wrong with an answer, if anything is.
    async fn wrong(
        &self,
        on: &Arc<dyn Effects>,
        guardrail: &Demand,
        answer: &Judged,
    ) -> Result<Option<String>, Failure> {
        match guardrail {
            Demand::Check(name) => match self.rules.check(name) {
                Some(check) => Ok(check(&answer.text, answer.json.as_ref()).err()),
                None => {
                    let why = format!("no check `{name}` is registered");
                    Err(Failure::permanent(Code::CrewInvalid, why))
                }
            },
            Demand::Words(demand) => self.opinion(on, demand, answer).await,
        }
    }

    /// Asks the agent's model whether an answer meets a demand. What is no verdict never passes.
    async fn opinion(
        &self,
        on: &Arc<dyn Effects>,
        demand: &str,
        answer: &Judged,
    ) -> Result<Option<String>, Failure> {
        let place = self.tally.place();
        let mark = Mark::new(on.random().await);
        let asked = format!("Demand:\n{demand}\n\nAnswer:\n{}", mark.span("answer", &answer.text));
        let request = ModelRequest::new(self.model.clone())
            .with_system(format!(
                "You judge whether an answer meets a demand. Judge nothing else.\n{}",
                mark.instruction()
            ))
            .with_user(asked);
        let (verdict, usage, cost) = crate::answer::counted(on, request, &verdict()).await?;
        self.tally.set(place, Count { usage, cost, ..Count::default() });
        if verdict.get("meets").and_then(Value::as_bool) == Some(true) {
            return Ok(None);
        }
        let why = verdict.get("why").and_then(Value::as_str).unwrap_or_default();
        Ok(Some(format!("it does not meet `{demand}`: {why}")))
    }

    fn send_back(&self, bar: usize, retries: u32, why: String) -> Result<Ruling, Failure> {
        let mut sent_back = self.sent_back.lock().unwrap_or_else(PoisonError::into_inner);
        sent_back.resize(self.bars.len(), 0);
        let Some(times) = sent_back.get_mut(bar) else { return Ok(Ruling::SendBack(why)) };
        if *times >= retries {
            let why = format!("{}: its answer was tried {} times: {why}", self.subject, *times + 1);
            return Err(Failure::permanent(Code::TaskGuardrail, why));
        }
        *times += 1;
        Ok(Ruling::SendBack(why))
    }

    /// Shows the answer to a person. Silence approves nothing.
    async fn ask_person(&self, on: &Arc<dyn Effects>, answer: &Judged) -> Result<Ruling, Failure> {
        let shown = answer.json.clone().unwrap_or_else(|| answer.text.clone().into());
        let subject = json!({ "answer": shown, "tool_failures": answer.tool_failures });
        let title = format!("{}: does this answer count?", self.subject);
        match on.review(ReviewOf::of(title, &subject)).await? {
            ReviewOutcome::Expired => {
                let why = format!("{}: nobody decided on its answer", self.subject);
                Err(Failure::permanent(Code::ReviewExpired, why))
            }
            ReviewOutcome::Decided { decision, by, .. } => match decision {
                Decision::Approve { .. } => Ok(Ruling::Accept),
                Decision::Amend { subject, .. } => Ok(Ruling::Replace(amended(&subject))),
                Decision::Respond { text } => Ok(Ruling::SendBack(format!("{by} says: {text}"))),
                Decision::Reject { reason } => {
                    let why = format!("{}: {by} rejected its answer: {reason}", self.subject);
                    Err(Failure::permanent(Code::TaskRejected, why))
                }
            },
        }
    }
}

/// Returns the answer in an amended subject, or the subject if that is all there is.
fn amended(subject: &Value) -> String {
    let answer = subject.get("answer").unwrap_or(subject);
    answer.as_str().map_or_else(|| answer.to_string(), ToOwned::to_owned)
}

fn verdict() -> OutputSchema {
    OutputSchema {
        name: "verdict".to_owned(),
        schema: json!({
            "type": "object",
            "properties": {
                "meets": { "type": "boolean" },
                "why": { "type": "string", "description": "what is missing, if it does not" },
            },
            "required": ["meets", "why"],
            "additionalProperties": false,
        }),
    }
}
