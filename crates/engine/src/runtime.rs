//! What a process needs to start, drive and read runs, in one place.

use std::{sync::Arc, time::Duration};

use mainstay_core::{
    allowance::Cap,
    endorse::Endorsements,
    link::LinkRules,
    model::{ModelCatalog, ResponseCache},
    policy::{NoPolicy, Policy},
    port::{Broker, Clock, Entropy},
    schema::SchemaCheck,
    store::Store,
    tool::ToolCatalog,
};

use crate::{cache::ReplyCache, flows::Flows, gate::Gates, live::Live};

/// Times and sizes; the defaults are those of `store.md`.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a beat keeps a session's lease.
    pub lease: Duration,
    /// Time between two beats.
    pub beat: Duration,
    /// A worker fences itself after this long without an acknowledged beat.
    pub fence: Duration,
    /// Time between two looks for work when idle: it grows from the first to the second.
    pub poll: (Duration, Duration),
    /// Runs that are driven at the same time.
    pub concurrency: usize,
    /// How long a graceful stop waits for effects in flight.
    pub drain: Duration,
    /// The longest a call of a tool or model may take when nothing else limits it.
    pub call_timeout: Duration,
    /// How long a person has to approve a call; nothing is executed after it.
    pub approval_expires: Duration,
    /// Crashes in a step, without progress, after which a run is quarantined.
    pub crashes: u32,
    /// The deepest nesting and the most visits of a step where the run sets no limit.
    pub depth: u64,
    /// Journal rows since the last checkpoint that call for a new one.
    pub checkpoint_rows: u64,
    /// A directory for the lock file that proves a worker's death on the same host; `None` where
    /// the file system is not local.
    pub proof_dir: Option<std::path::PathBuf>,
    /// Time between two looks at old weeks.
    pub upkeep: Duration,
    /// How long ended runs are kept; a week goes as a whole, and a run that waits longer moves to a
    /// new one. `None` keeps everything.
    pub retention: Option<Duration>,
    /// A directory to which a week's journals are written before it is dropped; `None` for none.
    pub export_dir: Option<std::path::PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            beat: Duration::from_secs(3),
            fence: Duration::from_secs(10),
            poll: (Duration::from_millis(5), Duration::from_secs(1)),
            concurrency: 256,
            drain: Duration::from_secs(30),
            call_timeout: Duration::from_secs(120),
            approval_expires: Duration::from_secs(7 * 24 * 3_600),
            crashes: 5,
            depth: 1_000,
            checkpoint_rows: 400,
            proof_dir: None,
            upkeep: Duration::from_secs(60),
            retention: None,
            export_dir: None,
        }
    }
}

impl Options {
    /// Sets how long a beat keeps a lease, and with it the time between beats and the time after
    /// which a worker fences itself, in the proportions of the defaults.
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self.beat = lease / 5;
        self.fence = lease * 2 / 3;
        self
    }
}

/// A store, flows, models and tools, with a clock: what commands and workers run on.
#[derive(Clone)]
pub struct Runtime {
    /// Where runs live.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The flows of this process.
    pub flows: Arc<Flows>,
    /// The models it may call.
    pub models: ModelCatalog,
    /// The tools it may call.
    pub tools: Arc<dyn ToolCatalog>,
    /// The JSON Schema checker.
    pub schema: Arc<dyn SchemaCheck>,
    /// Rate limits, places and circuit breakers of this process.
    pub gates: Arc<Gates>,
    /// Answers of models that may be given again.
    pub cache: Arc<dyn ResponseCache>,
    /// Live events beside the journal; lossy.
    pub live: Live,
    /// The bus that takes emitted events.
    pub broker: Arc<dyn Broker>,
    /// What decides on granted calls of tools.
    pub policy: Arc<dyn Policy>,
    /// The rules that vouch for values from outside.
    pub endorsements: Arc<Endorsements>,
    /// The hosts to which untrusted text may link where it leaves the system.
    pub links: Arc<LinkRules>,
    /// What runs may use together in a day or a month, across all workers.
    pub caps: Arc<[Cap]>,
    /// Times and sizes.
    pub options: Options,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("flows", &self.flows).finish_non_exhaustive()
    }
}

impl Runtime {
    /// Puts a runtime together.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        flows: Flows,
        models: ModelCatalog,
        (tools, schema): (Arc<dyn ToolCatalog>, Arc<dyn SchemaCheck>),
    ) -> Self {
        let live = Live::default();
        Self {
            store,
            clock,
            entropy,
            flows: Arc::new(flows),
            models,
            tools,
            schema,
            gates: Arc::default(),
            cache: Arc::new(ReplyCache::default()),
            broker: Arc::new(live.clone()),
            live,
            policy: Arc::new(NoPolicy),
            endorsements: Arc::default(),
            links: Arc::default(),
            caps: Arc::default(),
            options: Options::default(),
        }
    }

    /// Limits what runs may use together in a day or a month.
    #[must_use]
    pub fn with_caps(mut self, caps: impl IntoIterator<Item = Cap>) -> Self {
        self.caps = caps.into_iter().collect();
        self
    }

    /// Sets what decides on granted calls of tools.
    #[must_use]
    pub fn with_policy(mut self, policy: Arc<dyn Policy>) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the rules that vouch for values from outside.
    #[must_use]
    pub fn with_endorsements(mut self, rules: Endorsements) -> Self {
        self.endorsements = Arc::new(rules);
        self
    }

    /// Sets the hosts to which untrusted text may link.
    #[must_use]
    pub fn with_links(mut self, links: LinkRules) -> Self {
        self.links = Arc::new(links);
        self
    }

    /// Sets times and sizes.
    #[must_use]
    pub fn with_options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }
}
