//! Which providers serve a name, in which order, and at what price: the one thing the engine asks.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use super::{
    Candidate, Candidates, ModelChain, ModelFailure, ModelId, ModelName, Price, PriceTable,
    Provider, Tier,
};
use crate::tool::RateLimit;

/// What an endpoint may be asked at a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// How many calls in which span.
    pub rate: Option<RateLimit>,
    /// How many calls at the same time.
    pub concurrency: Option<u32>,
    /// After how long a call that names one of its models is sent once more.
    pub hedge_after: Option<Duration>,
}

/// The providers a process has, the models its tiers stand for, and the prices.
#[derive(Clone)]
pub struct ModelCatalog {
    providers: Vec<Arc<dyn Provider>>,
    tiers: BTreeMap<Tier, ModelChain>,
    traffic: BTreeMap<String, Traffic>,
    missing: BTreeMap<String, String>,
    prices: Arc<dyn PriceTable>,
}

impl ModelCatalog {
    /// Makes a catalog without providers.
    #[must_use]
    pub fn new(prices: Arc<dyn PriceTable>) -> Self {
        let (tiers, traffic, missing) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { providers: Vec::new(), tiers, traffic, missing, prices }
    }

    /// Adds a provider; the first that serves a model gets its calls.
    #[must_use]
    pub fn with_provider(mut self, provider: Arc<dyn Provider>) -> Self {
        self.providers.push(provider);
        self
    }

    /// Says which model a tier stands for, or which chain of models.
    #[must_use]
    pub fn with_tier(mut self, tier: Tier, chain: impl Into<ModelChain>) -> Self {
        self.tiers.insert(tier, chain.into());
        self
    }

    /// Says that every tier not yet set stands for `model`.
    #[must_use]
    pub fn with_default(mut self, model: &ModelId) -> Self {
        for tier in Tier::ALL {
            self.tiers.entry(tier).or_insert_with(|| model.clone().into());
        }
        self
    }

    /// Limits what the endpoint of this name is asked at a time.
    #[must_use]
    pub fn with_traffic(mut self, endpoint: impl Into<String>, traffic: Traffic) -> Self {
        self.traffic.insert(endpoint.into(), traffic);
        self
    }

    /// Says what is missing for a provider of this name to be there.
    #[must_use]
    pub fn with_missing(mut self, name: impl Into<String>, hint: impl Into<String>) -> Self {
        self.missing.insert(name.into(), hint.into());
        self
    }

    /// Returns those who may answer a call of `name`, the first choice first.
    ///
    /// # Errors
    /// [`ModelFailure::Unknown`] if the tier stands for nothing or nobody serves one of its models.
    pub fn candidates(&self, name: &ModelName) -> Result<Candidates, ModelFailure> {
        let unknown = || ModelFailure::Unknown { model: name.clone() };
        let chain = self.chain(name).ok_or_else(unknown)?;
        let mut models = chain.models().map(|model| self.candidate(model));
        let first = models.next().ok_or_else(unknown)??;
        let rest = models.collect::<Result<_, _>>()?;
        let endpoint = self.traffic(first.model.provider());
        let hedge_after = chain.hedge_after().or_else(|| endpoint.and_then(|e| e.hedge_after));
        Ok(Candidates::new(first, rest, hedge_after))
    }

    /// Returns the model that `name` stands for first, and the provider that serves it.
    ///
    /// # Errors
    /// As [`Self::candidates`].
    pub fn resolve(&self, name: &ModelName) -> Result<(ModelId, Arc<dyn Provider>), ModelFailure> {
        let candidates = self.candidates(name)?;
        let Candidate { model, provider } = candidates.at(1);
        Ok((model.clone(), provider.clone()))
    }

    /// Returns what a tier stands for, or the one model that is named.
    fn chain(&self, name: &ModelName) -> Option<ModelChain> {
        match name {
            ModelName::Exact(id) => Some(id.clone().into()),
            ModelName::Tier(tier) => self.tiers.get(tier).cloned(),
        }
    }

    fn candidate(&self, model: &ModelId) -> Result<Candidate, ModelFailure> {
        let provider = self.providers.iter().find(|provider| provider.serves(model));
        let provider = provider.cloned();
        provider
            .map(|provider| Candidate { model: model.clone(), provider })
            .ok_or_else(|| ModelFailure::Unknown { model: model.clone().into() })
    }

    /// Returns the price of `model`: what its provider declares, or else what the table knows.
    #[must_use]
    pub fn price(&self, model: &ModelId) -> Option<Price> {
        let declared = self.providers.iter().find(|p| p.serves(model)).and_then(|p| p.price(model));
        declared.or_else(|| self.prices.price(model))
    }

    /// Returns the version of the price table.
    #[must_use]
    pub fn price_version(&self) -> &str {
        self.prices.version()
    }

    /// Returns the chains that tiers stand for, strongest first.
    pub fn tiers(&self) -> impl Iterator<Item = (Tier, &ModelChain)> {
        self.tiers.iter().map(|(tier, chain)| (*tier, chain))
    }

    /// Returns what the endpoint of this name may be asked at a time, if that is limited.
    #[must_use]
    pub fn traffic(&self, endpoint: &str) -> Option<&Traffic> {
        self.traffic.get(endpoint)
    }

    /// Returns what is missing for the provider of `model` to be there, if that is known.
    #[must_use]
    pub fn missing(&self, model: &ModelName) -> Option<&str> {
        match model {
            ModelName::Exact(id) => self.missing.get(id.provider()).map(String::as_str),
            ModelName::Tier(_) => None,
        }
    }
}

impl fmt::Debug for ModelCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let providers: Vec<_> = self.providers.iter().map(|p| p.name()).collect();
        f.debug_struct("ModelCatalog")
            .field("providers", &providers)
            .field("tiers", &self.tiers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::model::{CallContext, ModelReply, ModelRequest, Onward, StreamSink};

    struct Desk(Option<Price>);

    #[async_trait]
    impl Provider for Desk {
        fn name(&self) -> &str {
            "desk"
        }

        fn count_input(&self, _: &ModelId, _: &ModelRequest) -> u64 {
            0
        }

        fn price(&self, _: &ModelId) -> Option<Price> {
            self.0
        }

        async fn call(
            &self,
            _: &ModelId,
            _: &ModelRequest,
            _: &CallContext,
            _: &dyn StreamSink,
        ) -> Result<ModelReply, ModelFailure> {
            Err(ModelFailure::Truncated)
        }
    }

    const LISTED: Price =
        Price { input_per_million: 1, cached_input_per_million: None, output_per_million: 2 };

    struct OnlyListed;

    impl PriceTable for OnlyListed {
        fn price(&self, model: &ModelId) -> Option<Price> {
            (model.name() == "listed").then_some(LISTED)
        }

        fn version(&self) -> &str {
            "1"
        }
    }

    fn id(text: &str) -> ModelId {
        text.parse().unwrap()
    }

    fn catalog(own: Option<Price>) -> ModelCatalog {
        ModelCatalog::new(Arc::new(OnlyListed)).with_provider(Arc::new(Desk(own)))
    }

    #[test]
    fn a_tier_is_the_model_it_was_mapped_to() {
        let catalog = catalog(None).with_tier(Tier::Fast, id("desk:a")).with_default(&id("desk:b"));
        let resolved = |name: ModelName| catalog.resolve(&name).unwrap().0.to_string();
        assert_eq!(resolved(Tier::Fast.into()), "desk:a");
        assert_eq!(resolved(Tier::Frontier.into()), "desk:b");
        assert_eq!(resolved(id("desk:c").into()), "desk:c");
    }

    #[test]
    fn what_nobody_serves_is_unknown() {
        for name in [ModelName::Tier(Tier::Fast), id("other:a").into()] {
            let failure = catalog(None).resolve(&name).err().unwrap();
            assert_eq!(failure, ModelFailure::Unknown { model: name });
        }
    }

    #[test]
    fn a_price_is_declared_or_listed_or_unknown() {
        assert_eq!(catalog(Some(Price::FREE)).price(&id("desk:listed")), Some(Price::FREE));
        assert_eq!(catalog(None).price(&id("desk:listed")), Some(LISTED));
        assert_eq!(catalog(None).price(&id("desk:other")), None);
    }

    fn chained(models: &[&str]) -> Candidates {
        let mut models = models.iter().map(|model| id(&format!("desk:{model}")));
        let chain = ModelChain::new(models.next().unwrap());
        let chain = models.fold(chain, ModelChain::then);
        catalog(None).with_tier(Tier::Fast, chain).candidates(&Tier::Fast.into()).unwrap()
    }

    #[test]
    fn each_attempt_asks_the_next_model_and_then_round_again() {
        let asked = |models: &[&str]| {
            let chain = chained(models);
            let name = |attempt| chain.at(attempt).model.name().to_owned();
            (1..=chain.most_attempts()).map(name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(asked(&["a"]), "a a a");
        assert_eq!(asked(&["a", "b"]), "a b a");
        assert_eq!(asked(&["a", "b", "c", "d"]), "a b c d");
    }

    #[test]
    fn a_refusal_of_us_goes_to_others_and_one_of_the_request_to_nobody() {
        let next = |models: &[&str], attempt, onward, refused: &str| {
            let chain = chained(models);
            let next = chain.after(attempt, onward, |model| model.name() == refused);
            next.map(|candidate| candidate.model.name().to_owned())
        };
        assert_eq!(next(&["a"], 1, Onward::Anyone, "").as_deref(), Some("a"));
        assert_eq!(next(&["a"], 1, Onward::Others, ""), None);
        assert_eq!(next(&["a", "b"], 1, Onward::Others, "").as_deref(), Some("b"));
        assert_eq!(next(&["a", "b"], 2, Onward::Anyone, "a"), None, "it refused us before");
        assert_eq!(next(&["a", "b"], 1, Onward::Nobody, ""), None);
        assert_eq!(next(&["a", "b"], 3, Onward::Anyone, ""), None, "three in all");
        assert_eq!(next(&["a", "b", "c", "d"], 3, Onward::Anyone, "").as_deref(), Some("d"));
    }

    #[test]
    fn a_chain_with_a_model_that_nobody_serves_is_refused_whole() {
        let chain = ModelChain::new(id("desk:a")).then(id("other:b"));
        let catalog = catalog(None).with_tier(Tier::Fast, chain).with_missing("other", "set KEY");
        let failure = catalog.candidates(&Tier::Fast.into()).err().unwrap();
        let model = ModelName::Exact(id("other:b"));
        assert_eq!(catalog.missing(&model), Some("set KEY"));
        assert_eq!(failure, ModelFailure::Unknown { model });
    }
}
