//! Tools as values: what a tool declares, what a call can lead to, and who may call it.
//!
//! What is not declared is taken for the worst: a tool without an effect class acts at most once
//! and cannot be undone.

pub mod control;
pub mod effect_class;
pub mod failure;
pub mod gate;
pub mod grants;
pub mod input;
pub mod origin;
pub mod outcome;
pub mod port;
pub mod rate;
pub mod told;
pub mod two;

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    breaker::BreakerPolicy,
    digest::{Digest, NotCanonical, canonical},
    failure::Retryability,
    label::Label,
    retry::RetryPolicy,
    time::Timestamp,
};

pub use control::Control;
pub use effect_class::{EffectClass, KeyValidity, Recovery, Reversibility, Sent};
pub use failure::{TookEffect, ToolFailure};
pub use grants::Grants;
pub use input::{InputGiven, InputWanted};
pub use origin::Origin;
pub use outcome::{Denial, DenialReason, InDoubt, ToolOutcome};
pub use port::{Reconciled, Tool, ToolCall, ToolCatalog};
pub use rate::{RateGate, RateLimit};
pub use told::told_to_model;

/// How long a call may take where the tool does not say.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// What a tool declares about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolSpec {
    /// Unique in its catalogue; what grants and models call it by.
    pub name: String,
    /// What it does, for models and people.
    pub description: String,
    /// JSON Schema of the arguments; each agent that is offered the tool refers to it.
    pub input_schema: Arc<Value>,
    /// JSON Schema of what it returns; `true` where anything may come.
    pub output_schema: Value,
    /// What repeating a call would do.
    pub effect: EffectClass,
    /// Whether what it does can be undone; drives approvals.
    pub reversibility: Reversibility,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How a failed attempt is tried again.
    pub retry: RetryPolicy,
    /// How often it may be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<RateLimit>,
    /// What is said about its results where they say nothing themselves.
    pub result_label: Label,
    /// Whether it is asked again until something has changed: an agent that repeats such a call does
    /// not go round in circles.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub polls: bool,
    /// How it is reached, and through whom.
    #[serde(default, skip_serializing_if = "Origin::is_native")]
    pub origin: Origin,
    /// Which of its arguments say what is acted on; an attacker who sets one of them has won.
    #[serde(default)]
    pub control: Control,
    /// When a person must approve the call: a condition in CEL, over what a policy sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
    /// How many calls may be under way at once in a process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<NonZeroU32>,
    /// When its breaker opens; half of the last 20 calls when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<BreakerPolicy>,
    /// What a call costs, in millionths of a US dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<u64>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

impl ToolSpec {
    /// Makes the spec of a tool that declares nothing: it acts at most once, cannot be undone, and
    /// returns untrusted values.
    #[must_use]
    pub fn new(name: impl Into<String>, input_schema: impl Into<Arc<Value>>) -> Self {
        Self {
            name: name.into(),
            description: String::new(),
            input_schema: input_schema.into(),
            output_schema: Value::Bool(true),
            effect: EffectClass::AtMostOnce,
            reversibility: Reversibility::Irreversible,
            timeout: DEFAULT_TIMEOUT,
            retry: RetryPolicy::default(),
            rate: None,
            result_label: Label::UNTRUSTED,
            polls: false,
            origin: Origin::Native,
            control: Control::All,
            approval: None,
            concurrency: None,
            breaker: None,
            cost: None,
            owner: None,
        }
    }

    /// Says what the tool does.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Sets the JSON Schema of what it returns.
    #[must_use]
    pub fn with_output_schema(mut self, schema: Value) -> Self {
        self.output_schema = schema;
        self
    }

    /// Declares what repeating a call would do.
    #[must_use]
    pub const fn with_effect(mut self, effect: EffectClass) -> Self {
        self.effect = effect;
        self
    }

    /// Declares whether what it does can be undone.
    #[must_use]
    pub const fn with_reversibility(mut self, reversibility: Reversibility) -> Self {
        self.reversibility = reversibility;
        self
    }

    /// Sets how long one attempt may take.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how a failed attempt is tried again.
    #[must_use]
    pub const fn with_retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// Limits how often it may be called.
    #[must_use]
    pub const fn with_rate(mut self, rate: RateLimit) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Sets what is said about its results.
    #[must_use]
    pub fn with_result_label(mut self, label: Label) -> Self {
        self.result_label = label;
        self
    }

    /// Declares that it is asked again until something has changed.
    #[must_use]
    pub const fn polling(mut self) -> Self {
        self.polls = true;
        self
    }

    /// Says how it is reached.
    #[must_use]
    pub fn with_origin(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }

    /// Declares which arguments say what is acted on.
    #[must_use]
    pub fn with_control(mut self, control: Control) -> Self {
        self.control = control;
        self
    }

    /// Says when a person must approve a call: a condition in CEL, `true` for every call.
    #[must_use]
    pub fn with_approval(mut self, condition: impl Into<String>) -> Self {
        self.approval = Some(condition.into());
        self
    }

    /// Limits how many calls may be under way at once in a process.
    #[must_use]
    pub const fn with_concurrency(mut self, most: NonZeroU32) -> Self {
        self.concurrency = Some(most);
        self
    }

    /// Sets when its breaker opens.
    #[must_use]
    pub const fn with_breaker(mut self, policy: BreakerPolicy) -> Self {
        self.breaker = Some(policy);
        self
    }

    /// Sets what a call costs, in millionths of a US dollar.
    #[must_use]
    pub const fn with_cost(mut self, usd: u64) -> Self {
        self.cost = Some(usd);
        self
    }

    /// Says who answers for it.
    #[must_use]
    pub fn with_owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// Returns whether it is the code of a flow's step, and no tool.
    #[must_use]
    pub const fn is_step(&self) -> bool {
        matches!(self.origin, Origin::Step(_))
    }

    /// Returns whether a call changes something.
    #[must_use]
    pub const fn changes_something(&self) -> bool {
        !matches!(self.effect, EffectClass::Read)
    }

    /// Returns whether a call carries something out of this process: it changes something, is made
    /// elsewhere, or acts on a place that an argument names.
    #[must_use]
    pub fn reaches_out(&self) -> bool {
        let names_a_place = matches!(&self.control, Control::Only(names) if !names.is_empty());
        self.changes_something() || !self.origin.is_native() || names_a_place
    }

    /// Returns the content hash: a tool whose hash changed is another tool.
    ///
    /// # Errors
    /// A schema is not JSON that can be written canonically.
    pub fn hash(&self) -> Result<Digest, NotCanonical> {
        canonical(self).map(|bytes| Digest::of(&bytes))
    }

    /// Returns whether an intent must be committed before a call is sent.
    #[must_use]
    pub const fn needs_intent(&self) -> bool {
        self.effect.needs_intent(self.reversibility)
    }

    /// Returns how long to wait before the same call is tried again after `attempt` failed, or
    /// `None` if it must not be. A call that may have acted is repeated only where a repeat with
    /// the same key is harmless; elsewhere [`EffectClass::recovery`] says what to do.
    #[must_use]
    pub fn retry_wait(&self, attempt: u32, failure: &ToolFailure, random: u64) -> Option<Duration> {
        let harmless = failure.took_effect == TookEffect::No || self.effect.repeat_is_harmless();
        let retry = if harmless { failure.retry } else { Retryability::Permanent };
        self.retry.next(attempt, retry, random, failure.retry_after)
    }

    /// Returns the outcome of a call whose last attempt failed. An action that may have happened is
    /// in doubt, not failed.
    #[must_use]
    pub fn outcome_of(&self, failure: ToolFailure, first_sent_at: Timestamp) -> ToolOutcome {
        let acts = !matches!(self.effect, EffectClass::Read | EffectClass::Local);
        if acts && failure.took_effect == TookEffect::Unknown {
            return ToolOutcome::InDoubt(InDoubt { first_sent_at, because: failure.message });
        }
        ToolOutcome::Failed(failure)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::code::Code;

    use super::*;

    fn spec() -> ToolSpec {
        ToolSpec::new("pay", json!({"type": "object"}))
    }

    #[test]
    fn what_is_not_declared_is_the_worst() {
        assert_eq!(spec().effect, EffectClass::AtMostOnce);
        assert_eq!(spec().reversibility, Reversibility::Irreversible);
        assert_eq!(spec().result_label, Label::UNTRUSTED);
        assert!(spec().needs_intent());
    }

    #[test]
    fn any_change_of_a_spec_changes_its_hash() {
        let changed = [
            spec().with_description("pays"),
            spec().with_effect(EffectClass::Read),
            spec().with_reversibility(Reversibility::Reversible),
            spec().with_output_schema(json!({})),
            spec().with_rate(RateLimit::new(1, Duration::from_secs(1))),
        ];
        for other in changed {
            assert_ne!(other.hash(), spec().hash(), "{other:?}");
        }
        let read_back: ToolSpec =
            serde_json::from_str(&serde_json::to_string(&spec()).unwrap()).unwrap();
        assert_eq!(read_back.hash(), spec().hash());
    }

    fn timed_out() -> ToolFailure {
        ToolFailure::new("no answer in 5s").with_code(Code::ToolTimedOut).retryable()
    }

    #[test]
    fn a_call_that_may_have_acted_is_tried_again_only_where_a_repeat_is_harmless() {
        let forever = EffectClass::Idempotent { key_valid_for: KeyValidity::Forever };
        let waits = |effect, failure: &ToolFailure| {
            spec().with_effect(effect).retry_wait(1, failure, 0).is_some()
        };
        assert!(waits(EffectClass::Read, &timed_out()));
        assert!(waits(forever, &timed_out()));
        assert!(!waits(EffectClass::AtMostOnce, &timed_out()));
        assert!(waits(EffectClass::AtMostOnce, &timed_out().without_effect()));
        assert!(!waits(forever, &ToolFailure::new("no such payment").without_effect()));
    }

    #[test]
    fn an_action_that_may_have_happened_is_in_doubt_and_a_read_is_failed() {
        let at = Timestamp::from_millis(7);
        let doubt = spec().outcome_of(timed_out(), at);
        assert!(
            matches!(doubt, ToolOutcome::InDoubt(InDoubt { first_sent_at, .. }) if first_sent_at == at)
        );
        let refused = timed_out().without_effect();
        assert_eq!(spec().outcome_of(refused.clone(), at), ToolOutcome::Failed(refused));
        let read = spec().with_effect(EffectClass::Read);
        assert_eq!(read.outcome_of(timed_out(), at), ToolOutcome::Failed(timed_out()));
    }
}
