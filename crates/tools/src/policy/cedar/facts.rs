//! What a policy in Cedar sees of a call: the same facts as a condition in CEL, by the same names.
//!
//! Values are built one by one and never read from JSON in Cedar's own notation, where an argument
//! `{"__entity": …}` would pass for an entity.
//!
//! # What has no value in Cedar
//!
//! Cedar's only numbers are whole ones of 64 bits, and it has no null. Such an argument is an entity
//! of the type `Json` that is named by its text, `Json::"null"` or `Json::"0.5"`. It is there, it
//! equals what is equal to it and nothing else, and whoever holds it against a number has no value,
//! so the call is denied.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, ParseErrors, Request,
    RestrictedExpression as Value,
};
use mainstay_core::{
    budget::{Dimension, Limits},
    label::Label,
    policy::{PlanSlot, Question},
    tool::{Reversibility, ToolSpec},
};
use serde_json::{Number, Value as Json};

use super::names;
use crate::policy::variables::{effect, limited, readers, untrusted};

/// The types of entities, and the one action.
pub(super) struct Facts {
    agent: EntityTypeName,
    step: EntityTypeName,
    flow: EntityTypeName,
    tenant: EntityTypeName,
    tool: EntityTypeName,
    json: EntityTypeName,
    call: EntityUid,
}

type Fields = HashMap<String, Value>;

impl Facts {
    pub(super) fn new() -> Result<Self, Box<ParseErrors>> {
        let action = parsed(names::ACTION)?;
        Ok(Self {
            agent: parsed(names::AGENT)?,
            step: parsed(names::STEP)?,
            flow: parsed(names::FLOW)?,
            tenant: parsed(names::TENANT)?,
            tool: parsed(names::TOOL)?,
            json: parsed(names::JSON)?,
            call: EntityUid::from_type_name_and_id(action, EntityId::new(names::CALL)),
        })
    }

    /// Turns a question into Cedar's request and the entities that it is about.
    pub(super) fn of(&self, question: &Question<'_>) -> Result<(Request, Entities), String> {
        let (principal, resource) = (self.principal(question)?, self.resource(question.tool)?);
        let context = Context::from_pairs(self.context(question)?).map_err(said)?;
        let uids = (principal.uid(), self.call.clone(), resource.uid());
        let entities = Entities::from_entities([principal, resource], None).map_err(said)?;
        let request = Request::new(uids.0, uids.1, uids.2, context, None).map_err(said)?;
        Ok((request, entities))
    }

    /// The innermost that asks: the agent, else the step. It is in all that it works for.
    fn principal(&self, question: &Question<'_>) -> Result<Entity, String> {
        let asker = &question.asker;
        let mut attributes = fields([
            ("tenant", text(asker.tenant)),
            ("flow", text(asker.flow)),
            ("step", text(asker.step)),
        ]);
        attributes.extend(asker.agent.map(|agent| ("agent".to_owned(), text(agent))));
        let mut parents =
            HashSet::from([uid(&self.tenant, asker.tenant), uid(&self.flow, asker.flow)]);
        let step = uid(&self.step, asker.step);
        let own = match asker.agent {
            Some(agent) => {
                parents.insert(step);
                uid(&self.agent, agent)
            }
            None => step,
        };
        Entity::new(own, attributes, parents).map_err(said)
    }

    fn resource(&self, spec: &ToolSpec) -> Result<Entity, String> {
        let mut attributes = fields([
            ("name", text(&spec.name)),
            ("effect", text(effect(&spec.effect))),
            ("reversible", Value::new_bool(spec.reversibility == Reversibility::Reversible)),
            ("origin", text(spec.origin.to_string())),
        ]);
        let owner = spec.owner.as_deref().map(text);
        attributes.extend(owner.map(|owner| ("owner".to_owned(), owner)));
        let cost = spec.cost.map(|cost| self.whole(cost));
        attributes.extend(cost.map(|cost| ("cost_usd_micros".to_owned(), cost)));
        Entity::new(uid(&self.tool, &spec.name), attributes, HashSet::new()).map_err(said)
    }

    fn context(&self, question: &Question<'_>) -> Result<Fields, String> {
        let mut context = fields([
            ("args", self.value(question.arguments)?),
            ("label", record(label(question.label))?),
            ("budget", record(self.budget(question.left))?),
        ]);
        if let Some(slot) = question.slot {
            context.insert("plan".to_owned(), record(self.plan(slot))?);
        }
        Ok(context)
    }

    /// Money is in millionths of a dollar, which are whole.
    fn budget(&self, left: &Limits) -> Fields {
        let field = |(dimension, amount)| (budget_name(dimension), self.whole(amount));
        limited(left).map(field).collect()
    }

    fn plan(&self, slot: &PlanSlot) -> Fields {
        fields([
            ("digest", text(slot.plan.to_string())),
            ("version", self.whole(slot.version.into())),
            ("step", text(&slot.step)),
        ])
    }

    fn value(&self, json: &Json) -> Result<Value, String> {
        Ok(match json {
            Json::Null => self.other("null"),
            Json::Bool(truth) => Value::new_bool(*truth),
            Json::Number(number) => self.number(number),
            Json::String(string) => text(string),
            Json::Array(items) => {
                let items = items.iter().map(|item| self.value(item));
                Value::new_set(items.collect::<Result<Vec<_>, _>>()?)
            }
            Json::Object(object) => {
                let field = |(name, field): (&String, _)| Ok((name.clone(), self.value(field)?));
                record(object.iter().map(field).collect::<Result<_, String>>()?)?
            }
        })
    }

    /// `5`, `5.0` and `5e0` are one number: a rule about it is not got around by how it is written.
    fn number(&self, number: &Number) -> Value {
        let whole = number.as_i64().or_else(|| number.as_f64().and_then(exactly));
        whole.map_or_else(|| self.other(&number.to_string()), Value::new_long)
    }

    fn whole(&self, number: u64) -> Value {
        i64::try_from(number).map_or_else(|_| self.other(&number.to_string()), Value::new_long)
    }

    /// What Cedar has no value for.
    fn other(&self, json: &str) -> Value {
        Value::new_entity_uid(uid(&self.json, json))
    }
}

/// Returns the whole number that a fraction is, if it is one.
fn exactly(number: f64) -> Option<i64> {
    const END: f64 = 9_223_372_036_854_775_808.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and in range")]
    (number.fract() == 0.0 && (-END..END).contains(&number)).then_some(number as i64)
}

/// Returns what Cedar calls what is left in a dimension.
pub(super) fn budget_name(dimension: Dimension) -> String {
    let unit = if dimension == Dimension::Usd { "_micros" } else { "" };
    format!("{}{unit}", dimension.name())
}

/// Readers are a set, which is empty where anybody may read; `public` tells that from nobody.
fn label(label: &Label) -> Fields {
    let (public, readers) = readers(label);
    fields([
        ("integrity", text(if untrusted(label) { "untrusted" } else { "trusted" })),
        ("untrusted", Value::new_bool(untrusted(label))),
        ("public", Value::new_bool(public)),
        ("readers", Value::new_set(readers.into_iter().map(text))),
    ])
}

fn parsed(name: &str) -> Result<EntityTypeName, Box<ParseErrors>> {
    name.parse().map_err(Box::new)
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn text(text: impl Into<String>) -> Value {
    Value::new_string(text.into())
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> Fields {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn record(fields: Fields) -> Result<Value, String> {
    Value::new_record(fields).map_err(said)
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}
