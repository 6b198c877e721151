//! `mainstay doctor`: what is wrong with the store, the workers, the runs.

mod checks;

use mainstay_core::code::Code;
use serde::Serialize;

use super::{
    error::CliError,
    exit::Exit,
    output::{Cell, Output, Tone},
    shell::Shell,
};
use crate::database::Purpose;

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Health {
    Ok,
    Warn,
    Fail,
}

/// One line of the doctor's report.
#[derive(Debug, Clone, Serialize)]
struct Finding {
    check: &'static str,
    health: Health,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl Finding {
    fn new(check: &'static str, health: Health, found: impl Into<String>) -> Self {
        Self { check, health, found: found.into(), code: None, next: None }
    }

    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Health::Ok, found)
    }

    fn with_next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    fn of_error(check: &'static str, error: &CliError) -> Self {
        let found = Self::new(check, Health::Fail, error.message.clone());
        Self { code: Some(error.code), next: error.hint.clone(), ..found }
    }
}

#[derive(Serialize)]
struct Report {
    database: String,
    healthy: bool,
    checks: Vec<Finding>,
}

pub(crate) async fn run(shell: Shell) -> Result<Exit, CliError> {
    let database = shell.database()?;
    let mut checks = checks::disk(&database);
    match database.open(Purpose::Examine).await {
        Ok(store) => checks.extend(checks::store(&shell, &*store).await),
        // The address stands in the report's head already.
        Err(error) => checks.push(Finding::of_error("store", &error)),
    }
    let worst = checks.iter().map(|finding| finding.health).max().unwrap_or(Health::Ok);
    let report = Report { database: database.to_string(), healthy: worst < Health::Fail, checks };
    if shell.output.is_for_people() {
        print(&shell.output, &report)?;
    } else {
        shell.output.document(&report)?;
    }
    Ok(if report.healthy { Exit::Ok } else { Exit::Doctor })
}

fn print(output: &Output, report: &Report) -> Result<(), CliError> {
    output.note(&report.database);
    let rows = report.checks.iter().map(|finding| {
        let (tone, word) = match finding.health {
            Health::Ok => (Tone::Good, "ok"),
            Health::Warn => (Tone::Attention, "warn"),
            Health::Fail => (Tone::Bad, "fail"),
        };
        let code = finding.code.map(|code| format!(" ({code})")).unwrap_or_default();
        let found = format!("{}{code}", finding.found);
        vec![Cell::toned(tone, word), finding.check.into(), found.into()]
    });
    output.table(&["", "CHECK", "FOUND"], rows)?;
    let next = report.checks.iter().filter_map(|finding| finding.next.as_ref());
    next.for_each(|next| output.next(next));
    if report.healthy {
        output.next("mainstay runs ls");
    }
    Ok(())
}
