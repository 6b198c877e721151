//! A list of runs of some statuses reads no others.

use mainstay_core::{run::RunStatus, store::row::IndexFilter};
use sqlx::{Connection, Execute, Row, SqliteConnection};

use super::newest;
use crate::sqlite::schema;

/// Returns the tables and indices that a list reads, and what it looks for in each.
async fn reads(filter: &IndexFilter) -> Vec<String> {
    let mut db = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    schema::migrate(&mut db).await.unwrap();
    let mut find = newest(filter);
    let explain = format!("EXPLAIN QUERY PLAN {}", find.build().sql().as_str());
    let plan = sqlx::query(sqlx::AssertSqlSafe(explain)).fetch_all(&mut db).await.unwrap();
    let details = plan.iter().map(|row| row.get::<String, _>("detail"));
    details.filter(|detail| detail.contains("mainstay_run_index")).collect()
}

#[tokio::test]
async fn each_status_is_looked_for_in_the_index_it_leads() {
    let statuses = vec![RunStatus::Parked, RunStatus::Queued, RunStatus::Parked];
    let filter = IndexFilter { statuses, ..IndexFilter::default() };
    let by_status = "SEARCH mainstay_run_index USING INDEX mainstay_run_index_status (status=?)";
    assert_eq!(reads(&filter).await, [by_status; 2]);
}

#[tokio::test]
async fn a_page_of_a_status_begins_where_the_last_one_ended() {
    let before = mainstay_core::id::RunId::new(mainstay_core::time::Timestamp::default(), [7; 10]);
    let statuses = vec![RunStatus::Parked];
    let filter = IndexFilter { statuses, before: Some(before), ..IndexFilter::default() };
    let from = "SEARCH mainstay_run_index USING INDEX mainstay_run_index_status \
                (status=? AND run_id<?)";
    assert_eq!(reads(&filter).await, [from]);
}
