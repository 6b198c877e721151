//! The demo's worker processes: this program again, told to drive the demo's runs.

use std::{fs::File, path::PathBuf, process::Stdio, time::Duration};

use mainstay_core::{
    code::Code,
    model::ModelId,
    port::Clock,
    store::{Store, row::SessionRow},
};
use mainstay_engine::system::SystemClock;
use tokio::process::{Child, Command};

use super::place::Place;
use crate::cli::error::CliError;

/// Runs each worker drives at a time: few, so that there is something to see.
const CONCURRENCY: &str = "3";
/// How long a worker may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(10);
/// Looks for a worker that has work, before the crash is given up.
const LOOKS: usize = 400;
const PAUSE: Duration = Duration::from_millis(5);

/// Worker processes. They are killed when this is dropped.
pub(super) struct Crew {
    database: String,
    model: Option<String>,
    logs: PathBuf,
    hired: u32,
    workers: Vec<Worker>,
}

struct Worker {
    name: String,
    process: u32,
    child: Child,
    log: PathBuf,
}

impl Crew {
    pub(super) fn new(place: &Place, model: Option<&ModelId>) -> Self {
        Self {
            database: place.database.reveal(),
            model: model.map(ToString::to_string),
            logs: place.logs.clone(),
            hired: 0,
            workers: Vec::new(),
        }
    }

    /// Starts a worker process and returns its name.
    pub(super) fn hire(&mut self) -> Result<String, CliError> {
        let failed = |error: std::io::Error| {
            CliError::new(Code::Bug, format!("a worker process cannot be started: {error}"))
        };
        self.hired += 1;
        let log = self.logs.join(format!("worker-{}.log", self.hired));
        let program = std::env::current_exe().map_err(failed)?;
        let mut command = Command::new(program);
        // The address may hold a password: the process list shows arguments, not the environment.
        command.env("DATABASE_URL", &self.database);
        command.args(["worker", "--concurrency", CONCURRENCY]);
        command.args(self.model.iter().flat_map(|model| ["--model", model]));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(&log).map_err(failed)?);
        // The terminal's ctrl-c is the demo's own to pass on.
        command.process_group(0).kill_on_drop(true);
        let child = command.spawn().map_err(failed)?;
        let process = child.id().unwrap_or_default();
        let name = format!("worker {} (process {process})", self.hired);
        self.workers.push(Worker { name: name.clone(), process, child, log });
        Ok(name)
    }

    /// Says whether everybody is at work.
    ///
    /// # Errors
    /// A worker ended by itself; what it said last is told.
    pub(super) fn check(&mut self) -> Result<(), CliError> {
        for worker in &mut self.workers {
            if let Ok(Some(status)) = worker.child.try_wait() {
                let said = std::fs::read_to_string(&worker.log).unwrap_or_default();
                let message = format!("{} ended by itself: {status}", worker.name);
                return Err(
                    CliError::new(Code::Bug, message).with_details(said.lines().map(str::to_owned))
                );
            }
        }
        Ok(())
    }

    /// Kills a worker with SIGKILL at a moment when the store says that it drives runs. Returns its
    /// name and how many it had; `None` if none had work any more.
    pub(super) async fn kill_one_at_work(
        &mut self,
        store: &dyn Store,
    ) -> Result<Option<(String, u64)>, CliError> {
        for _ in 0..LOOKS {
            let sessions = store.sessions(()).await?;
            let held = |worker: &Worker| sessions.iter().find(|session| is_of(session, worker));
            let found = self.workers.iter().enumerate().rev();
            let mut found = found.filter_map(|(at, worker)| Some((at, held(worker)?.runs)));
            if let Some((at, runs)) = found.find(|(_, runs)| *runs > 0) {
                let mut worker = self.workers.swap_remove(at);
                worker.child.kill().await?;
                return Ok(Some((worker.name, runs)));
            }
            SystemClock.sleep(PAUSE).await;
        }
        Ok(None)
    }

    /// Asks everybody to stop and waits until they have given their runs back.
    pub(super) async fn dismiss(&mut self) {
        for worker in &self.workers {
            let process =
                i32::try_from(worker.process).ok().and_then(rustix::process::Pid::from_raw);
            // One that is gone already needs no signal.
            let _ = process
                .map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM));
        }
        for mut worker in self.workers.drain(..) {
            if tokio::time::timeout(GRACE, worker.child.wait()).await.is_err() {
                // It is killed as it is dropped, and a later worker takes its runs over.
                drop(worker);
            }
        }
    }
}

/// A session's name ends with its process.
fn is_of(session: &SessionRow, worker: &Worker) -> bool {
    session.name.rsplit(':').next().is_some_and(|process| process == worker.process.to_string())
}
