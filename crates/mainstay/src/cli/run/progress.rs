//! What a person sees while a run is driven: the step, what is done, what it has cost.

use std::{sync::Arc, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use mainstay_core::{
    budget::{Dimension, amount},
    fold::steps::Phase,
    id::RunId,
};
use mainstay_engine::{commands::RunView, live::LiveEvent, runtime::Runtime};
use tokio::{sync::broadcast::error::RecvError, task::JoinHandle};

use crate::cli::output::Output;

/// Pause between two redraws: reading a run costs something.
const REDRAW: Duration = Duration::from_millis(200);

/// A spinner on standard error, on a terminal only.
pub(crate) struct Progress(Option<(ProgressBar, JoinHandle<()>)>);

impl Progress {
    pub(crate) fn start(output: &Output, runtime: &Arc<Runtime>, run_id: RunId) -> Self {
        if !output.draws_progress() {
            return Self(None);
        }
        let bar = ProgressBar::new_spinner().with_message("starting");
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        let task = tokio::spawn(follow(bar.clone(), Arc::clone(runtime), run_id));
        Self(Some((bar, task)))
    }

    /// Takes the spinner away.
    pub(crate) async fn end(self) {
        let Some((bar, task)) = self.0 else { return };
        task.abort();
        // It was stopped: that is the only way it ends.
        let _ = task.await;
        bar.finish_and_clear();
    }
}

async fn follow(bar: ProgressBar, runtime: Arc<Runtime>, run_id: RunId) {
    let mut live = runtime.live.listen();
    loop {
        match live.recv().await {
            Ok(LiveEvent::Entry { run_id: of, .. }) if of == run_id => {}
            Ok(LiveEvent::Entry { .. } | LiveEvent::Emitted { .. } | LiveEvent::Stream { .. }) => {
                continue;
            }
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
        if let Ok(view) = runtime.view(run_id).await {
            bar.set_message(line(&view));
        }
        runtime.clock.sleep(REDRAW).await;
    }
}

/// `look_up, policy · 3 steps done · 0.0123 usd`.
fn line(view: &RunView) -> String {
    let run = &view.projection;
    let open = run.steps.iter().filter(|step| step.is_open());
    let open: Vec<_> = open.map(|step| step.key.step.to_string()).collect();
    let done = view.steps().iter().filter(|step| step.phase == Phase::Finished).count();
    let usd = run.ledger.total_spent().get(Dimension::Usd);
    let at = if open.is_empty() { run.status.to_string() } else { open.join(", ") };
    format!("{at} · {done} steps done · {}", amount::show(Dimension::Usd, usd))
}
