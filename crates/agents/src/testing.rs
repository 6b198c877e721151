//! A stand-in for a step's effects: scripted, in memory, with a record of all that was asked.
//!
//! It keeps what the engine promises of the port, as far as pure code needs it: places are taken
//! when something is asked, outcomes are kept by place, and work that is done [again](Fake::again)
//! gets the recorded values, pinned ones included. It counts nothing: limits are recorded only; and a model's reply is
//! given as it came, whatever shape was asked for.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use mainstay_core::{
    budget::Limits,
    effects::{Asked, Effects, Opened, Scope},
    failure::Failure,
    model::{FinishReason, ModelReply, ModelRequest, ToolCall, Usage},
    review::{Decision, Review, ReviewOutcome},
    schema::SchemaCheck,
    time::Timestamp,
    tool::{Denial, DenialReason, Grants, ToolOutcome, ToolSpec, gate::argument_errors},
};
use mainstay_tools::schema::JsonSchemaCheck;
use serde_json::Value;

type Answer<A, T> = Box<dyn Fn(A) -> T + Send + Sync>;
type Model = Box<dyn Fn(&ModelRequest) -> Result<ModelReply, Failure> + Send + Sync>;
type Call = Box<dyn Fn(&Value) -> ToolOutcome + Send + Sync>;

/// One thing that was asked for and was not known yet, in the order of asking.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Seen {
    /// A model was asked.
    Model(ModelRequest),
    /// A tool was asked for; with the word of its outcome.
    Tool {
        /// Its name.
        name: String,
        /// Its arguments.
        arguments: Value,
        /// How it ended: `denied` where it was not called.
        outcome: &'static str,
    },
    /// A person was asked.
    Review(Review),
    /// A scope was opened, with what was pinned.
    Opened(Scope, Value),
}

/// What is kept by place, as the journal would.
#[derive(Debug, Clone)]
enum Kept {
    Model(Result<ModelReply, Failure>),
    Tool(ToolOutcome),
    Review(ReviewOutcome),
    Random(u64),
    Pinned(Value),
}

/// A scripted outside. Clones share what was asked and what is kept.
#[derive(Clone)]
pub(crate) struct Fake(Arc<Outside>);

struct Outside {
    model: Model,
    review: Answer<Review, ReviewOutcome>,
    tools: BTreeMap<String, (ToolSpec, Call)>,
    schema: Arc<dyn SchemaCheck>,
    kept: Mutex<BTreeMap<String, Kept>>,
    seen: Mutex<Vec<Seen>>,
    stop_after: Mutex<Option<usize>>,
}

/// Makes a reply of text only.
pub(crate) fn says(text: impl Into<String>) -> ModelReply {
    ModelReply {
        model: "scripted".to_owned(),
        text: text.into(),
        tool_calls: Vec::new(),
        reasoning: None,
        json: None,
        usage: Usage::reported(10, 5),
        finish: FinishReason::Stop,
        cost: None,
    }
}

/// Makes a reply that asks for tools: name and arguments of each.
pub(crate) fn asks(calls: impl IntoIterator<Item = (&'static str, Value)>) -> ModelReply {
    let calls = calls.into_iter().enumerate();
    let calls = calls.map(|(at, (name, value))| ToolCall::new(format!("call_{at}"), name, value));
    let tool_calls = calls.collect();
    ModelReply { tool_calls, finish: FinishReason::ToolCalls, ..says("") }
}

/// Makes the outcome of a person's decision.
pub(crate) fn decided(decision: Decision) -> ReviewOutcome {
    ReviewOutcome::Decided { decision, by: "ann".to_owned(), at: Timestamp::from_millis(0) }
}

impl Fake {
    /// Makes an outside without tools whose person approves everything.
    pub(crate) fn new(
        model: impl Fn(&ModelRequest) -> Result<ModelReply, Failure> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Outside {
            model: Box::new(model),
            review: Box::new(|_| decided(Decision::Approve { note: None })),
            tools: BTreeMap::new(),
            schema: Arc::new(JsonSchemaCheck::new()),
            kept: Mutex::default(),
            seen: Mutex::default(),
            stop_after: Mutex::default(),
        }))
    }

    /// Adds a tool; everything that is there is granted outside of scopes.
    pub(crate) fn with_tool(
        self,
        spec: ToolSpec,
        call: impl Fn(&Value) -> ToolOutcome + Send + Sync + 'static,
    ) -> Self {
        let mut outside = self.owned();
        outside.tools.insert(spec.name.clone(), (spec, Box::new(call)));
        Self(Arc::new(outside))
    }

    /// Lets a person answer.
    pub(crate) fn with_review(
        self,
        answer: impl Fn(Review) -> ReviewOutcome + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Outside { review: Box::new(answer), ..self.owned() }))
    }

    fn owned(self) -> Outside {
        Arc::into_inner(self.0).expect("a fake is set up before it is shared")
    }

    /// Answers so many new asks and then nothing more, as a process that was killed.
    pub(crate) fn stop_after(&self, asks: usize) {
        *self.0.stop_after.lock().unwrap() = Some(asks);
    }

    /// Returns the effects of a step that begins, or is repeated: what is kept is answered from
    /// there and not asked again. A stop ends.
    pub(crate) fn again(&self) -> Arc<dyn Effects> {
        *self.0.stop_after.lock().unwrap() = None;
        self.effects()
    }

    /// Returns the effects of a step that begins.
    pub(crate) fn effects(&self) -> Arc<dyn Effects> {
        let grants = self.0.tools.keys().cloned().collect();
        Arc::new(Inside::new(self.clone(), String::new(), grants, Limits::none()))
    }

    /// Returns everything that was asked for, in order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.0.seen.lock().unwrap().clone()
    }

    /// Returns every question to a model, in order.
    pub(crate) fn requests(&self) -> Vec<ModelRequest> {
        let only = |seen| if let Seen::Model(request) = seen { Some(request) } else { None };
        self.seen().into_iter().filter_map(only).collect()
    }

    /// Returns the tool calls that reached a tool, in order.
    pub(crate) fn called(&self) -> Vec<(String, Value)> {
        let only = |seen| match seen {
            Seen::Tool { name, arguments, outcome } if outcome != "denied" => {
                Some((name, arguments))
            }
            Seen::Tool { .. } | Seen::Model(_) | Seen::Review(_) | Seen::Opened(..) => None,
        };
        self.seen().into_iter().filter_map(only).collect()
    }

    fn allow(&self, grants: &Grants, name: &str, arguments: &Value) -> Result<(), DenialReason> {
        if !grants.allow(name) {
            return Err(DenialReason::NotGranted);
        }
        let (spec, _) = self.0.tools.get(name).ok_or(DenialReason::Unknown)?;
        let errors = argument_errors(self.0.schema.as_ref(), spec, arguments);
        if errors.is_empty() { Ok(()) } else { Err(DenialReason::Arguments(errors)) }
    }

    fn call(&self, grants: &Grants, name: &str, arguments: &Value) -> ToolOutcome {
        match self.allow(grants, name, arguments) {
            Ok(()) => (self.0.tools[name].1)(arguments),
            Err(reason) => ToolOutcome::Denied(Denial { tool: name.to_owned(), reason }),
        }
    }
}

/// The effects of a step, a scope or an arm.
struct Inside {
    fake: Fake,
    path: String,
    grants: Grants,
    limits: Limits,
    next: AtomicU32,
}

impl Inside {
    fn new(fake: Fake, path: String, grants: Grants, limits: Limits) -> Self {
        Self { fake, path, grants, limits, next: AtomicU32::new(0) }
    }

    fn place(&self) -> String {
        format!("{}{}", self.path, self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Returns what is kept at the next place, or makes it, unless everything has stopped.
    fn keep(&self, make: impl FnOnce() -> (Seen, Kept)) -> (String, Option<Kept>) {
        let place = self.place();
        if let Some(kept) = self.fake.0.kept.lock().unwrap().get(&place) {
            return (place, Some(kept.clone()));
        }
        match &mut *self.fake.0.stop_after.lock().unwrap() {
            Some(0) => return (place, None),
            Some(left) => *left -= 1,
            None => {}
        }
        let (seen, kept) = make();
        self.fake.0.seen.lock().unwrap().push(seen);
        self.fake.0.kept.lock().unwrap().insert(place.clone(), kept.clone());
        (place, Some(kept))
    }
}

/// Gives the value, or nothing ever where everything has stopped.
fn given<T: Send + 'static>(value: Option<T>) -> Asked<'static, T> {
    match value {
        Some(value) => Box::pin(std::future::ready(value)),
        None => Box::pin(std::future::pending()),
    }
}

/// Takes the value out of what is kept; another kind there is a divergence.
macro_rules! of_kind {
    ($kind:ident, $kept:expr) => {
        $kept.map(|kept| match kept {
            Kept::$kind(value) => value,
            other => panic!("asks for another thing than is kept: {other:?}"),
        })
    };
}

impl Effects for Inside {
    fn model(&self, request: ModelRequest) -> Asked<'static, Result<ModelReply, Failure>> {
        let (_, kept) = self.keep(|| {
            let reply = (self.fake.0.model)(&request);
            (Seen::Model(request), Kept::Model(reply))
        });
        given(of_kind!(Model, kept))
    }

    fn tool(&self, name: &str, arguments: Value) -> Asked<'static, ToolOutcome> {
        let (_, kept) = self.keep(|| {
            let outcome = self.fake.call(&self.grants, name, &arguments);
            let name = name.to_owned();
            (Seen::Tool { name, arguments, outcome: outcome.word() }, Kept::Tool(outcome))
        });
        given(of_kind!(Tool, kept))
    }

    fn review(&self, review: Review) -> Asked<'static, Result<ReviewOutcome, Failure>> {
        let (_, kept) = self.keep(|| {
            let outcome = (self.fake.0.review)(review.clone());
            (Seen::Review(review), Kept::Review(outcome))
        });
        given(of_kind!(Review, kept).map(Ok))
    }

    fn random(&self) -> Asked<'static, u64> {
        let place = self.place();
        let made = u64::from_le_bytes(
            mainstay_core::digest::Digest::of(place.as_bytes()).as_bytes()[..8].try_into().unwrap(),
        );
        let mut kept = self.fake.0.kept.lock().unwrap();
        let kept = kept.entry(place).or_insert(Kept::Random(made)).clone();
        given(of_kind!(Random, Some(kept)))
    }

    fn open(&self, scope: Scope, pinned: Value) -> Asked<'static, Result<Opened, Failure>> {
        let grants = scope.grants.as_ref();
        let grants = grants.map_or_else(|| self.grants.clone(), |g| self.grants.narrowed_by(g));
        let limits = self.limits.narrowed_by(&scope.limits);
        let (place, kept) =
            self.keep(|| (Seen::Opened(scope, pinned.clone()), Kept::Pinned(pinned)));
        let inside = Inside::new(self.fake.clone(), format!("{place}/"), grants, limits);
        let effects: Arc<dyn Effects> = Arc::new(inside);
        given(of_kind!(Pinned, kept).map(|pinned| Ok(Opened { pinned, left: limits, effects })))
    }

    fn arms(&self, count: u32) -> Vec<Arc<dyn Effects>> {
        let place = self.place();
        let arm = |at| -> Arc<dyn Effects> {
            let (grants, limits) = (self.grants.clone(), self.limits);
            Arc::new(Inside::new(self.fake.clone(), format!("{place}.{at}/"), grants, limits))
        };
        (0..count).map(arm).collect()
    }

    fn tools(&self) -> Vec<ToolSpec> {
        let granted = self.fake.0.tools.values().filter(|(spec, _)| self.grants.allow(&spec.name));
        granted.map(|(spec, _)| spec.clone()).collect()
    }

    fn schema(&self) -> Arc<dyn SchemaCheck> {
        self.fake.0.schema.clone()
    }
}

mod tests {
    use std::{
        future::Future,
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use mainstay_core::{effects::ScopeKind, model::Tier};
    use serde_json::json;

    use super::*;

    fn fake() -> Fake {
        let spec = |name| ToolSpec::new(name, json!({"type": "object"}));
        Fake::new(|_| Ok(says("hello")))
            .with_tool(spec("look"), |_| ToolOutcome::of(json!([1])))
            .with_tool(spec("pay"), |_| ToolOutcome::Empty)
    }

    fn now<T>(asked: Asked<'static, T>) -> Option<T> {
        match pin!(asked).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_scope_only_narrows() {
        let fake = fake();
        let step = fake.effects();
        let scope = Scope::new(ScopeKind::Agent, "a").with_grants(Grants::from_iter(["look", "x"]));
        let inside = now(step.open(scope, Value::Null)).unwrap().unwrap().effects;
        assert_eq!(inside.tools().len(), 1);
        now(inside.tool("look", json!({})));
        now(inside.tool("pay", json!({})));
        assert_eq!(fake.called(), [("look".to_owned(), json!({}))]);
    }

    #[test]
    fn what_is_done_again_gets_what_is_kept() {
        let fake = fake();
        let work = |effects: Arc<dyn Effects>, pinned| {
            let opened = now(effects.open(Scope::new(ScopeKind::Job, "j"), pinned))?.unwrap();
            now(opened.effects.tool("pay", json!({})))?;
            now(opened.effects.model(ModelRequest::new(Tier::Fast)))?.unwrap();
            Some(opened.pinned)
        };
        fake.stop_after(2);
        assert_eq!(work(fake.effects(), json!(1)), None);
        assert_eq!(work(fake.again(), json!(2)), Some(json!(1)));
        assert_eq!((fake.called().len(), fake.requests().len()), (1, 1));
    }

    #[test]
    fn a_script_may_ask_for_tools_and_a_person_may_say_no() {
        let no = decided(Decision::Reject { reason: "no".to_owned() });
        let answer = no.clone();
        let fake = Fake::new(|_| Ok(asks([("pay", json!({"to": "bob"}))])))
            .with_review(move |_| answer.clone());
        let step = fake.effects();
        let reply = now(step.model(ModelRequest::new(Tier::Fast))).unwrap().unwrap();
        assert_eq!(reply.tool_calls[0].arguments, json!({"to": "bob"}));
        assert_eq!(now(step.review(Review::of("pay?", &"bob"))).unwrap(), Ok(no));
        assert_eq!(fake.seen().len(), 2);
    }
}
