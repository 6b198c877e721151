//! What runs, and where.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use mainstay_core::{
    model::{ModelCatalog, ModelId, Price, PriceTable, Provider, Tier},
    port::Entropy,
    schema::{SchemaCheck, SchemaError},
    store::Store,
    tool::{Tool, ToolCatalog, ToolSpec},
};
use mainstay_engine::{
    commands::StartRun,
    flows::Flows,
    program::Flow,
    runtime::{Options, Runtime},
};
use serde_json::Value;

use super::{
    outside::{Nothing, Outside},
    person::Person,
};
use crate::clock::SimulatedClock;

/// Where a setup is put up: the clock to follow, and the database, if the store has one.
#[derive(Debug, Clone)]
pub struct Stage {
    pub(crate) clock: Arc<SimulatedClock>,
    pub(crate) url: Option<String>,
}

impl Stage {
    /// Returns the clock everything on this stage follows.
    #[must_use]
    pub fn clock(&self) -> Arc<SimulatedClock> {
        self.clock.clone()
    }

    /// Returns the store's database, for tools that keep their tables beside it; `None` in memory.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }
}

type Through = Arc<dyn Fn(Arc<dyn ToolCatalog>) -> Arc<dyn ToolCatalog> + Send + Sync>;

/// The program under test: flows, tools, models, the runs to start, the world and the person.
#[derive(Clone)]
pub struct Setup {
    pub(crate) flows: Flows,
    pub(crate) tools: Arc<dyn ToolCatalog>,
    pub(crate) schema: Arc<dyn SchemaCheck>,
    pub(crate) providers: Vec<Arc<dyn Provider>>,
    pub(crate) starts: Vec<StartRun>,
    pub(crate) outside: Arc<dyn Outside>,
    pub(crate) person: Person,
    pub(crate) signals: BTreeMap<String, Value>,
    pub(crate) options: Options,
    through: Through,
    default_model: Option<ModelId>,
    tiers: BTreeMap<Tier, ModelId>,
    prices: Arc<dyn PriceTable>,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("flows", &self.flows).finish_non_exhaustive()
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            flows: Flows::default(),
            tools: Arc::new(Bare),
            schema: Arc::new(Bare),
            providers: Vec::new(),
            starts: Vec::new(),
            outside: Arc::new(Nothing),
            person: Person::default(),
            signals: BTreeMap::new(),
            options: brisk(),
            through: Arc::new(|tools| tools),
            default_model: None,
            tiers: BTreeMap::new(),
            prices: Arc::new(Bare),
        }
    }
}

/// Checkpoints come often, so that short runs have some in the middle; nobody waits long.
fn brisk() -> Options {
    Options {
        checkpoint_rows: 12,
        poll: (Duration::from_millis(1), Duration::from_millis(2)),
        ..Options::default()
    }
}

impl Setup {
    /// Adds a flow written in Rust.
    #[must_use]
    pub fn with_flow<F: Flow>(mut self) -> Self {
        self.flows.add(F::program());
        self
    }

    /// Sets the tools, with the check of their arguments.
    #[must_use]
    pub fn with_tools(mut self, tools: Arc<dyn ToolCatalog>, schema: Arc<dyn SchemaCheck>) -> Self {
        self.tools = tools;
        self.schema = schema;
        self
    }

    /// Stands something between processes and the tools, such as a planted fault: what leaves it
    /// is what reaches the world.
    #[must_use]
    pub fn with_tools_through(
        mut self,
        through: impl Fn(Arc<dyn ToolCatalog>) -> Arc<dyn ToolCatalog> + Send + Sync + 'static,
    ) -> Self {
        self.through = Arc::new(through);
        self
    }

    /// Adds a vendor of models.
    #[must_use]
    pub fn with_provider(mut self, provider: Arc<dyn Provider>) -> Self {
        self.providers.push(provider);
        self
    }

    /// Sets the model that every tier not yet set stands for.
    #[must_use]
    pub fn with_default_model(mut self, model: ModelId) -> Self {
        self.default_model = Some(model);
        self
    }

    /// Sets the model a tier stands for.
    #[must_use]
    pub fn with_tier(mut self, tier: Tier, model: ModelId) -> Self {
        self.tiers.insert(tier, model);
        self
    }

    /// Sets the prices of models that declare none.
    #[must_use]
    pub fn with_prices(mut self, prices: Arc<dyn PriceTable>) -> Self {
        self.prices = prices;
        self
    }

    /// Adds a run to start; several are driven one after the other.
    #[must_use]
    pub fn with_run(mut self, start: StartRun) -> Self {
        self.starts.push(start);
        self
    }

    /// Sets what the tools act upon.
    #[must_use]
    pub fn with_outside(mut self, outside: Arc<dyn Outside>) -> Self {
        self.outside = outside;
        self
    }

    /// Sets who decides.
    #[must_use]
    pub fn with_person(mut self, person: Person) -> Self {
        self.person = person;
        self
    }

    /// Adds a signal that is sent to every run that waits for one of this name.
    #[must_use]
    pub fn with_signal(mut self, name: impl Into<String>, value: Value) -> Self {
        self.signals.insert(name.into(), value);
        self
    }

    /// Sets times and sizes.
    #[must_use]
    pub fn with_options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Returns times and sizes, to start from.
    #[must_use]
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// Puts a process together: this program on a store, with its own randomness.
    pub(crate) fn process(
        &self,
        stage: &Stage,
        store: Arc<dyn Store>,
        entropy: Arc<dyn Entropy>,
        borders: Borders,
    ) -> Runtime {
        let models = self.models(borders.providers);
        let tools = (self.between(borders.tools), self.schema.clone());
        let clock = stage.clock.clone();
        Runtime::new(store, clock, entropy, self.flows.clone(), models, tools)
            .with_options(self.options.clone())
    }

    /// Returns tools as processes see them.
    pub(crate) fn between(&self, tools: Arc<dyn ToolCatalog>) -> Arc<dyn ToolCatalog> {
        (self.through)(tools)
    }

    /// Returns the models of these vendors.
    pub(crate) fn models(&self, providers: Vec<Arc<dyn Provider>>) -> ModelCatalog {
        let mut models = ModelCatalog::new(self.prices.clone());
        for provider in providers {
            models = models.with_provider(provider);
        }
        for (tier, model) in &self.tiers {
            models = models.with_tier(*tier, model.clone());
        }
        if let Some(model) = &self.default_model {
            models = models.with_default(model);
        }
        models
    }

    /// Returns the borders as they are, unwatched.
    pub(crate) fn borders(&self) -> Borders {
        let (tools, providers) = (self.tools.clone(), self.providers.clone());
        Borders { tools, providers }
    }
}

/// Where a process touches the outside.
pub(crate) struct Borders {
    pub(crate) tools: Arc<dyn ToolCatalog>,
    pub(crate) providers: Vec<Arc<dyn Provider>>,
}

/// No tools, no prices, and no schema that anything could miss.
struct Bare;

impl ToolCatalog for Bare {
    fn get(&self, _: &str) -> Option<Arc<dyn Tool>> {
        None
    }

    fn specs(&self) -> Vec<ToolSpec> {
        Vec::new()
    }
}

impl SchemaCheck for Bare {
    fn errors(&self, _: &Value, _: &Value) -> Vec<SchemaError> {
        Vec::new()
    }
}

impl PriceTable for Bare {
    fn price(&self, _: &ModelId) -> Option<Price> {
        None
    }

    fn version(&self) -> &str {
        "none"
    }
}
