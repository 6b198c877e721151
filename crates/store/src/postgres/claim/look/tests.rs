//! A look at the queue passes over what was deleted from it only where it looks at everything.

use std::time::Duration;

use mainstay_testing::postgres::TestDatabase;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::Instant;

use super::{LOOK, LOOK_AT_ALL, look};
use crate::postgres::{connect::Purpose, migrate, shared::Shared};

/// Places in the queue, of which all but the last few are deleted while a snapshot is held.
const PLACES: i64 = 20_000;
const LEFT: i64 = 100;

const FILL: &str = "
INSERT INTO mainstay.ready (run_id, lane, priority, tenant)
SELECT gen_random_uuid(), 1, 100, '' FROM generate_series(1, $1)";

/// Returns how many pages a look read, found in memory or not.
async fn pages(sql: &mut PgConnection, look: &str, from: Option<i64>) -> u64 {
    let explain = AssertSqlSafe(format!("EXPLAIN (ANALYZE, BUFFERS) {look}"));
    let explain = sqlx::query_scalar(explain).bind(16_i64).bind(vec![1_i32]);
    let explain = match from {
        Some(pass) => explain.bind(vec![100_i16]).bind(vec![pass]),
        None => explain,
    };
    let plan: Vec<String> = explain.fetch_all(sql).await.unwrap();
    // The uppermost node counts for all below it: `Buffers: shared hit=7 read=2`.
    let words = plan.iter().find_map(|line| line.split_once("Buffers: shared ")).unwrap().1;
    words.split([' ', '=']).filter_map(|word| word.parse::<u64>().ok()).sum()
}

#[tokio::test]
async fn what_was_deleted_under_a_held_snapshot_is_not_in_the_way_of_the_next_look() {
    let database = TestDatabase::create().await.unwrap();
    let mut sql = PgConnection::connect(database.url()).await.unwrap();
    migrate::migrate(&mut sql).await.unwrap();
    let settings = Purpose::Ordinary.settings();
    sqlx::raw_sql(settings).execute(&mut sql).await.unwrap();
    sqlx::query(FILL).bind(PLACES).execute(&mut sql).await.unwrap();

    let mut holder = PgConnection::connect(database.url()).await.unwrap();
    let hold = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM mainstay.ready";
    sqlx::raw_sql(hold).execute(&mut holder).await.unwrap();
    let delete = "DELETE FROM mainstay.ready WHERE pass <= $1";
    sqlx::query(delete).bind(PLACES - LEFT).execute(&mut sql).await.unwrap();

    let shared = Shared::default();
    let found = look(&mut sql, &shared, 1, &[1]).await.unwrap();
    assert_eq!(found.len(), 20, "four times as many as are wanted, and sixteen");
    let front = shared.ready_of(&[1]).places();
    let [((1, 100), first)] = front.as_slice() else { panic!("{front:?}") };
    let live: i64 = sqlx::query_scalar("SELECT min(pass) FROM mainstay.ready")
        .fetch_one(&mut sql)
        .await
        .unwrap();
    assert_eq!(*first, live);
    let (all, from_front) =
        (pages(&mut sql, LOOK_AT_ALL, None).await, pages(&mut sql, LOOK, Some(*first)).await);
    assert!(from_front * 20 < all, "{from_front} pages instead of {all}");
    assert_eq!(look(&mut sql, &shared, 1, &[1]).await.unwrap(), found, "from the front");
}

#[tokio::test]
async fn a_priority_that_was_not_there_before_is_found_when_little_else_is() {
    let database = TestDatabase::create().await.unwrap();
    let mut sql = PgConnection::connect(database.url()).await.unwrap();
    migrate::migrate(&mut sql).await.unwrap();
    sqlx::query(FILL).bind(1_i64).execute(&mut sql).await.unwrap();
    let shared = Shared::default();
    assert_eq!(look(&mut sql, &shared, 2, &[1]).await.unwrap().len(), 1);
    let urgent = "INSERT INTO mainstay.ready (run_id, lane, priority, tenant)
                  VALUES (gen_random_uuid(), 1, 5, '') RETURNING run_id";
    let urgent: uuid::Uuid = sqlx::query_scalar(urgent).fetch_one(&mut sql).await.unwrap();
    // The pause after a look at everything is twenty times as long as that took: a few more looks.
    let mut found = Vec::new();
    for _ in 0..10_000 {
        found = look(&mut sql, &shared, 2, &[1]).await.unwrap();
        if found.len() == 2 {
            break;
        }
    }
    assert_eq!(found.len(), 2);
    assert_eq!(found[0], urgent, "what is urgent comes first");
}

#[tokio::test]
async fn the_first_run_of_a_lane_is_found_at_once_however_long_the_last_look_took() {
    let database = TestDatabase::create().await.unwrap();
    let mut sql = PgConnection::connect(database.url()).await.unwrap();
    migrate::migrate(&mut sql).await.unwrap();
    let shared = Shared::default();
    assert_eq!(look(&mut sql, &shared, 1, &[1]).await.unwrap().len(), 0);
    // Nobody waits an hour for this.
    let hours_ago = Instant::now().checked_sub(Duration::from_secs(3_600)).unwrap();
    shared.ready_of(&[1]).looked_at_all(hours_ago);
    sqlx::query(FILL).bind(1_i64).execute(&mut sql).await.unwrap();
    assert_eq!(look(&mut sql, &shared, 1, &[1]).await.unwrap().len(), 1);
}
