//! A part that brings statements of the author's: a transaction of its own.
//!
//! Nobody knows beforehand what such a statement does, so it shares its transaction with no other
//! run: what it breaks is its own part, and what it waits for it alone waits for.

use mainstay_core::store::{local::LocalWrite, operation::Appended};
use serde_json::Value;
use sqlx::{
    AssertSqlSafe, Connection, Encode, PgConnection, Postgres, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgArguments, PgTypeInfo, types::Oid},
    query::Query,
};
use uuid::Uuid;

use super::{Part, TRIES, note_calm, statement, why_not};
use crate::postgres::{
    connect::finish,
    failure::{Failed, of_author},
    home::Home,
    shared::Shared,
};

/// This connection's settings are made for its own statement; the author's gets the server's. It
/// waits for no lock longer than a commit may be held up.
const AUTHORS_SETTINGS: &str = "
    SET LOCAL enable_seqscan = on; SET LOCAL enable_nestloop = on; SET LOCAL enable_mergejoin = on;
    SET LOCAL plan_cache_mode = auto; SET LOCAL lock_timeout = '5s'";

/// Commits one part with its statements, or nothing of it.
pub(super) async fn commit(
    sql: &mut PgConnection,
    shared: &Shared,
    part: &Part<'_>,
) -> Result<Appended, Failed> {
    for _ in 0..TRIES {
        let home = Home::of(sql, shared, std::iter::once(part.run_id())).await?;
        match attempt(sql, shared, home, part).await {
            Ok(true) => {
                shared.note_commit();
                note_calm(shared, part);
                return Ok(Appended::Accepted);
            }
            Ok(false) => return why_not(sql, part.part).await,
            Err(Failed::Refused(why)) => return Ok(Appended::Poison(why)),
            Err(Failed::Victim(_)) => {}
            Err(Failed::NoSchema) if home.is_out_of_date(shared) => {}
            Err(failed) => return Err(failed),
        }
    }
    Err(Failed::Victim("the server kept choosing this commit as a victim".to_owned()))
}

async fn attempt(
    sql: &mut PgConnection,
    shared: &Shared,
    home: Home,
    part: &Part<'_>,
) -> Result<bool, Failed> {
    let mut transaction = sql.begin().await?;
    let written = write(&mut transaction, shared, home, part).await;
    let ended = finish(transaction, matches!(written, Ok(true))).await;
    let accepted = written?;
    ended.map(|()| accepted)
}

/// Returns whether the part was accepted, and with it its statements.
async fn write(
    sql: &mut PgConnection,
    shared: &Shared,
    home: Home,
    part: &Part<'_>,
) -> Result<bool, Failed> {
    let own = statement::build(shared, home, std::slice::from_ref(part))?;
    let won: Vec<Uuid> = own.query_scalar()?.fetch_all(&mut *sql).await?;
    if won.is_empty() {
        return Ok(false);
    }
    sqlx::raw_sql(AUTHORS_SETTINGS).execute(&mut *sql).await?;
    for write in &part.part.local {
        bound(write).execute(&mut *sql).await.map_err(of_author)?;
    }
    Ok(true)
}

/// A statement is prepared anew each time: the types of its values may differ from one time to the
/// next, and a prepared one keeps those it first saw.
fn bound(write: &LocalWrite) -> Query<'_, Postgres, PgArguments> {
    // It was looked at before anything was written: one statement, values apart.
    let statement = sqlx::query(AssertSqlSafe(write.sql.as_str())).persistent(false);
    write.parameters.iter().fold(statement, |statement, value| match value {
        Value::Bool(value) => statement.bind(*value),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => statement.bind(integer),
            None => statement.bind(number.as_f64()),
        },
        Value::String(text) => statement.bind(text.as_str()),
        Value::Null | Value::Array(_) | Value::Object(_) => statement.bind(Nothing),
    })
}

/// NULL of the type that its place has: the server finds it out.
struct Nothing;

impl Type<Postgres> for Nothing {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl Encode<'_, Postgres> for Nothing {
    fn encode_by_ref(&self, _: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(IsNull::Yes)
    }
}
