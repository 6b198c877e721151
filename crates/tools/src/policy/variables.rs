//! What a condition sees of a call, and the meter that its loops run on.

use std::{
    collections::HashMap,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use cel::{
    Value,
    common::{
        types::CelBool,
        value::{CowVal, Val},
    },
    context::VariableResolver,
    objects::Key,
};
use mainstay_core::{
    budget::{Dimension, Limits, Measure},
    label::{Integrity, Label, Readers},
    policy::{Asker, PlanSlot, Question},
    tool::{EffectClass, Reversibility, ToolSpec},
};
use serde_json::Value as Json;

use super::bounded;

/// The variables there are.
pub(super) const NAMES: [&str; 6] = ["principal", "tool", "args", "label", "budget", "plan"];

/// The variable that each turn of a loop looks at. It cannot be written in a condition.
pub(super) const METER: &str = "@meter";

/// So many turns the loops of all rules may make for one question. The largest arguments have half
/// a million elements; a rule that looks at each of those is a rule about something else.
const TURNS: u32 = 100_000;

/// Turns between two looks at whether anybody still waits.
const GLANCE: u32 = 64;

/// One question as values of the language, made when they are first looked at.
pub(super) struct Variables<'a> {
    question: &'a Question<'a>,
    made: [OnceLock<Option<Box<dyn Val>>>; NAMES.len()],
    goes_on: CelBool,
    turns: AtomicU32,
}

impl<'a> Variables<'a> {
    pub(super) fn of(question: &'a Question<'a>) -> Self {
        Self {
            question,
            made: std::array::from_fn(|_| OnceLock::new()),
            goes_on: CelBool::from(true),
            turns: AtomicU32::new(0),
        }
    }

    /// Returns what is asked.
    pub(super) const fn question(&self) -> &Question<'a> {
        self.question
    }

    /// Says why loops were stopped, if they were.
    pub(super) fn stopped(&self) -> Option<&'static str> {
        (self.turns.load(Ordering::Relaxed) > TURNS)
            .then_some("its loops took more turns than all rules together may")
    }

    fn look(&self) -> Option<CowVal<'_, '_>> {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        if turn.is_multiple_of(GLANCE) && bounded::nobody_waits() {
            self.turns.store(TURNS.saturating_add(1), Ordering::Relaxed);
        }
        (self.stopped().is_none()).then_some(CowVal::Borrowed(&self.goes_on))
    }

    fn make(&self, name: &str) -> Value {
        let question = self.question;
        match name {
            "principal" => principal(&question.asker),
            "tool" => tool(question.tool),
            "args" => value(question.arguments),
            "label" => label(question.label),
            "budget" => budget(question.left),
            _ => plan(question.slot),
        }
    }
}

impl VariableResolver for Variables<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        if variable == METER {
            return self.look();
        }
        let bare = variable.strip_prefix('.').unwrap_or(variable);
        let place = NAMES.iter().position(|name| *name == bare)?;
        let made = self.made.get(place)?;
        let made = made.get_or_init(|| self.make(bare).try_into().ok());
        made.as_deref().map(CowVal::Borrowed)
    }
}

fn map<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let fields = fields.into_iter().map(|(name, value)| (Key::from(name), value));
    Value::from(fields.collect::<HashMap<_, _>>())
}

fn text(text: impl Into<String>) -> Value {
    Value::from(text.into())
}

fn perhaps(given: Option<impl Into<String>>) -> Value {
    given.map_or(Value::Null, text)
}

fn principal(asker: &Asker<'_>) -> Value {
    map([
        ("tenant", text(asker.tenant)),
        ("flow", text(asker.flow)),
        ("step", text(asker.step)),
        ("agent", perhaps(asker.agent)),
    ])
}

fn tool(spec: &ToolSpec) -> Value {
    map([
        ("name", text(&spec.name)),
        ("effect", text(effect(&spec.effect))),
        ("reversible", Value::Bool(spec.reversibility == Reversibility::Reversible)),
        ("origin", text(spec.origin.to_string())),
        ("owner", perhaps(spec.owner.as_deref())),
        ("cost_usd", spec.cost.map_or(Value::Null, dollars)),
    ])
}

pub(super) const fn effect(class: &EffectClass) -> &'static str {
    match class {
        EffectClass::Read => "read",
        EffectClass::Idempotent { .. } => "idempotent",
        EffectClass::Reconcilable { .. } => "reconcilable",
        EffectClass::AtMostOnce => "at_most_once",
        EffectClass::Local => "local",
    }
}

/// Readers are a list, which is empty where anybody may read; `public` tells that from nobody.
fn label(label: &Label) -> Value {
    let (public, readers) = readers(label);
    let untrusted = untrusted(label);
    map([
        ("integrity", text(if untrusted { "untrusted" } else { "trusted" })),
        ("untrusted", Value::Bool(untrusted)),
        ("public", Value::Bool(public)),
        ("readers", Value::from(readers)),
    ])
}

pub(super) fn untrusted(label: &Label) -> bool {
    label.integrity == Integrity::Untrusted
}

/// Returns whether anybody may read, and who may if not.
pub(super) fn readers(label: &Label) -> (bool, Vec<String>) {
    match &label.readers {
        Readers::Public => (true, Vec::new()),
        Readers::Only(names) => (false, names.iter().map(ToString::to_string).collect()),
    }
}

fn budget(left: &Limits) -> Value {
    let limited = limited(left).map(|(dimension, left)| {
        let amount = if dimension == Dimension::Usd { dollars(left) } else { whole(left) };
        (Key::from(dimension.name()), amount)
    });
    Value::from(limited.collect::<HashMap<_, _>>())
}

/// Returns what is limited, and what is left of it. A point in time is left out: a condition has no
/// clock to hold it against.
pub(super) fn limited(left: &Limits) -> impl Iterator<Item = (Dimension, u64)> {
    let limited = Dimension::ALL.iter().filter(|it| it.measure() != Measure::Time);
    limited.filter_map(|dimension| Some((*dimension, left.get(*dimension)?)))
}

fn plan(slot: Option<&PlanSlot>) -> Value {
    let Some(slot) = slot else { return Value::Null };
    map([
        ("digest", text(slot.plan.to_string())),
        ("version", whole(slot.version.into())),
        ("step", text(&slot.step)),
    ])
}

#[expect(clippy::cast_precision_loss, reason = "exact up to nine billion dollars")]
fn dollars(micros: u64) -> Value {
    Value::Float(micros as f64 / 1e6)
}

/// Whole numbers are `int` where they fit, as they are when written in a condition.
fn whole(number: u64) -> Value {
    i64::try_from(number).map_or(Value::UInt(number), Value::Int)
}

/// Turns JSON into a value of the language.
fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => Value::Int(int),
            (None, Some(uint)) => Value::UInt(uint),
            (None, None) => number.as_f64().map_or(Value::Null, Value::Float),
        },
        Json::String(string) => text(string),
        Json::Array(items) => Value::List(items.iter().map(value).collect::<Vec<_>>().into()),
        Json::Object(fields) => {
            let fields =
                fields.iter().map(|(name, field)| (Key::from(name.as_str()), value(field)));
            Value::from(fields.collect::<HashMap<_, _>>())
        }
    }
}
