//! A statement put together from pieces, with its values.
//!
//! Like `sqlx::QueryBuilder`, which formats every placeholder and with it took a third of a commit's
//! time on our side: a commit of 64 steps has 700 of them.

use std::sync::Arc;

use sqlx::{
    Arguments, AssertSqlSafe, Decode, Encode, Postgres, SqlSafeStr, SqlStr, Type,
    error::BoxDynError,
    postgres::{PgArguments, PgHasArrayType},
    query::{Query, QueryScalar},
};

use super::failure::Failed;

/// A statement's text and its values, in the order of their placeholders.
#[derive(Debug)]
pub(super) struct Sql {
    text: Text,
    arguments: PgArguments,
    bound: u32,
    failed: Option<BoxDynError>,
}

/// The words of a statement.
#[derive(Debug)]
enum Text {
    /// They are being put together.
    Written(String),
    /// They are known from an earlier one, and only values are added.
    Known(Arc<str>),
}

impl Text {
    fn push(&mut self, more: &str) {
        if let Self::Written(text) = self {
            text.push_str(more);
        }
    }
}

impl Sql {
    /// Begins with a text.
    pub(super) fn new(text: &str) -> Self {
        Self::of(Text::Written(text.to_owned()))
    }

    /// Begins a statement that has been put together before, with other values.
    pub(super) fn known(text: Arc<str>) -> Self {
        Self::of(Text::Known(text))
    }

    fn of(text: Text) -> Self {
        Self { text, arguments: PgArguments::default(), bound: 0, failed: None }
    }

    /// Returns the text so far.
    pub(super) fn text(&self) -> &str {
        match &self.text {
            Text::Written(text) => text,
            Text::Known(text) => text,
        }
    }

    /// Makes room for so many values of so many bytes together.
    pub(super) fn reserve(&mut self, values: usize, bytes: usize) {
        if let Text::Written(text) = &mut self.text {
            // A placeholder, its comma and what stands around it.
            text.reserve(values * 6);
        }
        self.arguments.reserve(values, bytes);
    }

    /// Adds text, which comes from this program alone.
    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push(text);
        self
    }

    /// Adds a value.
    pub(super) fn push_bind<'q, T>(&mut self, value: T) -> &mut Self
    where
        T: Encode<'q, Postgres> + Type<Postgres>,
    {
        if let Err(error) = self.arguments.add(value) {
            self.failed.get_or_insert(error);
        }
        self.bound += 1;
        if let Text::Written(text) = &mut self.text {
            text.push('$');
            push_number(text, self.bound);
        }
        self
    }

    /// Adds one array as a value.
    pub(super) fn push_array<'q, T>(&mut self, values: Vec<T>, of: &str) -> &mut Self
    where
        T: Encode<'q, Postgres> + Type<Postgres> + PgHasArrayType,
    {
        self.push_bind(values).push("::").push(of)
    }

    /// Adds a row of values for each item, and rows of nulls up to a size that other statements
    /// have too: each size is planned once and kept. Many times cheaper than `unnest`, which copies
    /// its arrays out one by one.
    pub(super) fn push_values<T>(
        &mut self,
        items: &[T],
        mut row: impl FnMut(&mut Row<'_>, Option<&T>),
    ) {
        let nulls = std::iter::repeat_n(None, size(items.len()) - items.len());
        self.push("VALUES ");
        for (n, item) in items.iter().map(Some).chain(nulls).enumerate() {
            self.push(if n == 0 { "(" } else { "), (" });
            row(&mut Row { sql: self, first: true }, item);
        }
        self.push(")");
    }

    /// Returns the statement, to be executed.
    pub(super) fn query(self) -> Result<Query<'static, Postgres, PgArguments>, Failed> {
        let (text, arguments) = self.finished()?;
        Ok(sqlx::query_with(text, arguments))
    }

    /// Returns the statement, to be asked for one column.
    pub(super) fn query_scalar<O>(
        self,
    ) -> Result<QueryScalar<'static, Postgres, O, PgArguments>, Failed>
    where
        (O,): for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>,
        O: for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        let (text, arguments) = self.finished()?;
        Ok(sqlx::query_scalar_with(text, arguments))
    }

    fn finished(self) -> Result<(SqlStr, PgArguments), Failed> {
        let text = match self.text {
            Text::Written(text) => AssertSqlSafe(text).into_sql_str(),
            Text::Known(text) => AssertSqlSafe(text).into_sql_str(),
        };
        match self.failed {
            None => Ok((text, self.arguments)),
            Some(error) => Err(Failed::Refused(error.to_string())),
        }
    }
}

/// A row that is being written.
pub(super) struct Row<'a> {
    sql: &'a mut Sql,
    first: bool,
}

impl Row<'_> {
    /// Adds the next column.
    pub(super) fn push<'q, T>(&mut self, value: T)
    where
        T: Encode<'q, Postgres> + Type<Postgres>,
    {
        if !std::mem::take(&mut self.first) {
            self.sql.push(",");
        }
        self.sql.push_bind(value);
    }
}

fn push_number(text: &mut String, number: u32) {
    if number >= 10 {
        push_number(text, number / 10);
    }
    text.extend(char::from_digit(number % 10, 10));
}

/// Returns how many rows [`Sql::push_values`] makes of so many items: the next of 1, 2, 3, 4, 6, 8,
/// 12, 16, 24 and so on.
pub(super) const fn size(items: usize) -> usize {
    let power = items.next_power_of_two();
    let between = power / 4 * 3;
    if items <= between { between } else { power }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_filled_up_to_a_size_that_others_have() {
        let sizes: Vec<_> = (1..=13).map(size).collect();
        assert_eq!(sizes, [1, 2, 3, 4, 6, 6, 8, 8, 12, 12, 12, 12, 16]);
        let mut sql = Sql::new("SELECT * FROM (");
        sql.push_values(&[1, 2, 3, 4, 5], |row, item| {
            row.push(item.copied());
            row.push(item.map(|_| "x"));
        });
        let rows = "($1,$2), ($3,$4), ($5,$6), ($7,$8), ($9,$10), ($11,$12)";
        assert_eq!(sql.text(), format!("SELECT * FROM (VALUES {rows}"));
    }

    #[test]
    fn a_known_text_stays_as_it_is_and_takes_values() {
        let mut sql = Sql::known("SELECT $1, $2".into());
        sql.push("SELECT ").push_bind(1).push(", ").push_bind("x");
        assert_eq!((sql.text(), sql.arguments.len()), ("SELECT $1, $2", 2));
    }
}
