//! Which provider serves a name, and at what price: the one thing the engine asks.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::{ModelFailure, ModelId, ModelName, Price, PriceTable, Provider, Tier};

/// The providers a process has, the models its tiers stand for, and the prices.
#[derive(Clone)]
pub struct ModelCatalog {
    providers: Vec<Arc<dyn Provider>>,
    tiers: BTreeMap<Tier, ModelId>,
    prices: Arc<dyn PriceTable>,
}

impl ModelCatalog {
    /// Makes a catalog without providers.
    #[must_use]
    pub fn new(prices: Arc<dyn PriceTable>) -> Self {
        Self { providers: Vec::new(), tiers: BTreeMap::new(), prices }
    }

    /// Adds a provider; the first that serves a model gets its calls.
    #[must_use]
    pub fn with_provider(mut self, provider: Arc<dyn Provider>) -> Self {
        self.providers.push(provider);
        self
    }

    /// Says which model a tier stands for.
    #[must_use]
    pub fn with_tier(mut self, tier: Tier, model: ModelId) -> Self {
        self.tiers.insert(tier, model);
        self
    }

    /// Says that every tier not yet set stands for `model`.
    #[must_use]
    pub fn with_default(mut self, model: &ModelId) -> Self {
        for tier in Tier::ALL {
            self.tiers.entry(tier).or_insert_with(|| model.clone());
        }
        self
    }

    /// Returns the model that `name` stands for and the provider that serves it.
    ///
    /// # Errors
    /// [`ModelFailure::Unknown`] if the tier stands for nothing or nobody serves the model.
    pub fn resolve(&self, name: &ModelName) -> Result<(ModelId, Arc<dyn Provider>), ModelFailure> {
        let model = match name {
            ModelName::Exact(id) => Some(id),
            ModelName::Tier(tier) => self.tiers.get(tier),
        };
        model
            .and_then(|id| {
                Some((id.clone(), self.providers.iter().find(|p| p.serves(id))?.clone()))
            })
            .ok_or_else(|| ModelFailure::Unknown { model: name.clone() })
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

    /// Returns the models that tiers stand for, strongest first.
    pub fn tiers(&self) -> impl Iterator<Item = (Tier, &ModelId)> {
        self.tiers.iter().map(|(tier, model)| (*tier, model))
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
    use crate::model::{CallContext, ModelReply, ModelRequest, StreamSink};

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
}
