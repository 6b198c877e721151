//! What is called: a flow with one step that makes many calls, and tools that return at once.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use mainstay::prelude::*;
use mainstay_core::{port::Clock, tool::ToolFailure};
use mainstay_engine::system::SystemClock;

/// The times of calls since they were last taken.
static TIMES: Mutex<Vec<Time>> = Mutex::new(Vec::new());

/// When a tool was last entered, in nanoseconds.
static ENTERED: AtomicU64 = AtomicU64::new(0);

/// What one call took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time {
    /// From asking until the tool was entered.
    pub(crate) there: Duration,
    /// From asking until the step had the answer.
    pub(crate) whole: Duration,
    /// What all threads of the process computed meanwhile. Others on the machine are not in it.
    pub(crate) cpu: Duration,
}

/// Takes the times of all calls so far.
pub(crate) fn take_times() -> Vec<Time> {
    std::mem::take(&mut *TIMES.lock().unwrap_or_else(PoisonError::into_inner))
}

fn entered() {
    let now = SystemClock.boot().as_nanos();
    ENTERED.store(u64::try_from(now).unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// Makes a call and writes down what it took.
async fn timed<T>(call: impl Future<Output = T>) -> T {
    let (asked, before) = (SystemClock.boot(), computed());
    let answer = call.await;
    let whole = SystemClock.boot().saturating_sub(asked);
    let cpu = computed().saturating_sub(before);
    let there = Duration::from_nanos(ENTERED.load(Ordering::Relaxed)).saturating_sub(asked);
    TIMES.lock().unwrap_or_else(PoisonError::into_inner).push(Time { there, whole, cpu });
    answer
}

/// Returns the processor time of this process so far.
fn computed() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// An order as its shop knows it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Order {
    order: String,
    customer: String,
    cents: u32,
    tags: Vec<String>,
}

/// Finds an order.
#[tool(
    effect = read,
    control = [order],
    approval = "args.cents > 1000000",
    cost = "0.0001",
    owner = "shop"
)]
pub(crate) async fn find_order(
    _cx: &ToolContext,
    order: String,
    cents: u32,
    note: String,
    tags: Vec<String>,
) -> Result<Order, ToolFailure> {
    entered();
    Ok(Order { order, customer: note, cents, tags })
}

/// Writes to a customer.
#[tool(
    effect = idempotent(key_valid_for = forever),
    reversible,
    control = [order, to],
    approval = "args.cents > 1000000",
    cost = "0.0001",
    owner = "shop"
)]
pub(crate) async fn send_message(
    _cx: &ToolContext,
    order: String,
    to: String,
    cents: u32,
    note: String,
    tags: Vec<String>,
) -> Result<Order, ToolFailure> {
    entered();
    Ok(Order { order, customer: to, cents, tags: tags.into_iter().chain([note]).collect() })
}

/// Whether calls look or act.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Manner {
    /// Nothing is committed before a call is sent.
    #[default]
    Looks,
    /// What came before is committed first, so a commit into memory is in the time.
    Acts,
}

/// A clerk who makes calls, one after the other.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Clerk {
    calls: u32,
    manner: Manner,
    orders: Vec<String>,
    to: String,
}

#[flow(name = "pipeline_bench", version = 1)]
impl Clerk {
    #[start(grants = ["find_order", "send_message"])]
    async fn work(&self, cx: &StepContext) -> Result<u32> {
        // What the first call brings is untrusted, and the step with it.
        cx.tool(find_order::with(self.order(0), 1, note(0), tags(0))).await.required()?;
        for n in 0..self.calls {
            let (order, cents, note, tags) = (self.order(n), n, note(n), tags(n));
            match self.manner {
                Manner::Looks => {
                    let call = cx.tool(find_order::with(order, cents, note, tags));
                    timed(call).await.required()?;
                }
                Manner::Acts => {
                    let to = self.to.clone();
                    let call = cx.tool(send_message::with(order, to, cents, note, tags));
                    timed(call).await.required()?;
                }
            }
        }
        Ok(self.calls)
    }

    #[listen(work)]
    async fn finish(&self, #[from(work)] calls: &u32) -> Result<u32> {
        Ok(*calls)
    }
}

impl Clerk {
    fn order(&self, n: u32) -> String {
        let orders = self.orders.len().max(1);
        self.orders.get(n as usize % orders).cloned().unwrap_or_default()
    }
}

/// Text with a link to a host that is allowed.
pub(crate) fn note(n: u32) -> String {
    format!(
        "Dear Ann, your order was packed today and is on its way. Follow parcel {n} at \
         https://shop.example/parcels/{n}, or answer this message if anything is missing."
    )
}

pub(crate) fn tags(n: u32) -> Vec<String> {
    ["priority", "returning customer"]
        .map(str::to_owned)
        .into_iter()
        .chain([n.to_string()])
        .collect()
}
