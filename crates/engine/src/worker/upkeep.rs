//! Old weeks: made ahead, written out, dropped.
//!
//! One worker at a time has this duty, under a term. Nothing here is needed for a run to go on: a
//! worker that dies in the middle leaves a week that the next one looks at again.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use mainstay_core::{
    code::Code,
    run::RunStatus,
    store::{
        operation::{DropWeek, DroppedWeek, HoldDuty, Term, WeekRuns},
        row::{IndexFilter, IndexRow},
        week::UPKEEP,
    },
    week::Week,
};
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;

use super::background::pause;
use crate::{drive::Desk, error::EngineError};

/// The duty is kept for so many pauses without a round.
const PAUSES: u32 = 3;

/// Runs looked at in one statement.
const PAGE: u32 = 256;

/// Rows dropped in one transaction, where they go one by one.
const PIECE: u32 = 5_000;

pub(super) async fn upkeep(desk: Desk, end: CancellationToken) {
    let mut written = BTreeSet::new();
    while pause(&desk, &end, desk.runtime.options.upkeep).await {
        if let Err(error) = round(&desk, &mut written).await {
            tracing::warn!(%error, "upkeep round failed");
        }
    }
}

async fn round(desk: &Desk, written: &mut BTreeSet<Week>) -> Result<(), EngineError> {
    let runtime = &desk.runtime;
    let holder = desk.lease.session();
    let span = runtime.options.upkeep * PAUSES;
    let duty = HoldDuty { duty: UPKEEP.to_owned(), holder, span };
    let Some(term) = runtime.store.hold(duty).await? else { return Ok(()) };
    runtime.store.make_weeks(()).await?;
    let Some(retention) = runtime.options.retention else { return Ok(()) };
    let before = Week::at(runtime.clock.now().before(retention));
    for week in runtime.store.weeks(before).await? {
        end_week(desk, week, term, written).await?;
    }
    Ok(())
}

/// Moves what waits, writes down what was, and drops the week. A week that something keeps is
/// looked at again in the next round.
async fn end_week(
    desk: &Desk,
    week: Week,
    term: Term,
    written: &mut BTreeSet<Week>,
) -> Result<(), EngineError> {
    desk.runtime.store.refresh_index(u32::MAX).await?;
    move_waiting(desk, week).await?;
    if let Some(keeper) = unfinished(desk, week, None).await?.first() {
        tracing::info!(%week, run_id = %keeper.run_id, status = %keeper.status, "a run keeps a week");
        return Ok(());
    }
    if let Some(folder) = &desk.runtime.options.export_dir
        && !written.contains(&week)
    {
        write(desk, week, folder).await?;
        written.insert(week);
    }
    drop_week(desk, week, term).await
}

async fn drop_week(desk: &Desk, week: Week, term: Term) -> Result<(), EngineError> {
    loop {
        let wish = DropWeek { week, term, limit: PIECE };
        match desk.runtime.store.drop_week(wish).await? {
            DroppedWeek::More => {}
            DroppedWeek::Gone => {
                tracing::info!(%week, "dropped a week");
                return Ok(());
            }
            left @ (DroppedWeek::Kept(_) | DroppedWeek::Busy | DroppedWeek::Superseded) => {
                tracing::info!(%week, ?left, "a week is still there");
                return Ok(());
            }
        }
    }
}

async fn unfinished(
    desk: &Desk,
    week: Week,
    before: Option<mainstay_core::id::RunId>,
) -> Result<Vec<IndexRow>, EngineError> {
    let statuses = vec![RunStatus::Parked, RunStatus::Queued, RunStatus::Running];
    let filter = IndexFilter {
        statuses,
        ids: Some(week.ids()),
        before,
        limit: PAGE,
        ..IndexFilter::default()
    };
    Ok(desk.runtime.store.list_runs(filter).await?)
}

/// A run that cannot be moved stays, and keeps its week: the others go on.
async fn move_waiting(desk: &Desk, week: Week) -> Result<(), EngineError> {
    let mut last = None;
    loop {
        let rows = unfinished(desk, week, last).await?;
        for row in rows.iter().filter(|row| row.status == RunStatus::Parked) {
            match desk.runtime.rehome(row.run_id, desk.lease.session()).await {
                Ok(Some(to)) => tracing::info!(from = %row.run_id, %to, "moved a run that waits"),
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(run_id = %row.run_id, %error, "a run cannot be moved");
                }
            }
        }
        desk.runtime.store.refresh_index(u32::MAX).await?;
        last = rows.last().map(|row| row.run_id);
        if rows.len() < PAGE as usize {
            return Ok(());
        }
    }
}

/// Writes a week's journals to a file beside the one it becomes: a file of that name is whole.
async fn write(desk: &Desk, week: Week, folder: &Path) -> Result<(), EngineError> {
    let path = folder.join(format!("{week}.jsonl"));
    let part = part(folder, week);
    let wrong = |error: std::io::Error| {
        EngineError::new(Code::InvalidArgument, format!("{}: {error}", part.display()))
    };
    tokio::fs::create_dir_all(folder).await.map_err(wrong)?;
    let mut file = tokio::fs::File::create(&part).await.map_err(wrong)?;
    let mut after = None;
    loop {
        let wish = WeekRuns { week, after, limit: PAGE };
        let runs = desk.runtime.store.week_runs(wish).await?;
        for run_id in &runs {
            for line in desk.runtime.export(*run_id).await? {
                file.write_all(line.as_bytes()).await.map_err(wrong)?;
                file.write_all(b"\n").await.map_err(wrong)?;
            }
        }
        after = runs.last().copied();
        if runs.len() < PAGE as usize {
            break;
        }
    }
    file.sync_all().await.map_err(wrong)?;
    tokio::fs::rename(&part, &path).await.map_err(wrong)?;
    // The name must outlast a power cut too: the week is dropped next.
    let folder = tokio::fs::File::open(folder).await.map_err(wrong)?;
    folder.sync_all().await.map_err(wrong)?;
    tracing::info!(%week, path = %path.display(), "wrote a week down");
    Ok(())
}

fn part(folder: &Path, week: Week) -> PathBuf {
    folder.join(format!("{week}.part"))
}
