//! The workers of a case: as many as it asks for, buried when they die, replaced.

use std::{sync::Arc, time::Duration};

use mainstay_core::{id::SessionId, port::Clock, time::Timestamp};
use mainstay_engine::{
    error::EngineError,
    worker::{Worker, WorkerReport},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{super::process::Process, Case};
use crate::schedule::Schedule;

/// Waits up to this long are passed while the workers live; beats keep their leases. Where time
/// stands still nobody lives over longer ones: the worker stops, the clock is moved, another
/// starts. Where it flows the clock leaps, as if all machines had slept: the leases lapse.
const LIVELY: Duration = Duration::from_secs(2);

/// Lives a run may take.
const LIVES: u64 = 48;

/// A worker process, alive or dead and not yet buried.
struct Life {
    process: Arc<Process>,
    stop: CancellationToken,
    task: JoinHandle<Result<WorkerReport, EngineError>>,
}

impl Life {
    fn is_over(&self) -> bool {
        self.process.is_dead() || self.task.is_finished()
    }
}

/// The workers that live at the same time.
pub(super) struct Crew {
    wanted: usize,
    lives: Vec<Life>,
    /// No worker starts before.
    next_start: Option<Timestamp>,
}

impl Crew {
    pub(super) fn of(schedule: Option<&Schedule>) -> Self {
        let wanted = schedule.map_or(1, Schedule::workers);
        Self { wanted, lives: Vec::new(), next_start: None }
    }

    /// Returns whether one of them opened this session last.
    pub(super) fn has(&self, session: Option<SessionId>) -> bool {
        self.lives.iter().any(|life| life.process.session() == session)
    }
}

impl Case {
    /// Sees to it that workers live: buries dead ones, lets their leases pass, starts others.
    pub(super) async fn keep_workers(&mut self) -> Result<(), String> {
        let lives = std::mem::take(&mut self.crew.lives);
        let (over, alive) = lives.into_iter().partition(Life::is_over);
        self.crew.lives = alive;
        for life in over {
            self.bury(life).await?;
        }
        let now = self.stage.clock.now();
        if self.crew.next_start.is_some_and(|start| now < start) {
            return Ok(());
        }
        while self.crew.lives.len() < self.crew.wanted {
            if self.lives > LIVES * (1 + self.setup.starts.len() as u64) {
                return Err("workers die again and again".into());
            }
            self.begin_a_life();
        }
        Ok(())
    }

    fn begin_a_life(&mut self) {
        let process = Process::begin(&self.fuse, &self.stage.clock);
        let stop = CancellationToken::new();
        let runtime = Arc::new(self.runtime(&process));
        let worker = Worker::new(runtime, format!("worker-{}", self.lives));
        let task = tokio::spawn(worker.run(stop.clone()));
        self.crew.lives.push(Life { process, stop, task });
    }

    /// Takes down what is left of a dead worker, and lets its lease pass.
    async fn bury(&mut self, life: Life) -> Result<(), String> {
        life.task.abort();
        let ended = life.task.await;
        if let Err(error) = ended
            && error.is_panic()
        {
            return Err(format!("the worker panicked: {error}"));
        }
        self.played.deaths += 1;
        match self.fuse.schedule() {
            Some(schedule) => {
                let pause = schedule.pause_after_a_death();
                self.crew.next_start = Some(self.stage.clock.now().after(pause));
            }
            None => self.stage.clock.advance(self.setup.options.lease + Duration::from_secs(1)),
        }
        Ok(())
    }

    /// Stops the workers gracefully; they may die of it.
    pub(super) async fn stop_workers(&mut self) -> Result<(), String> {
        while let Some(mut life) = self.crew.lives.pop() {
            life.stop.cancel();
            let ended = tokio::select! {
                biased;
                ended = &mut life.task => Some(ended),
                () = life.process.death() => None,
            };
            match ended {
                Some(Ok(Ok(_))) => {}
                Some(Ok(Err(_))) => self.played.deaths += 1,
                Some(Err(error)) => return Err(format!("the worker panicked: {error}")),
                None => self.bury(life).await?,
            }
        }
        Ok(())
    }

    /// Lets time pass over a wait.
    pub(super) async fn let_pass(&mut self, span: Duration) -> Result<(), String> {
        let flows = self.fuse.schedule().is_some();
        if span <= LIVELY && flows {
            return Ok(());
        }
        if span > LIVELY && !flows {
            self.stop_workers().await?;
        }
        self.stage.clock.advance(span);
        Ok(())
    }
}
