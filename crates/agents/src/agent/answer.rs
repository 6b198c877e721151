//! An agent's answer: whole, of the right shape, and past every guardrail, or sent back.

use mainstay_core::{
    code::Code,
    failure::Failure,
    guardrail::{Stage, Verdict},
    model::{DEFAULT_REPAIRS, FinishReason, ModelFailure, ModelReply, check, complaint},
    review::{Decision, Review, ReviewOutcome},
    schema::SchemaError,
};
use serde_json::Value;

use super::{
    Judged, Ruling,
    conversation::{Round, RoundAnswer},
    work::{Next, Worker},
};

/// An answer that can be used.
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) json: Option<Value>,
}

/// What is wrong with one that cannot.
enum Fault {
    Shape(Vec<SchemaError>),
    Words(String),
}

impl Fault {
    fn told(&self) -> String {
        match self {
            Self::Shape(errors) => complaint(errors),
            Self::Words(wrong) => {
                format!("Your answer cannot be used: {wrong}. Answer again without that.")
            }
        }
    }

    fn failure(self, agent: &str, attempts: u32) -> Failure {
        match self {
            Self::Shape(errors) => {
                let failure = ModelFailure::Schema { errors, attempts };
                Failure::permanent(failure.code(), format!("the answer of `{agent}`: {failure}"))
            }
            Self::Words(wrong) => {
                let why = format!("the answer of `{agent}` cannot be used: {wrong}");
                Failure::permanent(Code::AgentAnswer, why)
            }
        }
    }
}

impl Worker {
    /// Looks at a reply without tool calls. One that cannot be used is sent back with what is wrong,
    /// as often as an answer is that does not fit its schema.
    pub(super) async fn answered(&mut self, reply: ModelReply) -> Result<Next, Failure> {
        if reply.finish == FinishReason::Filtered {
            let why = format!("the model of `{}` declined to answer", self.name());
            return Err(Failure::permanent(Code::AgentAnswer, why));
        }
        let fault = match self.shaped(&reply) {
            Ok(json) => match self.guard(Stage::Answer, reply.text.clone()).await? {
                Ok(text) if text == reply.text => {
                    return self.judged(reply, Answer { text, json }).await;
                }
                Ok(text) => {
                    let answer = self.changed(text)?;
                    return self.judged(reply, answer).await;
                }
                Err(blocked) => Fault::Words(blocked),
            },
            Err(fault) => fault,
        };
        if self.faults >= DEFAULT_REPAIRS {
            return Err(fault.failure(self.name(), self.faults + 1));
        }
        self.faults += 1;
        self.add(Round::new(reply, RoundAnswer::Complaint(fault.told())));
        Ok(Next::Turn)
    }

    /// Lets the judge rule, if there is one.
    async fn judged(&mut self, reply: ModelReply, answer: Answer) -> Result<Next, Failure> {
        let Some(judge) = self.kit.judge.clone() else { return Ok(Next::Answer(answer)) };
        let Some(arm) = self.effects.arms(1).into_iter().next() else {
            return Ok(Next::Answer(answer));
        };
        let Answer { text, json } = &answer;
        let (text, json) = (text.clone(), json.clone());
        let tool_failures = self.tool_failures.clone();
        match judge.judge(arm, Judged { text, json, tool_failures }).await? {
            Ruling::Accept => Ok(Next::Answer(answer)),
            Ruling::Replace(text) => self.changed(text).map(Next::Answer),
            Ruling::SendBack(wrong) => {
                self.sent_back += 1;
                let told = format!("Your answer does not count yet: {wrong}. Answer again.");
                self.add(Round::new(reply, RoundAnswer::Complaint(told)));
                Ok(Next::Turn)
            }
        }
    }

    /// Returns the answer as JSON, where a shape is asked for.
    fn shaped(&self, reply: &ModelReply) -> Result<Option<Value>, Fault> {
        if reply.finish == FinishReason::Length {
            return Err(Fault::Words("it breaks off, so it has to be shorter".to_owned()));
        }
        if reply.text.trim().is_empty() {
            return Err(Fault::Words("it is empty".to_owned()));
        }
        let Some(output) = self.output() else { return Ok(None) };
        let checked = check(reply, output, self.effects.schema().as_ref());
        checked.map(Some).map_err(Fault::Shape)
    }

    /// Takes a text that a guardrail or a person changed: its JSON is what is left in it.
    fn changed(&self, text: String) -> Result<Answer, Failure> {
        let Some(output) = self.output() else { return Ok(Answer { text, json: None }) };
        let read = serde_json::from_str(&text);
        let read = read.map_err(|error| vec![SchemaError::whole(format!("not JSON: {error}"))]);
        let fits = read.and_then(|json: Value| {
            let errors = self.effects.schema().errors(&output.schema, &json);
            if errors.is_empty() { Ok(json) } else { Err(errors) }
        });
        match fits {
            Ok(json) => Ok(Answer { text, json: Some(json) }),
            Err(errors) => Err(Fault::Shape(errors).failure(self.name(), self.faults + 1)),
        }
    }

    /// Lets the guardrails look at the task before anything is asked.
    pub(super) async fn check_task(&mut self) -> Result<(), Failure> {
        let task = self.beginning.assignment.task.clone();
        match self.guard(Stage::Task, task).await? {
            Ok(text) => {
                self.beginning.assignment.task = text;
                Ok(())
            }
            Err(why) => {
                let why = format!("`{}` may not be asked this: {why}", self.name());
                Err(Failure::permanent(Code::AgentAnswer, why))
            }
        }
    }

    /// Asks every guardrail in turn, and returns the text to go on with, or why it may not go on. A
    /// check that itself fails is put before a person.
    async fn guard(&self, stage: Stage, text: String) -> Result<Result<String, String>, Failure> {
        let mut text = text;
        for guardrail in &self.kit.guardrails {
            text = match guardrail.check(stage, &text) {
                Verdict::Pass => text,
                Verdict::Redacted { text } => text,
                Verdict::Blocked { why } => return Ok(Err(format!("{}: {why}", guardrail.name()))),
                Verdict::Error { why } => {
                    match self.ask_person(guardrail.name(), &why, text).await? {
                        Some(text) => text,
                        None => return Ok(Err("a person did not let it pass".to_owned())),
                    }
                }
            }
        }
        Ok(Ok(text))
    }

    async fn ask_person(
        &self,
        guardrail: &str,
        why: &str,
        text: String,
    ) -> Result<Option<String>, Failure> {
        let title = format!("`{guardrail}` could not check what `{}` says: {why}", self.name());
        let outcome = self.effects.review(Review::of(title, &text)).await?;
        let ReviewOutcome::Decided { decision, .. } = outcome else { return Ok(None) };
        Ok(match decision {
            Decision::Approve { .. } => Some(text),
            Decision::Amend { subject, .. } => {
                Some(subject.as_str().map_or_else(|| subject.to_string(), str::to_owned))
            }
            Decision::Reject { .. } | Decision::Respond { .. } => None,
        })
    }
}
