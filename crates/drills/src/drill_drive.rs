//! A fixed amount of the engine's work, in one thread, for whoever counts instructions.
//!
//! On the store in memory time stands still while anything can be done, so nothing is done because
//! of the time that it took: the same work is the same instructions, nearly to the last. On a file
//! the machine's time goes on, and what happens at intervals is put off until the work is done.

use std::{str::FromStr, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::{FutureExt, future::BoxFuture};
use mainstay::Resources;
use mainstay_core::{
    failure::StepError,
    flow::FlowDefinition,
    port::{Clock, Entropy},
    store::Store,
    time::Timestamp,
};
use mainstay_engine::{
    context::StepContext,
    program::{FlowProgram, InputError, Inputs, StepDone},
    runtime::{Options, Runtime},
    system::{OsEntropy, SystemClock},
    worker::Worker,
};
use mainstay_store::model::MemoryStore;
use mainstay_testing::clock::{SeededEntropy, SimulatedClock};
use serde::Serialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    Fault,
    chain::{PAYLOAD, STEPS, chain, start},
    odometer::Odometer,
    place::{Kind, Place, timed},
};

/// Longer than any count takes, so that no beat is in it.
const LEASE: Duration = Duration::from_secs(24 * 60 * 60);

/// How often a planted fault writes each value once more.
const AGAIN: usize = 5;

/// Where the work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// The pure model of the protocol: engine and core, and nothing of a database.
    Memory,
    /// A file.
    Sqlite,
}

impl FromStr for Ground {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        match text {
            "memory" => Ok(Self::Memory),
            "sqlite" => Ok(Self::Sqlite),
            other => Err(format!("there is no store `{other}`: write memory or sqlite").into()),
        }
    }
}

impl Ground {
    /// Returns how many runs are driven at the same time. On a file one, so that every commit has
    /// one step in it: how many would meet in a commit depends on the time.
    const fn concurrency(self) -> usize {
        match self {
            Self::Memory => 16,
            Self::Sqlite => 1,
        }
    }
}

/// Whether each step does more than it has to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// As it is.
    Usual,
    /// The planted fault.
    Wasted,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Work {
    /// Runs that ended.
    pub runs: u64,
    /// Steps that ended.
    pub steps: u64,
}

/// Drives so many runs to their end, in a runtime of its own.
///
/// # Errors
/// The store or the worker gives up.
pub fn drill(ground: Ground, runs: usize, effort: Effort) -> Result<Work, Fault> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let paused = ground == Ground::Memory;
    builder.enable_all().start_paused(paused).build()?.block_on(drive(ground, runs, effort))
}

async fn drive(ground: Ground, runs: usize, effort: Effort) -> Result<Work, Fault> {
    let mut chain: Arc<dyn FlowProgram> = chain(PAYLOAD);
    if effort == Effort::Wasted {
        chain = Arc::new(Wasteful(chain));
    }
    // A file has to be there for as long as its store.
    let place = match ground {
        Ground::Memory => None,
        Ground::Sqlite => Some(Place::make(Kind::Sqlite).await?),
    };
    let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) = match ground {
        Ground::Memory => {
            (Arc::new(SimulatedClock::default().flowing()), Arc::new(SeededEntropy::new(1)))
        }
        Ground::Sqlite => (Arc::new(Unhurried), Arc::new(OsEntropy)),
    };
    let store: Arc<dyn Store> = match &place {
        Some(place) => place.store().await?,
        None => Arc::new(MemoryStore::default().with_clock(Arc::clone(&clock))),
    };
    let odometer = Arc::new(Odometer::new(store));
    let runtime = timed(odometer.clone(), Resources::new(), chain, (clock, entropy))?;
    let options = Options { concurrency: ground.concurrency(), ..Options::default() };
    let options = options.with_lease(LEASE);
    to_the_end(Arc::new(runtime.with_options(options)), &odometer, runs).await?;
    let work = Work { runs: odometer.runs(), steps: odometer.steps() };
    if work.steps != runs as u64 * u64::from(STEPS) {
        return Err(format!("{runs} runs ended {} steps", work.steps).into());
    }
    Ok(work)
}

async fn to_the_end(runtime: Arc<Runtime>, odometer: &Odometer, runs: usize) -> Result<(), Fault> {
    for flow in runtime.flows.iter() {
        runtime.store.register_flow(flow.program.definition().clone()).await?;
    }
    let started = start(&runtime, runs).await?;
    let stop = CancellationToken::new();
    let mut worker = tokio::spawn(Worker::new(runtime, "drive").run(stop.clone()));
    tokio::select! {
        () = odometer.ended(started.len() as u64) => {}
        gone = &mut worker => return Err(format!("the worker ended: {gone:?}").into()),
    }
    stop.cancel();
    worker.await??;
    Ok(())
}

/// A clock on which waits are so long that none ends by itself while work is counted: how many
/// looks at the store there were would depend on the machine.
#[derive(Debug)]
struct Unhurried;

#[async_trait]
impl Clock for Unhurried {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn boot(&self) -> Duration {
        SystemClock.boot()
    }

    async fn sleep(&self, span: Duration) {
        SystemClock.sleep(span * 100_000).await;
    }
}

/// The planted fault: a flow whose steps write their values again and again.
struct Wasteful(Arc<dyn FlowProgram>);

impl FlowProgram for Wasteful {
    fn definition(&self) -> &FlowDefinition {
        self.0.definition()
    }

    fn initial(&self, input: &Value) -> Result<Value, InputError> {
        self.0.initial(input)
    }

    fn route(&self, router: usize, state: &Value, inputs: &Inputs) -> Result<String, StepError> {
        self.0.route(router, state, inputs)
    }

    fn run(
        &self,
        step: usize,
        state: Arc<Value>,
        inputs: Inputs,
        cx: StepContext,
    ) -> BoxFuture<'static, Result<StepDone, StepError>> {
        let step = self.0.run(step, state, inputs, cx);
        async {
            let done = step.await?;
            let written: usize = (0..AGAIN).map(|_| done.output.to_string().len()).sum();
            std::hint::black_box(written);
            Ok(done)
        }
        .boxed()
    }
}
