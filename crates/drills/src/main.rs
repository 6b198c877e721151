//! `mainstay-drills`: the drills by command, and the worker that they put through them.

mod measures;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use mainstay_drills::{
    Fault, chance, drill_bomb, drill_decide, drill_freeze, drill_kill, drill_long, drill_parked,
    drill_storm, errand, ledger::Line, place::Kind,
};
use serde::Serialize;

use crate::measures::Measure;

#[derive(Parser)]
#[command(about = "Kills, freezes and cuts off real worker processes, and counts")]
struct Drills {
    #[command(subcommand)]
    drill: Drill,
}

#[derive(Subcommand)]
enum Drill {
    /// Kills workers half-way: the kill table
    Kill {
        /// `sqlite` or `postgres`
        #[arg(long)]
        store: Kind,
        /// Errands of ten steps
        #[arg(long, default_value_t = 200)]
        runs: u32,
        /// Who is killed
        #[arg(long, default_value = "all")]
        victims: drill_kill::Victims,
        /// Whether they are killed or asked
        #[arg(long, default_value = "kill")]
        manner: drill_kill::Manner,
        /// Workers
        #[arg(long, default_value_t = 4)]
        workers: usize,
        /// Those who go on are on another host: nobody can prove a death
        #[arg(long)]
        elsewhere: bool,
        /// The workers' lease, in seconds
        #[arg(long)]
        lease: Option<u64>,
    },
    /// Kills, freezes, cuts off and parts workers from Postgres at random, and crashes it once
    Storm {
        /// How long, in seconds
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Repeats the choices of another storm
        #[arg(long)]
        seed: Option<u64>,
        /// The workers' lease, in seconds
        #[arg(long, default_value_t = 2)]
        lease: u64,
    },
    /// Decides reviews of parked runs, one at a time, and measures until the run calls on
    Decide {
        /// `sqlite` or `postgres`
        #[arg(long)]
        store: Kind,
        /// Where the worker is: in the process that decides, or in one of its own
        #[arg(long)]
        worker: drill_decide::Where,
        /// Decisions
        #[arg(long, default_value_t = 40)]
        times: u32,
    },
    /// Wakes a run of many steps, and some of ten
    Long {
        /// `sqlite` or `postgres`
        #[arg(long)]
        store: Kind,
        /// Steps
        #[arg(long, default_value_t = 10_000)]
        steps: u32,
    },
    /// Parks many runs, and wakes some
    Parked {
        /// `sqlite` or `postgres`
        #[arg(long)]
        store: Kind,
        /// Runs
        #[arg(long, default_value_t = 100_000)]
        runs: u32,
    },
    /// Drives a run that kills its workers
    Bomb {
        /// `sqlite` or `postgres`
        #[arg(long)]
        store: Kind,
    },
    /// Freezes workers past their lease, eight at a time, and lets them go on
    Freeze {
        /// `sqlite` or `postgres`
        #[arg(long)]
        store: Kind,
        /// How many times a worker is frozen
        #[arg(long, default_value_t = 200)]
        times: usize,
        /// Repeats the choices of another time
        #[arg(long)]
        seed: Option<u64>,
    },
    #[command(flatten)]
    Measure(Measure),
}

/// Any first word that is no drill is for the worker.
const DRILLS: &[&str] = &[
    "kill",
    "storm",
    "long",
    "parked",
    "bomb",
    "decide",
    "freeze",
    "drive",
    "pinned",
    "footprint",
    "grow",
    "turns",
    "waiting",
    "--help",
    "-h",
    "help",
];

fn main() -> Result<ExitCode, Fault> {
    let first = std::env::args().nth(1);
    if first.is_none_or(|word| DRILLS.contains(&word.as_str())) {
        return drill(Drills::parse().drill).map(|()| ExitCode::SUCCESS);
    }
    Ok(errand::app(ledger()?).main())
}

/// Where the ledger is; a worker that nobody told reaches none.
#[expect(clippy::disallowed_methods, reason = "a worker is told here where the ledger is")]
fn ledger() -> Result<Line, Fault> {
    let address = std::env::var("DRILL_LEDGER").unwrap_or_else(|_| "127.0.0.1:9".to_owned());
    Ok(address.parse()?)
}

fn drill(drill: Drill) -> Result<(), Fault> {
    let program: PathBuf = std::env::current_exe()?;
    if let Drill::Measure(measure) = drill {
        return measure.run(&program);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match drill {
            Drill::Kill { store, runs, victims, manner, workers, elsewhere, lease } => {
                let plan = drill_kill::Plan::table(store);
                let plan = if elsewhere { plan.elsewhere()? } else { plan };
                let plan = drill_kill::Plan { runs, victims, manner, workers, lease, ..plan };
                print(&drill_kill::drill(&program, plan).await?)
            }
            Drill::Storm { seconds, seed, lease } => {
                let (span, seed) =
                    (Duration::from_secs(seconds), seed.unwrap_or_else(chance::seed));
                let plan = drill_storm::Plan { span, workers: 4, lease, seed };
                print(&drill_storm::drill(&program, plan, &tell).await?)
            }
            Drill::Decide { store, worker, times } => {
                let plan = drill_decide::Plan { kind: store, worker, times };
                print(&drill_decide::drill(&program, plan).await?)
            }
            Drill::Long { store, steps } => {
                print(&drill_long::drill(&program, store, steps).await?)
            }
            Drill::Parked { store, runs } => {
                print(&drill_parked::drill(&program, drill_parked::Plan::of(store, runs)).await?)
            }
            Drill::Bomb { store } => print(&drill_bomb::drill(&program, store, 20).await?),
            Drill::Freeze { store: kind, times, seed } => {
                let seed = seed.unwrap_or_else(chance::seed);
                let plan = drill_freeze::Plan { kind, times, at_a_time: 8, lease: 1, seed };
                print(&drill_freeze::drill(&program, plan, &tell).await?)
            }
            Drill::Measure(_) => Ok(()),
        }
    })
}

#[expect(clippy::print_stderr, reason = "what happens meanwhile is for people")]
fn tell(text: String) {
    eprintln!("{text}");
}

/// A drill's only output is a document.
#[expect(clippy::print_stdout, reason = "standard output is the document")]
fn print(document: &impl Serialize) -> Result<(), Fault> {
    println!("{}", serde_json::to_string_pretty(document)?);
    Ok(())
}
