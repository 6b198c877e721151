//! Which tables the rows of a batch are in.
//!
//! # Why a batch names the tables of its week
//!
//! A statement on a parent opens the tables of every week there is, once to read and once for each
//! change, before it finds the one it needs. Nearly all runs of a batch are of one week, so the
//! statement names that week's tables. Where a batch has several weeks, or its week has no tables of
//! its own (yet, or any more), it names the parents.

use mainstay_core::week::Week;
use sqlx::PgConnection;

use super::Part;
use crate::postgres::{failure::Failed, shared::Shared, sql::Sql};

/// Where a batch's rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    /// In the tables of one week.
    Week(Week),
    /// In those of several weeks, or in the default ones.
    Anywhere,
}

impl Home {
    /// Finds where the rows of a batch are.
    pub(super) async fn of(
        sql: &mut PgConnection,
        shared: &Shared,
        batch: &[Part<'_>],
    ) -> Result<Self, Failed> {
        let week = |part: &Part<'_>| Week::of(part.part.run_id);
        let (Some(first), Some(last)) = (batch.first().map(week), batch.last().map(week)) else {
            return Ok(Self::Anywhere);
        };
        // Runs ascend, and an id begins with its time.
        let own = first == last && shared.weeks.has_tables(sql, first).await?;
        Ok(if own { Self::Week(first) } else { Self::Anywhere })
    }

    /// Returns whether a statement that found no table may go through if it is built again: the
    /// week was dropped meanwhile.
    pub(super) fn is_out_of_date(self, shared: &Shared) -> bool {
        match self {
            Self::Week(week) => shared.weeks.forget(week),
            Self::Anywhere => false,
        }
    }

    /// Adds a table's name.
    pub(super) fn push(self, sql: &mut Sql, parent: &str) {
        sql.push("mainstay.").push(parent);
        if let Self::Week(week) = self {
            sql.push("_").push(&week.compact());
        }
    }

    /// Adds the lowest and the highest run of the batch as bounds of a column, where that keeps
    /// weeks outside from being opened.
    pub(super) fn push_bounds(self, sql: &mut Sql, column: &str, batch: &[Part<'_>]) {
        if self == Self::Anywhere {
            let run =
                |part: Option<&Part<'_>>| part.map(|p| p.part.run_id.uuid()).unwrap_or_default();
            sql.push(" AND ").push(column).push(" BETWEEN ");
            sql.push_bind(run(batch.first())).push(" AND ").push_bind(run(batch.last()));
        }
    }
}
