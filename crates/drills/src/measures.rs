//! The drills that measure, by command: no process of theirs is harmed.

use std::{path::Path, time::Duration};

use clap::Subcommand;
use mainstay_drills::{
    Fault, drill_agents, drill_drive, drill_footprint, drill_grow, drill_pinned, place::Kind,
};

use crate::{print, tell};

/// What can be measured.
#[derive(Subcommand)]
pub(crate) enum Measure {
    /// Does a fixed amount of the engine's work in one thread, for `cargo xtask instructions`
    Drive {
        /// `memory` or `sqlite`
        #[arg(long)]
        store: drill_drive::Ground,
        /// Runs of ten steps
        #[arg(long, default_value_t = 32)]
        runs: usize,
        /// Plants a fault: every step does more than it has to
        #[arg(long)]
        wasteful: bool,
    },
    /// Drives the bench's chain on Postgres with and without a snapshot held open elsewhere
    Pinned {
        /// How long each of the two takes
        #[arg(long, default_value_t = 300)]
        seconds: u64,
        /// Steps of a run: the fewer, the more the queue has to bear
        #[arg(long, default_value_t = 10)]
        steps: u32,
        /// Runs driven at the same time
        #[arg(long, default_value_t = 64)]
        concurrency: usize,
    },
    /// Measures start-up, and memory after one run and with many in flight
    Footprint {
        /// `sqlite` or `postgres`
        #[arg(long, default_value = "sqlite")]
        store: Kind,
        /// How often the program is started
        #[arg(long, default_value_t = 11)]
        starts: usize,
        /// Runs in flight
        #[arg(long, default_value_t = 10_000)]
        runs: usize,
        /// How long each waits inside its call; all of them have to be there by then
        #[arg(long, default_value_t = 90)]
        seconds: u32,
    },
    /// Drives the bench's chain on journals of several sizes, with several numbers of workers
    Grow {
        /// `sqlite` or `postgres`
        #[arg(long)]
        store: Kind,
        /// Rows of the journals
        #[arg(long, value_delimiter = ',', default_value = "10000,1000000,10000000")]
        rows: Vec<usize>,
        /// Numbers of worker processes
        #[arg(long, value_delimiter = ',', default_value = "1,2,4")]
        workers: Vec<usize>,
        /// How often each is measured
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// Runs of ten steps in each measurement
        #[arg(long, default_value_t = 4_000)]
        runs: usize,
    },
    /// Measures what the engine adds to an agent's turns
    Turns {
        /// `sqlite` or `postgres`
        #[arg(long, default_value = "sqlite")]
        store: Kind,
        /// Agents of twelve turns, one after the other
        #[arg(long, default_value_t = 50)]
        runs: usize,
        /// How long the model takes for a turn, in milliseconds
        #[arg(long, default_value_t = 20)]
        latency: u64,
    },
    /// Weighs agents that wait for a slow model
    Waiting {
        /// `sqlite` or `postgres`
        #[arg(long, default_value = "sqlite")]
        store: Kind,
        /// Agents
        #[arg(long, default_value_t = 200)]
        agents: usize,
    },
}

impl Measure {
    /// Measures, and prints one document.
    pub(crate) fn run(self, program: &Path) -> Result<(), Fault> {
        if let Self::Drive { store, runs, wasteful } = self {
            let wasted =
                if wasteful { drill_drive::Effort::Wasted } else { drill_drive::Effort::Usual };
            return print(&drill_drive::drill(store, runs, wasted)?);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(Box::pin(self.measure(program)))
    }

    async fn measure(self, program: &Path) -> Result<(), Fault> {
        match self {
            Self::Drive { .. } => Ok(()),
            Self::Pinned { seconds, steps, concurrency } => {
                let span = Duration::from_secs(seconds);
                let plan = drill_pinned::Plan { span, steps, concurrency };
                print(&drill_pinned::drill(plan, &tell).await?)
            }
            Self::Footprint { store: kind, starts, runs, seconds } => {
                let plan = drill_footprint::Plan { kind, starts, runs, seconds };
                print(&drill_footprint::drill(program, plan).await?)
            }
            Self::Grow { store: kind, rows, workers, rounds, runs } => {
                let plan = drill_grow::Plan { kind, rows, workers, rounds, runs };
                print(&drill_grow::drill(program, plan, &tell).await?)
            }
            Self::Turns { store: kind, runs, latency } => {
                let latency = Duration::from_millis(latency);
                print(&drill_agents::turns(drill_agents::Plan { kind, runs, latency }).await?)
            }
            Self::Waiting { store, agents } => print(&drill_agents::waiting(store, agents).await?),
        }
    }
}
