//! Answers kept for the same question: when two questions are the same, and the port that keeps
//! them.
//!
//! A hit costs nothing and calls nobody, so whoever asks says for how long an answer is good, and
//! what else it depends on. Nothing is kept unless a request asks for it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{FinishReason, ModelId, ModelReply, ModelRequest, failure::whole_millis};
use crate::{
    digest::{Digest, NotCanonical, canonical},
    time::Timestamp,
};

/// How long an answer may be given again, and for which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CachePolicy {
    /// For how long after it came.
    #[serde(with = "whole_millis")]
    pub ttl: Duration,
    /// The digest of the state that the answer depends on beside the prompt.
    pub slice: Digest,
}

impl CachePolicy {
    /// Makes a policy for answers that depend on the prompt alone.
    #[must_use]
    pub const fn new(ttl: Duration) -> Self {
        Self { ttl, slice: Digest::ZERO }
    }

    /// Binds the answer to a part of the state: another value there is another question.
    ///
    /// # Errors
    /// The value has no canonical JSON, so that two of them could not be compared.
    pub fn with_state<T: Serialize + ?Sized>(mut self, slice: &T) -> Result<Self, NotCanonical> {
        self.slice = Digest::of(&canonical(slice)?);
        Ok(self)
    }
}

/// The question: who asks, and what. Tenants never share an answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CacheKey {
    /// Whose run asks.
    pub tenant: String,
    /// The digest of prompt, tools, parameters, state and the model that would be asked.
    pub question: Digest,
}

impl CacheKey {
    /// Returns the key of a request as `model` would be asked it, or `None` if its answer is not to
    /// be kept.
    #[must_use]
    pub fn of(tenant: &str, model: &ModelId, request: &ModelRequest) -> Option<Self> {
        let policy = request.cache?;
        let (asked, model) = (request.question_digest(), model.to_string());
        let question = Digest::of_parts([
            tenant.as_bytes(),
            model.as_bytes(),
            &asked.as_bytes()[..],
            &policy.slice.as_bytes()[..],
        ]);
        Some(Self { tenant: tenant.to_owned(), question })
    }
}

/// Keeps answers. It may forget any of them at any time.
pub trait ResponseCache: Send + Sync {
    /// Returns the answer kept under a key, unless its time is over.
    fn get(&self, key: &CacheKey, now: Timestamp) -> Option<ModelReply>;

    /// Keeps an answer until a time.
    fn put(&self, key: CacheKey, reply: &ModelReply, until: Timestamp);
}

impl ModelReply {
    /// Returns whether the answer is whole: one that was cut or filtered is not kept for others.
    #[must_use]
    pub const fn may_be_kept(&self) -> bool {
        match self.finish {
            FinishReason::Stop | FinishReason::ToolCalls => true,
            FinishReason::Length | FinishReason::Filtered => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Temperature, Tier};

    fn key(tenant: &str, model: &str, request: &ModelRequest) -> Digest {
        CacheKey::of(tenant, &model.parse().unwrap(), request).unwrap().question
    }

    fn request() -> ModelRequest {
        let hour = CachePolicy::new(Duration::from_secs(3_600));
        ModelRequest::new(Tier::Fast).with_user("which colour?").with_cache(hour)
    }

    #[test]
    fn whatever_an_answer_depends_on_makes_another_question() {
        let same = key("ann", "a:b", &request());
        let hour = CachePolicy::new(Duration::from_secs(3_600));
        let others = [
            key("bob", "a:b", &request()),
            key("ann", "a:c", &request()),
            key("ann", "a:b", &request().with_user("?")),
            key("ann", "a:b", &request().with_temperature(Temperature::ZERO)),
            key("ann", "a:b", &request().with_max_output_tokens(7)),
            key("ann", "a:b", &request().with_cache(hour.with_state(&["blue"]).unwrap())),
        ];
        assert!(others.iter().all(|other| *other != same), "{others:?}");
    }

    #[test]
    fn neither_the_name_nor_the_time_to_live_does() {
        let same = key("ann", "a:b", &request());
        let longer = request().with_cache(CachePolicy::new(Duration::from_secs(7_200)));
        assert_eq!(key("ann", "a:b", &longer), same);
        let by_name = ModelRequest { model: Tier::Frontier.into(), ..request() };
        assert_eq!(key("ann", "a:b", &by_name), same);
    }

    #[test]
    fn a_request_that_does_not_ask_for_it_has_no_key() {
        let request = ModelRequest::new(Tier::Fast).with_user("which colour?");
        assert_eq!(CacheKey::of("ann", &"a:b".parse().unwrap(), &request), None);
    }
}
