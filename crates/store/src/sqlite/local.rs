//! The author's own statements, in the transaction of the part they came with.

use mainstay_core::store::{StoreError, local::LocalWrite, operation::Append};
use serde_json::Value;
use sqlx::AssertSqlSafe;

use super::{
    error::refusal,
    scope::{Scope, Statement},
};

impl Scope<'_> {
    /// Runs a part's statements after its own rows.
    pub(super) async fn write_local(&mut self, part: &Append) -> Result<(), StoreError> {
        for write in &part.local {
            let done = bound(write).execute(&mut *self.db).await;
            done.map_err(|error| refusal(part.run_id, error))?;
        }
        Ok(())
    }
}

/// SQLite takes `$1` for a name; the driver binds a name that is a number by that number.
fn bound(write: &LocalWrite) -> Statement<'_> {
    // It was looked at before anything was written: one statement, values apart.
    let statement = sqlx::query(AssertSqlSafe(write.sql.as_str()));
    write.parameters.iter().fold(statement, |statement, value| match value {
        Value::Bool(value) => statement.bind(*value),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => statement.bind(integer),
            None => statement.bind(number.as_f64()),
        },
        Value::String(text) => statement.bind(text.as_str()),
        Value::Null | Value::Array(_) | Value::Object(_) => statement.bind(None::<String>),
    })
}
