//! What was spent, read from the journals: each call once, in the run that made it.

use std::{collections::BTreeMap, io, time::Duration};

use mainstay_core::{
    budget::{Dimension, Spend, amount},
    code::Code,
    effect::EffectPosition,
    effects::ScopeKind,
    id::{RunId, uuid_v7},
    inbox::InboxBody,
    journal::Entry,
    store::row::IndexFilter,
    time::Timestamp,
};
use mainstay_engine::{commands::RunView, runtime::Runtime};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::cli::{
    error::CliError,
    output::Output,
    report::{SpendDocument, spending::charge},
};

/// Rows read at a time.
const PAGE: u32 = 500;
/// A run that began so long before the span is not looked at.
const OLDEST: Duration = Duration::from_secs(31 * 24 * 60 * 60);
/// What a crash hid is known of the run alone.
const HIDDEN: &str = "(unknown after a crash)";
/// Calls that no agent made, and tools where models are asked for.
const NOBODY: &str = "-";

/// What spending is added up by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum By {
    /// The run's flow
    #[default]
    Flow,
    /// The agent that made the call
    Agent,
    /// The model that answered
    Model,
    /// Whose run it is
    Tenant,
}

/// What was spent under one name.
#[derive(Serialize)]
pub(super) struct Spent {
    name: String,
    runs: usize,
    #[serde(flatten)]
    spend: SpendDocument,
    #[serde(skip)]
    exact: Spend,
}

/// Adds up what was spent from a time on, the largest first.
pub(super) async fn since(
    runtime: &Runtime,
    by: By,
    from: Timestamp,
) -> Result<Vec<Spent>, CliError> {
    let mut by_name = BTreeMap::<String, (usize, Spend)>::new();
    for run in runs(runtime, from).await? {
        let Some(view) = view(runtime, run).await? else { continue };
        let mut of_run = BTreeMap::<String, Spend>::new();
        for (name, spend) in charges(&view, by, from) {
            let sum = of_run.entry(name).or_default();
            *sum = sum.plus(&spend);
        }
        for (name, spend) in of_run.into_iter().filter(|(_, spend)| *spend != Spend::ZERO) {
            let (runs, sum) = by_name.entry(name).or_default();
            *runs += 1;
            *sum = sum.plus(&spend);
        }
    }
    let spent =
        |(name, (runs, exact))| Spent { name, runs, spend: SpendDocument::of(&exact), exact };
    let mut all: Vec<_> = by_name.into_iter().map(spent).collect();
    all.sort_by_key(|spent| {
        let tokens = spent.exact.get(Dimension::Tokens);
        std::cmp::Reverse((spent.exact.usd, tokens, spent.exact.tool_calls))
    });
    Ok(all)
}

/// Returns the runs that may have made calls from a time on, the newest first.
pub(in crate::cli) async fn runs(
    runtime: &Runtime,
    from: Timestamp,
) -> Result<Vec<RunId>, CliError> {
    runtime.store.refresh_index(10_000).await?;
    let oldest = uuid_v7(from.before(OLDEST), [0; 10]);
    let mut filter =
        IndexFilter { ids: Some((oldest, Uuid::max())), limit: PAGE, ..IndexFilter::default() };
    let mut runs = Vec::new();
    loop {
        let page = runtime.store.list_runs(filter.clone()).await?;
        runs.extend(page.iter().map(|row| row.run_id));
        let Some(last) = page.last() else { return Ok(runs) };
        filter.before = Some(last.run_id);
    }
}

/// Returns a run; one whose flow nobody has registered was driven by nobody.
pub(in crate::cli) async fn view(
    runtime: &Runtime,
    run_id: RunId,
) -> Result<Option<RunView>, CliError> {
    match runtime.view(run_id).await {
        Ok(view) => Ok(Some(view)),
        Err(error) if error.code == Code::UnknownFlow => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Returns what the calls of a run used from a time on, each under its name.
fn charges(view: &RunView, by: By, from: Timestamp) -> Vec<(String, Spend)> {
    let names = Names::of(view);
    let whose = |position: &EffectPosition| match by {
        By::Flow => view.row.flow.name.clone(),
        By::Tenant => view.row.tenant.clone(),
        By::Model => names.model(position).unwrap_or(NOBODY).to_owned(),
        By::Agent => names.agent(position).unwrap_or(NOBODY).to_owned(),
    };
    let late = view.rows.iter().filter(|(row, _)| row.at >= from);
    let calls = late.filter_map(|(_, entry)| charge(entry));
    let mut charges: Vec<_> = calls.map(|(position, _, spend)| (whose(position), spend)).collect();
    if view.rows.last().is_some_and(|(row, _)| row.at >= from) {
        let name = match by {
            By::Flow => view.row.flow.name.clone(),
            By::Tenant => view.row.tenant.clone(),
            By::Model | By::Agent => HIDDEN.to_owned(),
        };
        charges.push((name, hidden(view)));
    }
    charges
}

/// Returns what crashes hid: charged to the run, and in no entry of a call.
fn hidden(view: &RunView) -> Spend {
    let entries = || view.rows.iter().map(|(_, entry)| entry);
    let children = entries().filter_map(|entry| {
        let Entry::Received { message: InboxBody::ChildEnded { spend, .. }, .. } = entry else {
            return None;
        };
        Some(spend.total())
    });
    let told = entries().filter_map(charge).map(|(_, _, spend)| spend).chain(children);
    let told = told.fold(Spend::ZERO, |sum, spend| sum.plus(&spend));
    let all = Spend { wall: 0, ..view.projection.ledger.total_spent() };
    all.less(&told)
}

/// What a journal says of who made a call.
struct Names {
    models: BTreeMap<EffectPosition, String>,
    agents: BTreeMap<EffectPosition, String>,
}

impl Names {
    fn of(view: &RunView) -> Self {
        let mut names = Self { models: BTreeMap::new(), agents: BTreeMap::new() };
        for (_, entry) in &view.rows {
            let Entry::EffectSettled(settled) = entry else { continue };
            let model = settled.about.get("model").and_then(Value::as_str);
            names.models.extend(model.map(|id| (settled.position.clone(), id.to_owned())));
            let scope = settled.scope.as_ref().filter(|scope| scope.kind == ScopeKind::Agent);
            names.agents.extend(scope.map(|s| (settled.position.clone(), s.name.clone())));
        }
        names
    }

    fn model(&self, position: &EffectPosition) -> Option<&str> {
        self.models.get(position).map(String::as_str)
    }

    /// Returns the innermost agent around a call.
    fn agent(&self, position: &EffectPosition) -> Option<&str> {
        position.around().filter_map(|opening| self.agents.get(&opening)).last().map(String::as_str)
    }
}

pub(super) fn show(output: &Output, by: By, spent: &[Spent]) -> io::Result<()> {
    let title = match by {
        By::Flow => "FLOW",
        By::Agent => "AGENT",
        By::Model => "MODEL",
        By::Tenant => "TENANT",
    };
    let head = [title, "RUNS", "USD", "TOKENS IN", "TOKENS OUT", "MODEL CALLS", "TOOL CALLS"];
    output.table(
        &head,
        spent.iter().map(|Spent { name, runs, exact, .. }| {
            vec![
                name.clone(),
                runs.to_string(),
                amount::bare(Dimension::Usd, exact.usd),
                exact.input_tokens.to_string(),
                exact.output_tokens.to_string(),
                exact.model_calls.to_string(),
                exact.tool_calls.to_string(),
            ]
        }),
    )
}
