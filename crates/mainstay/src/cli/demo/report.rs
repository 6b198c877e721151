//! How a demo ends: what came of it, whether that is right, and what to look at next.

use std::{collections::BTreeMap, time::Duration};

use mainstay_core::{
    budget::{Dimension, Spend, amount},
    review::ReviewReason,
    run::RunStatus,
    wait::{Wait, WaitSet},
};
use mainstay_engine::commands::RunView;
use serde::Serialize;
use serde_json::Value;

use super::{
    Stage,
    failures::Failures,
    tally::{self, Count},
    watch::Followed,
};
use crate::{
    cli::{
        error::CliError,
        output::{Output, Tone},
        report::SpendDocument,
    },
    database::DatabaseUrl,
    demo::Shown,
};

/// What `demo --json` ends with. Its fields are a contract.
#[derive(Debug, Clone, Serialize)]
struct Document {
    runs: usize,
    completed: usize,
    parked: usize,
    failed: usize,
    cancelled: usize,
    partial: usize,
    recovered: usize,
    budget_stops: usize,
    crashes_injected: u64,
    external_actions: Actions,
    spend: SpendDocument,
    wall_ms: u64,
}

#[derive(Debug, Clone, Serialize)]
struct Actions {
    intended: u64,
    performed: u64,
    duplicated: u64,
    in_doubt: u64,
}

/// What the runs are held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judged {
    /// What each must come to: the program's own model did the work.
    ByOutcome,
    /// Only that each ended or says what it waits for: nobody knows what another model answers.
    ByStructure,
}

/// The end of a demo.
pub(super) struct Report {
    document: Document,
    spend: Spend,
    actions: BTreeMap<String, Count>,
    failures: Failures,
    judged: Judged,
    /// What is not as it should be, a sentence each.
    problems: Vec<String>,
    /// A run that was recovered, and one that waits for a person.
    recovered: Option<String>,
    waiting: Option<String>,
    stopped: Option<String>,
}

impl Judged {
    const fn praise(self) -> &'static str {
        match self {
            Self::ByOutcome => "everything is as it should be",
            Self::ByStructure => {
                "every run ended or says what it waits for, and nothing happened twice; what the \
                 model's answers are worth was not judged"
            }
        }
    }
}

impl Report {
    /// Counts and judges. Only the program's own model is judged by what each run must come to;
    /// nothing happens twice with any model.
    pub(super) async fn of(
        stage: &Stage,
        runs: Vec<Followed>,
        crashes: u64,
        wall: Duration,
        judged: Judged,
    ) -> Result<Self, CliError> {
        let actions = tally::count(stage, &runs).await?;
        let all = actions.values().fold(Count::default(), |sum, count| sum.plus(*count));
        let mut problems = Vec::new();
        for run in runs.iter().filter(|_| judged == Judged::ByOutcome) {
            problems.extend(wrong(stage, run).await?);
        }
        let failures = Failures::of(&runs);
        problems.extend(failures.problems());
        problems.extend(unsafe_counts(&actions));
        let views: Vec<_> =
            runs.iter().filter_map(|run| Some((run, run.view.as_deref()?))).collect();
        let first = |is: fn(&RunView) -> bool| {
            views.iter().find(|(_, view)| is(view)).map(|(run, _)| run.run_id.to_string())
        };
        let spend = views.iter().map(|(_, view)| view.projection.ledger.total_spent());
        let spend = spend.fold(Spend::ZERO, |sum, spend| sum.plus(&spend));
        let document = document(&views, all, &spend, crashes, wall);
        problems.extend(no_crash(&document));
        Ok(Self {
            document,
            spend,
            actions,
            failures,
            judged,
            problems,
            recovered: first(was_recovered),
            waiting: first(waits_for_a_person),
            stopped: first(stopped_by_budget),
        })
    }

    /// Returns whether everything is as it should be.
    pub(super) fn holds(&self) -> bool {
        self.problems.is_empty()
    }

    /// Prints the end: tables for people, else the document.
    pub(super) fn print(&self, output: &Output, database: &DatabaseUrl) -> Result<(), CliError> {
        for problem in &self.problems {
            output.note(format!("not as it should be: {problem}"));
        }
        if !output.is_for_people() {
            return Ok(output.document(&self.document)?);
        }
        self.tables(output)?;
        let verdict = match self.problems.as_slice() {
            [] => output.paint(Tone::Good, self.judged.praise()),
            _ => output.paint(Tone::Bad, "not everything is as it should be"),
        };
        output.line(format!("\n{verdict}"))?;
        self.advise(output, database);
        Ok(())
    }

    fn tables(&self, output: &Output) -> Result<(), CliError> {
        let document = &self.document;
        output.line("")?;
        let row = |name: &str, value: String| vec![name.to_owned(), value];
        let waiting = document.parked - document.budget_stops;
        let rows = [
            row("runs", document.runs.to_string()),
            row("completed", document.completed.to_string()),
            row("wait for a person", waiting.to_string()),
            row("stopped by their budget", document.budget_stops.to_string()),
            row("failed, and undone", document.failed.to_string()),
            row("could not be undone", document.partial.to_string()),
            row("workers killed", document.crashes_injected.to_string()),
            row("runs recovered", document.recovered.to_string()),
            row("spent", self.spent()),
            row("time", format!("{:.1} s", Duration::from_millis(document.wall_ms).as_secs_f64())),
        ];
        output.table(&["outcome", ""], rows.into_iter())?;
        output.line("")?;
        let head =
            ["external action", "intended", "refused", "performed", "duplicated", "in doubt"];
        let cells = |(action, count): (&String, &Count)| {
            let Count { intended, refused, performed, duplicated, in_doubt, .. } = count;
            let numbers = [intended, refused, performed, duplicated, in_doubt];
            [vec![action.clone()], numbers.map(ToString::to_string).to_vec()].concat()
        };
        output.table(&head, self.actions.iter().map(cells))?;
        self.failures.print(output)
    }

    fn spent(&self) -> String {
        let show = |dimension| amount::show(dimension, self.spend.get(dimension));
        let dimensions = [
            Dimension::Usd,
            Dimension::InputTokens,
            Dimension::OutputTokens,
            Dimension::ModelCalls,
        ];
        dimensions.map(show).join(", ")
    }

    fn advise(&self, output: &Output, database: &DatabaseUrl) {
        let db = format!("--db {database}");
        output.note("\ntry next:");
        if self.waiting.is_some() {
            output.note(format!("  mainstay reviews ls {db}"));
        }
        if let Some(run_id) = &self.recovered {
            output.note(format!("  mainstay runs show {run_id} {db}   (survived the crash)"));
        }
        if let Some(run_id) = &self.stopped {
            output.note(format!("  mainstay runs show {run_id} {db}   (stopped by its budget)"));
        }
        output.note(format!("  mainstay runs ls {db}"));
    }
}

fn document(
    views: &[(&Followed, &RunView)],
    actions: Count,
    spend: &Spend,
    crashes: u64,
    wall: Duration,
) -> Document {
    let of = |status| views.iter().filter(|(_, view)| view.row.status == status).count();
    let are = |is: fn(&RunView) -> bool| views.iter().filter(|(_, view)| is(view)).count();
    let Count { intended, performed, duplicated, in_doubt, .. } = actions;
    Document {
        runs: views.len(),
        completed: of(RunStatus::Completed),
        parked: of(RunStatus::Parked),
        failed: of(RunStatus::Failed),
        cancelled: of(RunStatus::Cancelled),
        partial: of(RunStatus::Partial),
        recovered: are(was_recovered),
        budget_stops: are(stopped_by_budget),
        crashes_injected: crashes,
        external_actions: Actions { intended, performed, duplicated, in_doubt },
        spend: SpendDocument::of(spend),
        wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
    }
}

/// Returns what is wrong with a run. One that waits because an action is in doubt came to that by
/// the crash, and rightly.
async fn wrong(stage: &Stage, run: &Followed) -> Result<Option<String>, CliError> {
    let Some(view) = run.view.as_deref() else {
        return Ok(Some(format!("{} did not end", run.key)));
    };
    if waits(view).iter().any(is_in_doubt) {
        return Ok(None);
    }
    let output = match &view.projection.output {
        Some(held) => stage.runtime.value(run.run_id, held).await?,
        None => Value::Null,
    };
    let status = view.row.status;
    let shown = Shown { key: run.key.clone(), status, waits: waits(view).to_vec(), output };
    let problem = stage.demo.check(&shown).err();
    Ok(problem.map(|problem| format!("{} ({}): {problem}", run.key, run.run_id)))
}

fn unsafe_counts(actions: &BTreeMap<String, Count>) -> Vec<String> {
    let mut problems = Vec::new();
    for (action, count) in actions {
        if count.duplicated > 0 {
            problems.push(format!("`{action}` happened {} times too often", count.duplicated));
        }
        if count.lost > 0 {
            problems.push(format!("`{action}` was done {} times and is not there", count.lost));
        }
    }
    problems
}

fn no_crash(document: &Document) -> Option<String> {
    match (document.crashes_injected, document.recovered) {
        (0, _) => Some("no worker was killed: none had work in the middle".to_owned()),
        (_, 0) => Some("no run was claimed again after the crash".to_owned()),
        _ => None,
    }
}

fn waits(view: &RunView) -> &[Wait] {
    view.row.wait.as_ref().map(|set: &WaitSet| set.waits.as_slice()).unwrap_or_default()
}

fn is_in_doubt(wait: &Wait) -> bool {
    matches!(wait, Wait::Review { reason: ReviewReason::InDoubt, .. })
}

fn was_recovered(view: &RunView) -> bool {
    view.projection.recoveries > 0
}

fn waits_for_a_person(view: &RunView) -> bool {
    waits(view).iter().any(|wait| matches!(wait, Wait::Review { .. }))
}

fn stopped_by_budget(view: &RunView) -> bool {
    waits(view).iter().any(|wait| matches!(wait, Wait::Budget { .. }))
}
