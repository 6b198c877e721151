//! What the doctor looks at.

use std::{path::Path, time::Duration};

use mainstay_core::{
    run::RunStatus,
    store::{
        Store, StoreError,
        row::{IndexFilter, SessionRow, StoreFacts},
    },
    time::Timestamp,
    week::Week,
};

use super::{Finding, Health};
use crate::{
    cli::{count, error::CliError, shell::Shell, span},
    database::DatabaseUrl,
};

/// Clocks further apart than this make times in the journal hard to read, and leases shorter.
const SKEW: Duration = Duration::from_secs(2);

/// A run's version is looked up for at most this many unfinished runs.
const MOST: u32 = 10_000;

/// Looks at the folder of an embedded database.
pub(super) fn disk(database: &DatabaseUrl) -> Vec<Finding> {
    let Some(file) = database.file() else { return Vec::new() };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    let place = folder.display();
    vec![match rustix::fs::access(folder, access) {
        Ok(()) => Finding::ok("disk", format!("{place} is writable")),
        Err(rustix::io::Errno::NOENT) => {
            Finding::new("disk", Health::Warn, format!("{place} is not there yet"))
                .with_next("mainstay migrate")
        }
        Err(error) => Finding::new("disk", Health::Fail, format!("{place}: {error}")),
    }]
}

/// Looks at the store, and if its schema fits, at what is in it.
pub(super) async fn store(shell: &Shell, store: &dyn Store) -> Vec<Finding> {
    let facts = match store.facts(()).await {
        Ok(facts) => facts,
        Err(error) => return vec![Finding::of_error("store", &error.into())],
    };
    let mut findings = vec![
        Finding::ok("store", format!("{} {} answers", facts.kind, facts.version)),
        schema(&facts),
        durability(&facts),
        clock(shell, &facts),
    ];
    let warning = |text: &String| Finding::new("store", Health::Warn, text.clone());
    findings.extend(facts.warnings.iter().map(warning));
    if facts.schema.suits(facts.wanted) {
        let weeks = weeks(store, facts.now).await;
        for looked in
            [sessions(store).await, unexplained(store).await, versions(store).await, weeks]
        {
            findings.push(
                looked.unwrap_or_else(|error| Finding::of_error("store", &CliError::from(error))),
            );
        }
    }
    findings
}

fn schema(facts: &StoreFacts) -> Finding {
    let (found, wanted) = (facts.schema.found, facts.wanted);
    if found == wanted {
        return Finding::ok("schema", format!("version {found}"));
    }
    if facts.schema.suits(wanted) {
        let text = format!("version {found}, made by a newer program; this one may go on");
        return Finding::ok("schema", text);
    }
    Finding::of_error("schema", &StoreError::Schema { found, wanted }.into())
}

fn durability(facts: &StoreFacts) -> Finding {
    if facts.durable {
        Finding::ok("durability", "a commit is on disk before it is acknowledged")
    } else {
        Finding::new("durability", Health::Fail, "commits are acknowledged before they are on disk")
            .with_next("set fsync, full_page_writes and synchronous_commit to on")
    }
}

fn clock(shell: &Shell, facts: &StoreFacts) -> Finding {
    let now = shell.now();
    let skew = now.since(facts.now).max(facts.now.since(now));
    let text = format!("the store's clock is {} away from this machine's", span::show(skew));
    let health = if skew > SKEW { Health::Warn } else { Health::Ok };
    Finding::new("clock", health, text)
}

async fn sessions(store: &dyn Store) -> Result<Finding, StoreError> {
    let sessions = store.sessions(()).await?;
    let dead: Vec<_> = sessions.iter().filter(|session| session.left.is_zero()).collect();
    let alive = sessions.len() - dead.len();
    let kept: u64 = dead.iter().map(|session| session.runs).sum();
    let text = format!("{alive} alive, {} overdue", dead.len());
    if kept == 0 {
        return Ok(Finding::ok("workers", text));
    }
    let names: Vec<_> = dead.iter().filter(|s| s.runs > 0).map(|s| name(s)).collect();
    let text = format!("{text}; {kept} runs still belong to {}", names.join(", "));
    Ok(Finding::new("workers", Health::Warn, text).with_next("mainstay worker"))
}

fn name(session: &SessionRow) -> String {
    format!("{} ({} overdue)", session.name, span::show(session.overdue))
}

async fn unexplained(store: &dyn Store) -> Result<Finding, StoreError> {
    let runs = store.unexplained(()).await?;
    let Some(first) = runs.first() else {
        return Ok(Finding::ok("runs", "every unfinished run says why it is not running"));
    };
    let text = format!("{} unfinished runs wait for nothing, {first} among them", runs.len());
    Ok(Finding::new("runs", Health::Fail, text).with_next(format!("mainstay runs show {first}")))
}

/// Weeks that are kept, and whether runs of long ago keep them.
async fn weeks(store: &dyn Store, now: Timestamp) -> Result<Finding, StoreError> {
    let this = Week::at(now);
    let old = store.weeks(this).await?;
    let Some(first) = old.first() else {
        return Ok(Finding::ok("weeks", "journals of this week are kept"));
    };
    let filter = IndexFilter {
        statuses: vec![RunStatus::Queued, RunStatus::Running, RunStatus::Parked],
        ids: Some((uuid::Uuid::nil(), this.ids().0)),
        limit: MOST,
        ..IndexFilter::default()
    };
    let unfinished = store.list_runs(filter).await?;
    let text = format!(
        "journals of {} and this one are kept, from {first} on; {} unfinished {} older than this week",
        count::of(old.len(), "week"),
        unfinished.len(),
        if unfinished.len() == 1 { "run is" } else { "runs are" },
    );
    Ok(Finding::ok("weeks", text))
}

async fn versions(store: &dyn Store) -> Result<Finding, StoreError> {
    let sessions = store.sessions(()).await?;
    let alive = sessions.iter().filter(|session| !session.left.is_zero());
    let lanes: std::collections::BTreeSet<_> = alive.flat_map(|session| &session.lanes).collect();
    let waiting = store
        .list_runs(IndexFilter {
            statuses: vec![RunStatus::Queued],
            limit: MOST,
            ..IndexFilter::default()
        })
        .await?;
    let missing: Vec<_> = waiting.iter().filter(|run| !lanes.contains(&run.flow)).collect();
    let Some(first) = missing.first() else {
        return Ok(Finding::ok(
            "versions",
            format!("{} queued runs, each has a worker", waiting.len()),
        ));
    };
    let text =
        format!("{} queued runs have no worker, such as one of {}", missing.len(), first.flow);
    Ok(Finding::new("versions", Health::Warn, text).with_next("mainstay worker"))
}
