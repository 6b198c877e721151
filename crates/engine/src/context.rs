//! The one door from a step to the outside.
//!
//! Every method here makes an *effect*: it takes its place in the StepRun the moment it is called,
//! and its value when it is awaited. Nothing is sent from here: the driver reads the requests,
//! answers those the journal knows, and sends the rest through the one pipeline.

mod branch;
mod cell;
mod effect;
mod port;
mod request;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use mainstay_core::{
    code::Code,
    digest::Digest,
    effect::{Branch, EffectHead, EffectKind, IdempotencyKey, StepKey},
    failure::{Failure, StepError},
    id::RunId,
    model::{DEFAULT_REPAIRS, ModelReply, ModelRequest, OutputSchema, check, repair_request},
    payload::Payload,
    review::ReviewOutcome,
    schema::SchemaCheck,
    time::Timestamp,
    tool::{Denial, Grants, ToolCatalog, ToolFailure, ToolOutcome},
};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

pub(crate) use cell::{Answer, SharedCell};
pub use effect::Effect;
pub use mainstay_core::review::Review;
pub(crate) use request::{Ask, Callee, Request, WaitFor};
pub use request::{ChildRun, Write};

/// What a step may know of where it runs.
pub(crate) struct StepPlace {
    pub(crate) run_id: RunId,
    pub(crate) key: StepKey,
    pub(crate) key_root: Digest,
    pub(crate) attempt: u32,
    pub(crate) tenant: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) schema: Arc<dyn SchemaCheck>,
    pub(crate) tools: Arc<dyn ToolCatalog>,
    pub(crate) grants: Grants,
}

/// What a step holds while it runs: every touch of the outside goes through it.
#[derive(Clone)]
pub struct StepContext {
    place: Arc<StepPlace>,
    cell: SharedCell,
    branch: Vec<Branch>,
    /// What the scopes around leave of the step's grants.
    grants: Grants,
}

impl std::fmt::Debug for StepContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StepContext({} of {})", self.place.key, self.place.run_id)
    }
}

impl StepContext {
    pub(crate) fn new(place: StepPlace, cell: SharedCell) -> Self {
        let grants = place.grants.clone();
        Self { place: Arc::new(place), cell, branch: Vec::new(), grants }
    }

    /// Returns the run.
    #[must_use]
    pub fn run_id(&self) -> RunId {
        self.place.run_id
    }

    /// Returns the step's name and visit.
    #[must_use]
    pub fn step(&self) -> &StepKey {
        &self.place.key
    }

    /// Returns which attempt at the step this is, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.place.attempt
    }

    /// Returns whose run this is.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.place.tenant
    }

    /// Returns one of the run's tags.
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.place.tags.get(name).map(String::as_str)
    }

    /// Calls a language model. The reply is committed before it is returned: it was paid for.
    pub fn model(&self, request: ModelRequest) -> Effect<Result<ModelReply, Failure>> {
        let name = request.model.to_string();
        self.ask(
            EffectKind::Model,
            name,
            &request.clone(),
            Ask::Call(Callee::Model(Box::new(request))),
            |answer| answer.completed().and_then(read),
        )
    }

    /// Calls a model for a value that fits the JSON Schema of `T`.
    ///
    /// An answer that does not fit is sent back with what is wrong, at most twice; each try is a
    /// model call of its own, reserved and journaled.
    ///
    /// # Errors
    /// The call failed, or the last answer does not fit either (`MS-4005`).
    pub async fn ask_for<T: DeserializeOwned + JsonSchema>(
        &self,
        request: ModelRequest,
    ) -> Result<T, Failure> {
        let schema = schemars::schema_for!(T).to_value();
        let output = OutputSchema { name: T::schema_name().into_owned(), schema };
        let mut request = request.with_output(output.name.clone(), output.schema.clone());
        let mut tries = 1;
        loop {
            let reply = self.model(request.clone()).await?;
            match check(&reply, &output, self.place.schema.as_ref()) {
                Ok(value) => return read(value),
                Err(errors) if tries > DEFAULT_REPAIRS => {
                    let failure =
                        mainstay_core::model::ModelFailure::Schema { errors, attempts: tries };
                    return Err(Failure::permanent(failure.code(), failure.to_string()));
                }
                Err(errors) => request = repair_request(&request, &reply, &errors),
            }
            tries += 1;
        }
    }

    /// Calls a tool that was granted to this step.
    pub fn tool<T>(&self, call: T) -> Effect<Called<T::Output>>
    where
        T: ToolUse,
    {
        let (name, arguments) = call.into_parts();
        let ask = Ask::Call(Callee::Tool { name: name.clone(), arguments: arguments.clone() });
        self.ask(EffectKind::Tool, name.clone(), &arguments, ask, move |answer| {
            Called::of(answer.into_outcome(&name))
        })
    }

    /// Asks a person, and waits without holding anything. Silence is never an approval: a review
    /// that expires returns [`ReviewOutcome::Expired`].
    pub fn review(&self, review: Review) -> Effect<Result<ReviewOutcome, Failure>> {
        let name = review.queue.clone();
        let arguments = json!({ "title": review.title, "subject": review.subject });
        self.ask(
            EffectKind::Review,
            name,
            &arguments,
            Ask::Wait(WaitFor::Review(review)),
            Answer::reviewed,
        )
    }

    /// Waits for a span of calendar time, without holding anything.
    pub fn sleep(&self, span: Duration) -> Effect<()> {
        let name = format!("{span:?}");
        self.ask(
            EffectKind::Timer,
            name,
            &json!(micros(span)),
            Ask::Wait(WaitFor::Timer(span)),
            |_| (),
        )
    }

    /// Waits for a named signal. One that came early counts.
    pub fn signal<T: DeserializeOwned>(&self, name: &str) -> Effect<Result<T, Failure>> {
        let ask = Ask::Wait(WaitFor::Signal { name: name.to_owned(), within: None });
        self.ask(EffectKind::Signal, name.to_owned(), &Value::Null, ask, |answer| {
            answer.completed().and_then(read)
        })
    }

    /// Waits for a named signal at most this long; `None` when the time passed.
    pub fn signal_within<T: DeserializeOwned>(
        &self,
        name: &str,
        within: Duration,
    ) -> Effect<Result<Option<T>, Failure>> {
        let ask = Ask::Wait(WaitFor::Signal { name: name.to_owned(), within: Some(within) });
        let arguments = json!(micros(within));
        self.ask(EffectKind::Signal, name.to_owned(), &arguments, ask, |answer| {
            answer.unless_due()?.map(read).transpose()
        })
    }

    /// Starts a child run and waits for its output. Its budget is carved out of this run's.
    pub fn run_flow<T: DeserializeOwned>(&self, child: ChildRun) -> Effect<Result<T, Failure>> {
        let arguments = json!({ "input": child.input, "limits": child.limits });
        let name = child.flow.clone();
        self.ask(EffectKind::Child, name, &arguments, Ask::Wait(WaitFor::Child(child)), |answer| {
            answer.child().and_then(read)
        })
    }

    /// Puts an event on the bus, with the run's next commit.
    pub fn emit<T: Serialize>(&self, subject: &str, event: &T) -> Effect<Result<(), Failure>> {
        let event = serde_json::to_value(event).unwrap_or_default();
        let ask = Ask::Emit { subject: subject.to_owned(), event: event.clone() };
        self.ask(EffectKind::Emit, subject.to_owned(), &event, ask, |a| a.completed().map(drop))
    }

    /// Lets a rule of the program vouch for a value from outside: what it admits may be acted on as
    /// if it were trusted. The journal says which rule it was.
    ///
    /// The future fails where no rule of that name admits the value (`MS-5012`).
    pub fn endorse<T: Serialize + DeserializeOwned>(
        &self,
        rule: &str,
        value: &T,
    ) -> Effect<Result<T, Failure>> {
        let value = serde_json::to_value(value).unwrap_or_default();
        let ask = Ask::Endorse { rule: rule.to_owned(), value: value.clone() };
        self.ask(EffectKind::Endorse, rule.to_owned(), &value, ask, |a| {
            a.completed().and_then(read)
        })
    }

    /// Writes rows of your own in the run's database, in the transaction of the entry that says so:
    /// whatever crashes, the rows and the entry are both there or both not. Exactly once.
    ///
    /// They are there with the run's next commit, and stay if the step fails later. The code goes
    /// on before the database has seen the statement, so a row that it refuses cannot be answered
    /// here: nothing of that commit happens, and the run is set aside for a person. Write
    /// `ON CONFLICT` where a row may be there already.
    ///
    /// # Errors
    /// The statement is not one that changes rows, or its placeholders are not those of its values
    /// (`MS-2012`).
    pub fn write(&self, write: Write) -> Effect<Result<(), Failure>> {
        let name = write.name();
        let statement = write.into_statement();
        let ask = Ask::Write(statement.clone());
        self.ask(EffectKind::Local, name, &statement, ask, |answer| answer.completed().map(drop))
    }

    /// Runs a closure whose result is kept: a repeat of the step sees the first result. A crash
    /// before it is committed runs the closure again, so it must be harmless to repeat.
    pub fn once<T, F, E>(&self, name: &str, work: F) -> Effect<Result<T, Failure>>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Into<StepError>,
    {
        let work: BoxFuture<'static, Result<Value, Failure>> = Box::pin(async move {
            let value = work.await.map_err(|e| e.into().into_failure())?;
            serde_json::to_value(value)
                .map_err(|e| Failure::permanent(Code::StepFailed, e.to_string()))
        });
        let ask = Ask::Call(Callee::Once(work));
        self.ask(EffectKind::Once, name.to_owned(), &Value::Null, ask, |answer| {
            answer.completed().and_then(read)
        })
    }

    /// Returns the time, the same on every repeat.
    pub fn now(&self) -> Effect<Timestamp> {
        self.ask(EffectKind::Now, String::new(), &Value::Null, Ask::Now, |answer| {
            answer.completed().and_then(read).unwrap_or_default()
        })
    }

    /// Returns a random number, the same on every repeat.
    pub fn random(&self) -> Effect<u64> {
        // Written as text: a number of this size is not exact in JSON.
        self.ask(EffectKind::Random, String::new(), &Value::Null, Ask::Random, |answer| {
            let text: Option<String> = answer.completed().and_then(read).ok();
            text.and_then(|text| text.parse().ok()).unwrap_or_default()
        })
    }

    /// Returns whether this StepRun takes the new side of a changed body: true for one that had not
    /// come to this place before, false for one whose journal shows that it went on from here by
    /// the old side.
    ///
    /// Written as `if cx.patch("name").await { new } else { old }`, the change needs no person: a
    /// StepRun that is open while the program is replaced goes on with the new body, because that
    /// says what it was before. Written otherwise, or with other changes beside it, the StepRun
    /// waits for a worker with the old body or for a person's retry.
    pub fn patch(&self, name: &str) -> Effect<bool> {
        if !self.cell.lock().may_patch(&self.branch, name) {
            return Effect::settled(false);
        }
        self.ask(EffectKind::Patch, name.to_owned(), &Value::Null, Ask::Patch, |_| true)
    }

    fn ask<A: Serialize, T>(
        &self,
        kind: EffectKind,
        name: String,
        arguments: &A,
        ask: Ask,
        decode: impl FnOnce(Answer) -> T + Send + 'static,
    ) -> Effect<T> {
        let mut cell = self.cell.lock();
        let position = cell.next_position(&self.branch);
        match Payload::of(arguments) {
            Ok(arguments) => {
                let head = EffectHead { kind, name, arguments: arguments.digest() };
                let position = position.clone();
                cell.request(Request { position, head, seen: 0, arguments }, ask);
            }
            Err(e) => cell.fail(Failure::permanent(Code::StepFailed, e.to_string())),
        }
        drop(cell);
        Effect::new(self.cell.clone(), position, decode)
    }

    /// Returns the idempotency key the next effect of this branch will carry.
    #[must_use]
    pub fn next_key(&self) -> IdempotencyKey {
        self.cell.lock().peek_position(&self.branch).key(self.place.key_root)
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, Failure> {
    serde_json::from_value(value).map_err(|e| {
        Failure::permanent(Code::StepFailed, format!("a recorded value does not read back: {e}"))
    })
}

/// A tool with its arguments, as a step hands them to [`StepContext::tool`].
pub trait ToolUse {
    /// What the tool returns.
    type Output: DeserializeOwned;

    /// Returns the tool's name and its arguments as JSON.
    fn into_parts(self) -> (String, Value);
}

impl ToolUse for (&str, Value) {
    type Output = Value;

    fn into_parts(self) -> (String, Value) {
        (self.0.to_owned(), self.1)
    }
}

/// What a tool call led to, with the tool's own type. Cases that call for different actions are
/// different values.
#[derive(Debug, Clone, PartialEq)]
pub enum Called<T> {
    /// It worked, and this is what came back.
    Found(T),
    /// It worked and found nothing.
    Empty,
    /// It did not happen.
    Failed(ToolFailure),
    /// It was refused before anything was sent.
    Denied(Denial),
    /// It cannot be known whether it happened.
    InDoubt(mainstay_core::tool::InDoubt),
}

impl<T: DeserializeOwned> Called<T> {
    fn of(outcome: ToolOutcome) -> Self {
        match outcome {
            ToolOutcome::Found(value) => match serde_json::from_value(value) {
                Ok(value) => Self::Found(value),
                Err(e) => Self::Failed(ToolFailure::refused(format!("unreadable result: {e}"))),
            },
            ToolOutcome::Empty => Self::Empty,
            ToolOutcome::Failed(failure) => Self::Failed(failure),
            ToolOutcome::Denied(denial) => Self::Denied(denial),
            ToolOutcome::InDoubt(doubt) => Self::InDoubt(doubt),
        }
    }

    /// Returns what was found, `None` where nothing was.
    ///
    /// # Errors
    /// The call failed, was denied, or is in doubt.
    pub fn found(self) -> Result<Option<T>, Failure> {
        match self {
            Self::Found(value) => Ok(Some(value)),
            Self::Empty => Ok(None),
            Self::Failed(failure) => Err(failure.into_failure()),
            Self::Denied(denial) => Err(denial.into_failure()),
            Self::InDoubt(doubt) => Err(doubt.into_failure()),
        }
    }

    /// Returns what was found.
    ///
    /// # Errors
    /// As [`Self::found`], and where nothing was found.
    pub fn required(self) -> Result<T, Failure> {
        self.found()?.ok_or_else(|| {
            Failure::permanent(Code::ToolFailed, "the tool found nothing, and something is needed")
        })
    }
}
