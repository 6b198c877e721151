//! `mainstay demo`: real work, done by worker processes of which one is killed in the middle.

mod crew;
mod failures;
mod place;
mod report;
mod tally;
mod watch;

use std::sync::Arc;

use mainstay_core::{code::Code, model::ModelId, port::Clock};
use mainstay_engine::{commands::StartRun, runtime::Runtime, system::SystemClock};

use self::{
    crew::Crew,
    place::Place,
    report::{Judged, Report},
    watch::{Followed, Watch},
};
use super::{error::CliError, exit::Exit, interrupt, shell::Shell};
use crate::{app::Surroundings, demo::Demo};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The model that does the work instead of the scripted one: VENDOR:NAME
    #[arg(long, value_name = "VENDOR:NAME")]
    model: Option<ModelId>,
    /// Only the first so many runs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(8..))]
    runs: Option<u16>,
}

/// What the parts of a demo share.
struct Stage {
    demo: Arc<dyn Demo>,
    place: Place,
    runtime: Runtime,
}

pub(crate) async fn run(mut shell: Shell, args: Args) -> Result<Exit, CliError> {
    let began = SystemClock.boot();
    let Some(demo) = shell.app.demo.clone() else {
        let message = "this program has nothing to show";
        return Err(CliError::new(Code::InvalidArgument, message)
            .with_hint("give it a demo with `App::demo`"));
    };
    let place = Place::open(shell.own_database())?;
    let runtime = shell.driver(&place.database, args.model.as_ref()).await?;
    let stage = Stage { demo, place, runtime };
    let runs = start(&stage, args.runs).await?;
    shell.output.note(format!("{}: {} runs", stage.demo.about(), runs.len()));
    shell.output.note(format!("database: {}", stage.place.database));
    let mut crew = Crew::new(&stage.place, args.model.as_ref());
    let mut watch = Watch::new(&shell.output, runs);
    let crashes = tokio::select! {
        biased;
        () = interrupt::asked() => None,
        crashes = work(&stage, &mut crew, &mut watch) => Some(crashes?),
    };
    let Some(crashes) = crashes else {
        crew.dismiss().await;
        watch.end();
        shell.output.note("interrupted; nothing is lost, the runs go on with a worker");
        return Ok(Exit::Interrupted);
    };
    crew.dismiss().await;
    let followed = watch.end();
    let wall = SystemClock.boot().saturating_sub(began);
    let judged = args.model.map_or(Judged::ByOutcome, |_| Judged::ByStructure);
    let report = Report::of(&stage, followed, crashes, wall, judged).await?;
    report.print(&shell.output, &stage.place.database)?;
    Ok(if report.holds() { Exit::Ok } else { Exit::Failed })
}

/// Makes the world and starts every run; no worker is there yet.
async fn start(stage: &Stage, first: Option<u16>) -> Result<Vec<Followed>, CliError> {
    let surroundings = Surroundings { database: stage.place.database.clone() };
    let mut wishes = stage.demo.prepare(&surroundings).await.map_err(|error| {
        let failure = error.into_failure();
        CliError::new(failure.code, failure.message)
    })?;
    wishes.truncate(first.map_or(usize::MAX, usize::from));
    let mut runs = Vec::with_capacity(wishes.len());
    for wish in wishes {
        runs.push(start_one(&stage.runtime, wish).await?);
    }
    Ok(runs)
}

async fn start_one(runtime: &Runtime, wish: StartRun) -> Result<Followed, CliError> {
    let key = wish.key.clone().unwrap_or_default();
    let started = runtime.start(wish).await?;
    if started.existed {
        let message = "the demo has been shown in this database";
        return Err(CliError::new(Code::WrongStatus, message)
            .with_hint("leave `--db` out, or name a database that is new"));
    }
    Ok(Followed::new(key, started.run_id))
}

/// Works through all runs and kills a worker half-way. Returns how many were killed.
async fn work(stage: &Stage, crew: &mut Crew, watch: &mut Watch) -> Result<u64, CliError> {
    crew.hire()?;
    crew.hire()?;
    let half = watch.len() / 2;
    watch.until(stage, crew, half).await?;
    let crashes = match crew.kill_one_at_work(stage.runtime.store.as_ref()).await? {
        Some((name, held)) => {
            watch.say(format!("kill -9 {name}, which had {held} runs in the middle"));
            watch.say(format!("another worker starts: {}", crew.hire()?));
            1
        }
        None => 0,
    };
    watch.until(stage, crew, watch.len()).await?;
    Ok(crashes)
}
