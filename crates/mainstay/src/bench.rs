//! How fast durable steps are on a database, held against that database's own limit.
//!
//! The flow, the worker and the store are those that run in production; only the steps do nothing.
//! The reference is measured before and after, and the faster one counts: whatever else the machine
//! does in these minutes must not flatter the engine.

pub(crate) mod chain;
mod counted;
mod process;
mod rig;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use mainstay_core::port::Clock;
use mainstay_engine::system::SystemClock;
use mainstay_store::reference::{Load, Reference, ReferenceError, Target, WalMeter};
use serde::Serialize;

use self::{counted::Tally, rig::Rig};
use crate::{
    cli::error::CliError,
    database::{DatabaseUrl, Purpose},
};

/// What is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) runs: usize,
    pub(crate) steps: u32,
    /// Runs driven at the same time, and connections of the reference.
    pub(crate) concurrency: usize,
    /// The size of the fresh value that each step returns.
    pub(crate) payload_bytes: usize,
    /// How long each of the two references is measured.
    pub(crate) reference: Duration,
}

/// What came out; the fields and their names are a contract.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Figures {
    pub(crate) store: &'static str,
    pub(crate) concurrency: usize,
    pub(crate) runs: usize,
    pub(crate) steps: u32,
    pub(crate) payload_bytes: usize,
    pub(crate) steps_per_s: f64,
    /// From a step's start until the commit of its end is acknowledged.
    pub(crate) step_p50_us: u64,
    pub(crate) step_p99_us: u64,
    pub(crate) reference: ReferenceFigures,
    pub(crate) ratio_to_one_row_commits: f64,
    /// Parts that runs had committed, by steps that ended.
    pub(crate) commits_per_step: f64,
    /// Steps that ended, by transactions that carried parts.
    pub(crate) steps_per_flush: f64,
    /// User and system time of this process: driver and engine, not the database.
    pub(crate) cpu_us_per_step: f64,
    /// `None` on SQLite, and where the user may not read the server's log.
    pub(crate) wal_bytes_per_step: Option<f64>,
    pub(crate) rss_bytes: u64,
}

/// The database's own limit, as the contract names it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct ReferenceFigures {
    pub(crate) one_row_commits_per_s: f64,
    pub(crate) flush_p50_us: u64,
    pub(crate) commit_p50_us: u64,
    pub(crate) cpu_us_per_commit: f64,
}

/// What happened between a first claim and a last commit.
struct Span {
    took: Duration,
    cpu: Duration,
    rss_bytes: u64,
    wal: Option<u64>,
    /// Transactions that carried parts of journals.
    flushes: u64,
    tally: Tally,
}

/// Measures; `tell` hears what is under way.
pub(crate) async fn measure(
    database: &DatabaseUrl,
    plan: Plan,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Figures, CliError> {
    let target = match database.file() {
        Some(path) => Target::Sqlite(path.clone()),
        None => Target::Postgres(database.reveal()),
    };
    let named = |error| refused(database, error);
    // Before anything is made in a database that is then refused.
    target.refuse_unsafe().await.map_err(named)?;
    let store = database.open(Purpose::Drive).await?;
    let kind = store.facts(()).await?.kind;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let load = Load {
        connections: plan.concurrency,
        payload_bytes: plan.payload_bytes,
        span: plan.reference,
    };
    tell("measuring the reference");
    let before = target.measure(load, &clock, process::cpu).await.map_err(named)?;
    let span = drive(database, &target, Rig::new(store, plan)?, tell).await?;
    tell("measuring the reference again");
    let after = target.measure(load, &clock, process::cpu).await.map_err(named)?;
    Ok(span.figures(kind, plan, before.faster(after)))
}

async fn drive(
    database: &DatabaseUrl,
    target: &Target,
    rig: Rig,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Span, CliError> {
    let named = |error| refused(database, error);
    let plan = rig.plan();
    tell("warming up");
    let mut wal = WalMeter::open(target).await.map_err(named)?;
    rig.drive(plan.concurrency.clamp(16, 256)).await?;
    tell(&format!("{} runs of {} steps", plan.runs, plan.steps));
    let ready = rig.start(plan.runs).await?;
    let from = match &mut wal {
        Some(meter) => Some(meter.mark().await.map_err(named)?),
        None => None,
    };
    let mut span = rig.measure(ready).await?;
    if let (Some(meter), Some(from)) = (&mut wal, from) {
        let to = meter.mark().await.map_err(named)?;
        span.wal = Some(meter.bytes(&from, &to).await.map_err(named)?);
    }
    Ok(span)
}

impl Span {
    fn figures(mut self, store: &'static str, plan: Plan, reference: Reference) -> Figures {
        let steps = self.tally.steps;
        let steps_per_s = ratio(steps as f64, self.took.as_secs_f64());
        let per_step = |amount: f64| rounded(ratio(amount, steps as f64));
        let one_row = reference.one_row_commits_per_s;
        Figures {
            store,
            concurrency: plan.concurrency,
            runs: plan.runs,
            steps: plan.steps,
            payload_bytes: plan.payload_bytes,
            steps_per_s: rounded(steps_per_s),
            step_p50_us: self.tally.percentile(50),
            step_p99_us: self.tally.percentile(99),
            reference: ReferenceFigures {
                one_row_commits_per_s: rounded(one_row),
                flush_p50_us: reference.flush_p50_us,
                commit_p50_us: reference.commit_p50_us,
                cpu_us_per_commit: rounded(reference.cpu_us_per_commit),
            },
            ratio_to_one_row_commits: rounded(ratio(steps_per_s, one_row)),
            commits_per_step: per_step(self.tally.parts as f64),
            steps_per_flush: rounded(ratio(steps as f64, self.flushes as f64)),
            cpu_us_per_step: per_step(self.cpu.as_secs_f64() * 1e6),
            wal_bytes_per_step: self.wal.map(|bytes| per_step(bytes as f64)),
            rss_bytes: self.rss_bytes,
        }
    }
}

fn ratio(amount: f64, of: f64) -> f64 {
    if of > 0.0 { amount / of } else { 0.0 }
}

/// More digits than that say nothing.
fn rounded(figure: f64) -> f64 {
    (figure * 1_000.0).round() / 1_000.0
}

fn refused(database: &DatabaseUrl, error: ReferenceError) -> CliError {
    match error {
        ReferenceError::Unsafe(_) => CliError::new(error.code(), error.to_string())
            .with_hint("measure on a server that flushes what it acknowledges"),
        ReferenceError::Store(error) => database.explained(error),
    }
}
