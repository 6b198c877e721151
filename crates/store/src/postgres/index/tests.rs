//! A list of runs of some statuses reads no others.

use mainstay_core::{run::RunStatus, store::row::IndexFilter};
use mainstay_testing::postgres::TestDatabase;
use sqlx::{Connection, PgConnection};

use super::list_runs;
use crate::postgres::{connect::Purpose, migrate};

const FILL: &str = "
INSERT INTO mainstay.run_index (run_id, created_at, lane, status, tenant, tags)
SELECT gen_random_uuid(), 0, 1, (CASE WHEN n % 2000 = 0 THEN 'parked' ELSE 'completed' END)
       ::mainstay.run_status, 'default', '{}' FROM generate_series(1, 20000) AS n";

const LANE: &str = "
INSERT INTO mainstay.lanes (lane, flow, version, definition)
OVERRIDING SYSTEM VALUE VALUES (1, 'desk', 1, decode(repeat('00', 32), 'hex'))";

const READ: &str = "
SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables
WHERE schemaname = 'mainstay' AND relname = 'run_index'";

#[tokio::test]
async fn a_status_that_few_have_is_found_among_many() {
    let database = TestDatabase::create().await.unwrap();
    let mut sql = PgConnection::connect(database.url()).await.unwrap();
    migrate::migrate(&mut sql).await.unwrap();
    sqlx::raw_sql(Purpose::Ordinary.settings()).execute(&mut sql).await.unwrap();
    for fill in [LANE, FILL, "ANALYZE mainstay.run_index"] {
        sqlx::query(fill).execute(&mut sql).await.unwrap();
    }
    let mut looked = sql.begin().await.unwrap();
    let statuses = vec![RunStatus::Parked, RunStatus::Queued];
    let filter = IndexFilter { statuses, limit: 256, ..IndexFilter::default() };
    let rows = list_runs(&mut looked, &filter).await.unwrap();
    let ids: Vec<_> = rows.iter().map(|row| row.run_id).collect();
    assert_eq!(ids.len(), 10);
    assert!(ids.is_sorted_by(|a, b| a > b), "newest first: {ids:?}");
    let read: i64 = sqlx::query_scalar(READ).fetch_one(&mut *looked).await.unwrap();
    assert!(read <= 20, "{read} of 20,000 rows were read for 10");
}
