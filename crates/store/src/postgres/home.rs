//! Which tables the rows of some runs are in.
//!
//! # Why a statement names the tables of its week
//!
//! A statement on a parent opens the tables of every week there is, once to read and once for each
//! change, before it finds the one it needs. Nearly all runs of a commit or of a claim are of
//! one week, so the statement names that week's tables. Where there are several weeks, or the week
//! has no tables of its own (yet, or any more), it names the parents.

use mainstay_core::{id::RunId, week::Week};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{failure::Failed, shared::Shared, sql::Sql};

/// Where the rows of some runs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Home {
    /// In the tables of one week.
    Week(Week),
    /// In those of several weeks, or in the default ones.
    Anywhere,
}

impl Home {
    /// Finds where the rows of these runs are.
    pub(super) async fn of(
        sql: &mut PgConnection,
        shared: &Shared,
        runs: impl Iterator<Item = RunId>,
    ) -> Result<Self, Failed> {
        let mut weeks = runs.map(Week::of);
        let Some(first) = weeks.next() else { return Ok(Self::Anywhere) };
        let own = weeks.all(|week| week == first) && shared.weeks.has_tables(sql, first).await?;
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
        sql.push(&self.table(parent));
    }

    /// Puts the tables' names in the place of `{journal}` and `{runs}`.
    pub(super) fn name_tables(self, statement: &str) -> String {
        let names = ["journal", "runs"].map(|parent| (format!("{{{parent}}}"), self.table(parent)));
        names.iter().fold(statement.to_owned(), |text, (place, name)| text.replace(place, name))
    }

    fn table(self, parent: &str) -> String {
        match self {
            Self::Week(week) => format!("mainstay.{parent}_{}", week.compact()),
            Self::Anywhere => format!("mainstay.{parent}"),
        }
    }

    /// Adds the lowest and the highest run as bounds of a column, where that keeps weeks outside
    /// from being opened.
    pub(super) fn push_bounds(self, sql: &mut Sql, column: &str, (low, high): (Uuid, Uuid)) {
        if self == Self::Anywhere {
            sql.push(" AND ").push(column).push(" BETWEEN ");
            sql.push_bind(low).push(" AND ").push_bind(high);
        }
    }
}
