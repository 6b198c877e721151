//! Following the demo's runs until they have ended or wait for somebody, and showing how far they
//! are.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use mainstay_core::{
    budget::{Dimension, amount},
    id::RunId,
    port::Clock,
};
use mainstay_engine::{
    commands::{RunView, is_stopped},
    system::SystemClock,
};

use super::{Stage, crew::Crew};
use crate::cli::{error::CliError, output::Output};

/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(25);
/// Where nobody looks, a line is written for each so many percent.
const LINE_EVERY: usize = 10;

/// A run of the demo.
pub(super) struct Followed {
    pub(super) key: String,
    pub(super) run_id: RunId,
    /// Everything about it, once it ended or stopped.
    pub(super) view: Option<Box<RunView>>,
}

impl Followed {
    pub(super) const fn new(key: String, run_id: RunId) -> Self {
        Self { key, run_id, view: None }
    }
}

/// The runs, and what is shown of them.
pub(super) struct Watch {
    runs: Vec<Followed>,
    bar: Option<ProgressBar>,
    output: Output,
    /// Money spent by the runs that are done, in micro-dollars.
    usd: u64,
    done: usize,
    told: usize,
}

impl Watch {
    pub(super) fn new(output: &Output, runs: Vec<Followed>) -> Self {
        let bar = output.draws_progress().then(|| bar(runs.len() as u64));
        Self { runs, bar, output: *output, usd: 0, done: 0, told: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.runs.len()
    }

    /// Waits until so many runs have ended or wait for somebody.
    pub(super) async fn until(
        &mut self,
        stage: &Stage,
        crew: &mut Crew,
        enough: usize,
    ) -> Result<(), CliError> {
        while self.done < enough {
            crew.check()?;
            self.look(stage).await?;
            self.show();
            SystemClock.sleep(LOOK).await;
        }
        Ok(())
    }

    async fn look(&mut self, stage: &Stage) -> Result<(), CliError> {
        for run in self.runs.iter_mut().filter(|run| run.view.is_none()) {
            let row = stage.runtime.row(run.run_id).await?;
            if !row.status.is_terminal() && !is_stopped(&row) {
                continue;
            }
            let view = stage.runtime.view(run.run_id).await?;
            self.usd += view.projection.ledger.total_spent().get(Dimension::Usd);
            self.done += 1;
            run.view = Some(Box::new(view));
        }
        Ok(())
    }

    fn show(&mut self) {
        let cost = amount::show(Dimension::Usd, self.usd);
        if let Some(bar) = &self.bar {
            bar.set_position(self.done as u64);
            bar.set_message(cost);
            return;
        }
        let tenths = self.done * LINE_EVERY / self.len().max(1);
        if tenths > self.told {
            self.told = tenths;
            self.output.note(format!("{} of {} runs, {cost}", self.done, self.len()));
        }
    }

    /// Tells a person something beside the progress.
    pub(super) fn say(&self, text: impl std::fmt::Display) {
        match &self.bar {
            Some(bar) => bar.println(text.to_string()),
            None => self.output.note(text),
        }
    }

    /// Takes the bar away and returns the runs.
    pub(super) fn end(self) -> Vec<Followed> {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        self.runs
    }
}

fn bar(runs: u64) -> ProgressBar {
    let bar = ProgressBar::new(runs);
    let template = "{spinner} {bar:32} {pos} of {len} runs · {msg} · {elapsed} gone, {eta} to go";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
