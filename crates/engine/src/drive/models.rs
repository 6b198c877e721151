//! What is particular to a call of a model: whom it asks, after whom, whether the answer is there
//! already, and what its outcome says of all that.

use std::time::Duration;

use mainstay_core::{
    budget::{Settlement, Spend},
    code::Code,
    effect::{EffectPosition, FailedAttempt},
    failure::{Failure, Retryability},
    model::{CacheKey, Candidate, Cost, ModelFailure, ModelReply, ModelRequest, Onward, Usage},
    retry::RetryPolicy,
};
use serde_json::{Value, json};

use super::{
    Drive, Stop,
    call::{Call, Target},
};
use crate::gate;

impl Drive {
    /// Returns those who may answer, every one of them with a price where money is limited.
    pub(super) fn model_target(
        &self,
        position: &EffectPosition,
        request: ModelRequest,
    ) -> Result<Target, Failure> {
        let models = &self.desk.runtime.models;
        let candidates =
            models.candidates(&request.model).map_err(|failure| self.unserved(&failure))?;
        let unpriced = |candidate: &&Candidate| models.price(&candidate.model).is_none();
        let first = candidates.iter().find(unpriced).filter(|_| self.money_is_limited(position));
        if let Some(Candidate { model, .. }) = first {
            let whose = match self.book.run.ledger.limits().usd {
                Some(_) => "the run's limit",
                None if self.money_is_capped(position) => "a cap",
                None => "the limit around it",
            };
            let why = format!("`{model}` has no price, so {whose} on money cannot be kept");
            return Err(Failure::permanent(Code::ModelUnpriced, why));
        }
        Ok(Target::Model { candidates, request: Box::new(request) })
    }

    fn unserved(&self, failure: &ModelFailure) -> Failure {
        let missing = if let ModelFailure::Unknown { model } = failure {
            self.desk.runtime.models.missing(model)
        } else {
            None
        };
        match missing {
            Some(hint) => Failure::permanent(Code::ModelKeyMissing, format!("{failure}: {hint}")),
            None => Failure::permanent(failure.code(), failure.to_string()),
        }
    }

    fn money_is_limited(&self, position: &EffectPosition) -> bool {
        let of_run = self.book.run.ledger.limits().usd;
        let inner = self.inner_accounts(position);
        of_run.is_some()
            || self.money_is_capped(position)
            || inner.iter().any(|account| account.limits().usd.is_some())
    }

    /// Returns how long to wait before the next model of the chain is asked, or `None` if nobody is
    /// asked any more. Another model is asked at once; one that was asked before, after a wait.
    pub(super) fn next_model(
        &self,
        call: &Call,
        last: &FailedAttempt,
        onward: Onward,
        random: u64,
    ) -> Option<Duration> {
        let Target::Model { candidates, .. } = &call.target else { return None };
        let recorded = self.book.run.effect(&call.position).map(|effect| &effect.attempts);
        let tried = || recorded.into_iter().flatten().chain(&call.failed).chain([last]);
        let refused = |tried: &FailedAttempt| tried.failure.retry == Retryability::Permanent;
        let next = candidates.after(call.attempt, onward, |model| {
            tried().any(|tried| tried.model.as_ref() == Some(model) && refused(tried))
        })?;
        let before = tried().rfind(|tried| tried.model.as_ref() == Some(&next.model));
        let Some(before) = before else { return Some(Duration::ZERO) };
        let now = self.book.now();
        let asked = before.failure.retry_after.map(|span| before.at.after(span).since(now));
        Some(RetryPolicy::default().delay(call.attempt, random, asked))
    }

    /// Says whether the next attempt may be made. Another endpoint sees it as a first one; the same
    /// endpoint as a repeat, of which all its callers share a budget.
    pub(super) fn affords(&self, call: &Call) -> bool {
        let gates = &self.desk.runtime.gates;
        let Target::Model { candidates, .. } = &call.target else {
            return call.gate().is_none_or(|gate| gates.attempt(&gate, call.attempt + 1));
        };
        let next = &candidates.at(call.attempt + 1).model;
        let asked = |attempt| candidates.at(attempt).model.provider() == next.provider();
        let nth = if (1..=call.attempt).any(asked) { 2 } else { 1 };
        gates.attempt(&gate::endpoint(next), nth)
    }

    /// Returns the kept answer to the same question, if the request lets it be given again.
    pub(super) fn kept(&self, call: &Call) -> Option<ModelReply> {
        let key = self.cache_key(call)?;
        self.desk.runtime.cache.get(&key, self.book.now())
    }

    fn cache_key(&self, call: &Call) -> Option<CacheKey> {
        let Target::Model { candidates, request } = &call.target else { return None };
        CacheKey::of(&self.book.run.tenant, &candidates.at(call.attempt).model, request)
    }

    /// A hit calls nobody and costs nothing; the journal says that it is one.
    pub(super) fn settle_kept(
        &mut self,
        mut call: Call,
        mut reply: ModelReply,
    ) -> Result<(), Stop> {
        self.drawn.remove(&call.position);
        self.end_draws(&mut call, &Spend::ZERO);
        if let Some(reservation) = call.reservation.take() {
            self.book.run.ledger.settle(reservation, &Settlement::NOTHING);
        }
        let saved = std::mem::replace(&mut reply.usage, Usage::reported(0, 0));
        reply.cost = Some(Cost::ZERO);
        let mut about = self.about_model(&call, &reply);
        if let Some(fields) = about.as_object_mut() {
            fields.insert("cache".to_owned(), json!("hit"));
            fields.insert("saved".to_owned(), json!(saved));
        }
        let value = serde_json::to_value(&reply).unwrap_or_default();
        self.settle(call, Ok(value), None, about)
    }

    /// Keeps an answer for whoever asks the same.
    pub(super) fn keep_answer(&self, call: &Call, reply: &ModelReply) {
        let Target::Model { request, .. } = &call.target else { return };
        if let (Some(key), Some(policy)) = (self.cache_key(call), request.cache)
            && reply.may_be_kept()
        {
            let until = self.book.now().after(policy.ttl);
            self.desk.runtime.cache.put(key, reply, until);
        }
    }

    /// Says which model answered, and which were asked before it.
    pub(super) fn about_model(&self, call: &Call, reply: &ModelReply) -> Value {
        let Some(candidate) = call.candidate() else { return Value::Null };
        let mut about = json!({
            "model": candidate.model,
            "served": reply.model,
            "finish": reply.finish,
            "usage": reply.usage,
            "prices": self.desk.runtime.models.price_version(),
        });
        let Target::Model { request, .. } = &call.target else { return about };
        let asks_for_cache = request.cache.is_some();
        if let Some(fields) = about.as_object_mut() {
            let failed = self.failed_models(call);
            fields.extend((!failed.is_empty()).then(|| ("failed".to_owned(), json!(failed))));
            fields.extend(request.prompt.iter().map(|used| ("prompt".to_owned(), json!(used))));
            fields.extend(asks_for_cache.then(|| ("cache".to_owned(), json!("miss"))));
            let beside = call.beside.as_ref().map(|beside| beside.attempt);
            fields.extend(
                beside.map(|attempt| ("hedged".to_owned(), json!(attempt.max(call.attempt)))),
            );
        }
        about
    }

    /// Says which model failed last, and which before it.
    pub(super) fn about_failed(&self, call: &Call) -> Value {
        let Some(candidate) = call.candidate() else { return Value::Null };
        let failed = self.failed_models(call);
        match failed.is_empty() {
            true => json!({ "model": candidate.model }),
            false => json!({ "model": candidate.model, "failed": failed }),
        }
    }

    fn failed_models(&self, call: &Call) -> Vec<Value> {
        let recorded = self.book.run.effect(&call.position).map(|effect| &effect.attempts);
        let tried = recorded.into_iter().flatten().chain(&call.failed);
        tried
            .filter_map(|tried| Some((tried.model.as_ref()?, tried)))
            .map(|(model, tried)| {
                json!({ "attempt": tried.attempt, "model": model, "code": tried.failure.code })
            })
            .collect()
    }
}
