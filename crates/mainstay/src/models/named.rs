//! A vendor's language at an endpoint of another name: each tier can have its own address and key.

use std::sync::Arc;

use async_trait::async_trait;
use mainstay_core::model::{
    CallContext, ModelFailure, ModelId, ModelReply, ModelRequest, Price, PriceTable, Provider,
    StreamSink,
};
use mainstay_providers::{prices::Prices, vendor::Vendor};

/// An endpoint under the name that the configuration gives it.
pub(super) struct Named {
    pub(super) name: String,
    pub(super) vendor: Vendor,
    /// The vendor's own prices, where it is the vendor's own address.
    pub(super) prices: Option<Arc<Prices>>,
}

impl Named {
    /// Returns the model as its vendor's own endpoint would be asked for it.
    fn at_vendor(&self, model: &ModelId) -> ModelId {
        let own = format!("{}:{}", self.vendor.name(), model.name());
        // Both halves come from ids, so together they are one.
        own.parse().unwrap_or_else(|_| model.clone())
    }
}

#[async_trait]
impl Provider for Named {
    fn name(&self) -> &str {
        &self.name
    }

    fn count_input(&self, model: &ModelId, request: &ModelRequest) -> u64 {
        self.vendor.count_input(&self.at_vendor(model), request)
    }

    fn price(&self, model: &ModelId) -> Option<Price> {
        let model = self.at_vendor(model);
        let listed = || self.prices.as_ref().and_then(|prices| prices.price(&model));
        self.vendor.price(&model).or_else(listed)
    }

    async fn call(
        &self,
        model: &ModelId,
        request: &ModelRequest,
        context: &CallContext,
        sink: &dyn StreamSink,
    ) -> Result<ModelReply, ModelFailure> {
        self.vendor.call(&self.at_vendor(model), request, context, sink).await
    }
}
