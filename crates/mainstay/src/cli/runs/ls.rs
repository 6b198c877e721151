//! `mainstay runs ls`.

use futures::{StreamExt, TryStreamExt, stream};
use mainstay_core::{
    budget::Dimension,
    code::Code,
    id::RunId,
    run::RunStatus,
    store::row::{IndexFilter, IndexRow},
    wait::WaitSet,
};
use mainstay_engine::runtime::Runtime;
use serde::Serialize;

use crate::cli::{
    error::CliError,
    exit::Exit,
    output::{Cell, Tone},
    query::Query,
    shell::Shell,
    span,
};

/// Rows read at a time.
const PAGE: u32 = 500;
/// Journals read at the same time.
const JOURNALS: usize = 8;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which: flow:refund status:(failed OR parked) waiting_for:review cost:>0.5 since:24h tag:k=v
    /// tenant:t
    #[arg(short, long, value_name = "FILTER", default_value = "")]
    query: String,
    /// At most this many
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

#[derive(Serialize)]
struct Listed {
    run_id: RunId,
    flow: String,
    version: u32,
    status: RunStatus,
    waiting_for: Option<Vec<&'static str>>,
    tenant: String,
    tags: Vec<String>,
    parent: Option<RunId>,
    created_at: String,
}

impl Listed {
    fn of(row: IndexRow) -> Self {
        let parked = row.wait.as_ref().filter(|_| row.status == RunStatus::Parked);
        Self {
            run_id: row.run_id,
            waiting_for: parked.map(WaitSet::words),
            flow: row.flow.name,
            version: row.flow.version,
            status: row.status,
            tenant: row.tenant,
            tags: row.tags.lines().map(str::to_owned).collect(),
            parent: row.parent,
            created_at: span::rfc3339(row.created_at),
        }
    }
}

/// Returns what a status means to a person.
pub(crate) const fn tone(status: RunStatus) -> Tone {
    match status {
        RunStatus::Completed => Tone::Good,
        RunStatus::Queued | RunStatus::Running => Tone::Strong,
        RunStatus::Parked | RunStatus::Cancelled => Tone::Attention,
        RunStatus::Failed | RunStatus::Partial => Tone::Bad,
    }
}

pub(super) async fn run(shell: &Shell, args: Args) -> Result<Exit, CliError> {
    let query = Query::read(&args.query)?;
    let rows = find(&shell.reader().await?, &query, shell, args.limit).await?;
    let runs: Vec<_> = rows.into_iter().map(Listed::of).collect();
    let (output, now) = (&shell.output, shell.now());
    output.list("runs", &runs, &["RUN", "FLOW", "STATUS", "WAITS FOR", "AGE", "TAGS"], |run| {
        let age = run.run_id.uuid().get_timestamp();
        let age = age.map_or_else(String::new, |at| {
            let (seconds, _) = at.to_unix();
            let at = i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX);
            span::show(now.since(mainstay_core::time::Timestamp::from_millis(at)))
        });
        vec![
            run.run_id.to_string().into(),
            format!("{} v{}", run.flow, run.version).into(),
            Cell::toned(tone(run.status), run.status),
            run.waiting_for.as_ref().map(|words| words.join(", ")).unwrap_or_default().into(),
            age.into(),
            run.tags.join(" ").into(),
        ]
    })?;
    match runs.first() {
        Some(run) => output.next(format!("mainstay runs show {}", run.run_id)),
        None => output.next("mainstay demo"),
    }
    Ok(Exit::Ok)
}

/// Returns the newest runs that fit, page by page: the store knows some of the conditions only.
pub(crate) async fn find(
    runtime: &Runtime,
    query: &Query,
    shell: &Shell,
    limit: usize,
) -> Result<Vec<IndexRow>, CliError> {
    runtime.store.refresh_index(10_000).await?;
    let mut found = Vec::new();
    let mut filter = query.filter(shell.now(), PAGE);
    while found.len() < limit {
        let page = runtime.store.list_runs(filter.clone()).await?;
        let Some(last) = page.last().map(|row| row.run_id) else { break };
        let rows = page.into_iter().filter(|row| query.fits(row)).collect();
        found.extend(affordable(runtime, query, rows, limit - found.len()).await?);
        filter = IndexFilter { before: Some(last), ..filter };
    }
    Ok(found)
}

/// Leaves out runs by what they have spent. Only the journal says that, to the last call, so it is
/// read last: for runs that fit otherwise, and no further than `most` of them.
async fn affordable(
    runtime: &Runtime,
    query: &Query,
    mut rows: Vec<IndexRow>,
    most: usize,
) -> Result<Vec<IndexRow>, CliError> {
    if !query.asks_for_cost() {
        rows.truncate(most);
        return Ok(rows);
    }
    let looked = stream::iter(rows).map(async |row| {
        let spent = spent(runtime, row.run_id).await?;
        Ok::<_, CliError>(query.affords(spent).then_some(row))
    });
    looked.buffered(JOURNALS).try_filter_map(async |row| Ok(row)).take(most).try_collect().await
}

/// Returns micro-dollars. A run whose flow nobody has registered was driven by nobody.
async fn spent(runtime: &Runtime, run_id: RunId) -> Result<u64, CliError> {
    match runtime.view(run_id).await {
        Ok(view) => Ok(view.projection.ledger.total_spent().get(Dimension::Usd)),
        Err(error) if error.code == Code::UnknownFlow => Ok(0),
        Err(error) => Err(error.into()),
    }
}
