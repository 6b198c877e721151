//! A real shop beside simulated time: a look at it, or a call of its tools, takes no time, and
//! nothing else happens meanwhile.
//!
//! The shop is a real database, which answers when it answers; a clock that leaps ahead whenever
//! nothing moves would not wait for it. So its work is done on a runtime of its own, while the
//! case's thread stands still.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
        mpsc::channel,
    },
    time::Duration,
};

use async_trait::async_trait;
use mainstay_core::{
    port::Clock,
    time::Timestamp,
    tool::{Reconciled, Tool, ToolCall, ToolCatalog, ToolFailure, ToolSpec},
};
use mainstay_testing::clock::SimulatedClock;
use mainstay_tools::Registry;
use serde_json::Value;
use tokio::runtime::Runtime;

static SIDE: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// Does the work beside the case, which stands still until it is done.
pub(crate) fn aside<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let (tell, told) = channel();
    SIDE.spawn(async move { tell.send(work.await) });
    told.recv().unwrap()
}

/// Simulated time as it was shown last, with real waits: the shop's timeouts are real.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    now: AtomicI64,
    boot: AtomicU64,
}

impl Shown {
    fn show(&self, clock: &SimulatedClock) {
        self.now.store(clock.now().micros(), Ordering::Release);
        let boot = u64::try_from(clock.boot().as_micros()).unwrap();
        self.boot.store(boot, Ordering::Release);
    }
}

#[async_trait]
impl Clock for Shown {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.now.load(Ordering::Acquire))
    }

    fn boot(&self) -> Duration {
        Duration::from_micros(self.boot.load(Ordering::Acquire))
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

/// The shop's tools, each called beside the case.
pub(crate) struct Aside {
    pub(crate) registry: Registry,
    pub(crate) clock: Arc<SimulatedClock>,
    pub(crate) shown: Arc<Shown>,
}

impl ToolCatalog for Aside {
    fn get(&self, name: &str) -> Option<Arc<dyn Tool>> {
        let (clock, shown) = (self.clock.clone(), self.shown.clone());
        let inner = self.registry.get(name)?;
        Some(Arc::new(ToolAside { inner, clock, shown }))
    }

    fn specs(&self) -> Vec<ToolSpec> {
        self.registry.specs()
    }
}

struct ToolAside {
    inner: Arc<dyn Tool>,
    clock: Arc<SimulatedClock>,
    shown: Arc<Shown>,
}

#[async_trait]
impl Tool for ToolAside {
    fn spec(&self) -> &ToolSpec {
        self.inner.spec()
    }

    async fn call(&self, call: ToolCall) -> Result<Value, ToolFailure> {
        self.shown.show(&self.clock);
        let inner = self.inner.clone();
        aside(async move { inner.call(call).await })
    }

    async fn reconcile(&self, call: ToolCall) -> Reconciled {
        self.shown.show(&self.clock);
        let inner = self.inner.clone();
        aside(async move { inner.reconcile(call).await })
    }
}
