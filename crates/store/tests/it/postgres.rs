//! Postgres on a real server: conformance first, then what only it has.

mod homes;
mod newer_tables;
mod older_views;
mod pace;
mod restart;

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use mainstay_core::{
    digest::Digest,
    id::{RunId, SessionId},
    run::RunStatus,
    store::{
        Store, StoreError,
        operation::{
            Appended, BeatRequest, ClaimRequest, ClaimedRun, Death, DropWeek, DroppedWeek, HoldDuty,
        },
        week::UPKEEP,
    },
    time::Timestamp,
    week::Week,
};
use mainstay_store::{
    conformance::{ManualClock, Owner, Subject, World},
    postgres::{PostgresOptions, PostgresStore},
};
use mainstay_testing::postgres::TestDatabase;
use sqlx::{Connection, PgConnection};

async fn open(url: &str, clock: &Arc<ManualClock>) -> PostgresStore {
    let options = PostgresOptions::default().with_clock(clock.clone());
    PostgresStore::connect(url, options).await.unwrap()
}

async fn fresh(clock: Arc<ManualClock>) -> Subject {
    let database = TestDatabase::create().await.unwrap();
    let store: Arc<dyn Store> = Arc::new(open(database.url(), &clock).await);
    store.migrate(()).await.unwrap();
    Subject { store, clock, guard: Box::new(database) }
}

/// A database that does not wait for the disk: what is answered does not depend on it.
async fn hasty(clock: Arc<ManualClock>) -> Subject {
    let database = TestDatabase::create().await.unwrap();
    let mut sql = PgConnection::connect(database.url()).await.unwrap();
    let hasten = "DO $$ BEGIN EXECUTE format(
        'ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$";
    sqlx::raw_sql(hasten).execute(&mut sql).await.unwrap();
    sql.close().await.unwrap();
    let store: Arc<dyn Store> = Arc::new(open(database.url(), &clock).await);
    store.migrate(()).await.unwrap();
    Subject { store, clock, guard: Box::new(database) }
}

mainstay_store::store_conformance!(conforms, fresh);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_answers_like_the_model_on_random_operations() {
    crate::differential::check(|| hasty(Arc::default()), 40_000).await;
}

/// A migrated store, and a plain connection to look behind it.
struct Bench {
    world: World,
    sql: PgConnection,
    url: String,
}

async fn bench() -> Bench {
    let database = TestDatabase::create().await.unwrap();
    let url = database.url().to_owned();
    let clock = Arc::<ManualClock>::default();
    let store: Arc<dyn Store> = Arc::new(open(&url, &clock).await);
    store.migrate(()).await.unwrap();
    let sql = PgConnection::connect(&url).await.unwrap();
    Bench { world: World::new(Subject { store, clock, guard: Box::new(database) }), sql, url }
}

async fn count(sql: &mut PgConnection, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(sql).await.unwrap()
}

/// Starts `n` runs and claims them all.
async fn owners(world: &World, n: usize) -> Vec<Owner> {
    for _ in 0..n {
        world.start(world.new_run().unwrap()).await.unwrap();
    }
    let session = world.open().await.unwrap();
    let claimed = world.store.claim(world.wish(session, n)).await.unwrap();
    assert_eq!(claimed.len(), n);
    claimed.iter().map(Owner::of).collect()
}

#[tokio::test]
async fn the_database_allows_exactly_the_status_changes_of_the_state_machine() {
    let Bench { world, mut sql, .. } = bench().await;
    let run_id = world.start(world.new_run().unwrap()).await.unwrap();
    for from in RunStatus::ALL {
        for to in RunStatus::ALL.iter().filter(|to| *to != from) {
            sqlx::raw_sql("ALTER TABLE mainstay.runs DISABLE TRIGGER check_status")
                .execute(&mut sql)
                .await
                .unwrap();
            let set = "UPDATE mainstay.runs SET status = $1::mainstay.run_status WHERE run_id = $2";
            let put = async |sql: &mut PgConnection, status: &RunStatus| {
                sqlx::query(set).bind(status.as_str()).bind(run_id.uuid()).execute(sql).await
            };
            put(&mut sql, from).await.unwrap();
            sqlx::raw_sql("ALTER TABLE mainstay.runs ENABLE TRIGGER check_status")
                .execute(&mut sql)
                .await
                .unwrap();
            let allowed = put(&mut sql, to).await.is_ok();
            assert_eq!(allowed, from.may_become(*to), "{from} to {to}");
        }
    }
}

#[tokio::test]
async fn a_part_the_server_refuses_is_found_and_the_others_go_through() {
    let Bench { world, mut sql, .. } = bench().await;
    let mut parts = Vec::new();
    for owner in owners(&world, 9).await {
        parts.push(owner.step().unwrap());
    }
    // Past what an index entry holds, and not compressible.
    let long: String = (0..150_u8).map(|n| Digest::of(&[n]).to_string()).collect();
    parts[4].timers = vec![(long, Timestamp::from_micros(1))];
    let answers = world.store.append(parts).await.unwrap();
    for (place, answer) in answers.iter().enumerate() {
        let refused = matches!(answer, Appended::Poison(_));
        assert_eq!((refused, refused || *answer == Appended::Accepted), (place == 4, true));
    }
    assert_eq!(count(&mut sql, "SELECT count(*) FROM mainstay.timers").await, 0);
    assert_eq!(count(&mut sql, "SELECT count(*) FROM mainstay.journal").await, 9 * 2 + 8);
}

#[tokio::test]
async fn ordinary_steps_write_journal_rows_and_nothing_else() {
    let Bench { world, mut sql, .. } = bench().await;
    let mut owners = owners(&world, 4).await;
    let versions = "SELECT count(DISTINCT xmin::text) FROM mainstay.runs";
    let ids = "SELECT max(xmin::text::bigint) FROM mainstay.runs";
    let before = (count(&mut sql, versions).await, count(&mut sql, ids).await);
    for _ in 0..5 {
        for owner in &mut owners {
            let step = owner.step().unwrap();
            owner.accept(&*world.store, step).await.unwrap();
        }
    }
    assert_eq!((count(&mut sql, versions).await, count(&mut sql, ids).await), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_wait_share_one_transaction() {
    let Bench { world, mut sql, .. } = bench().await;
    let owners = owners(&world, 48).await;
    let appends = owners.iter().map(|owner| {
        let store = world.store.clone();
        let part = owner.step().unwrap();
        async move { store.append(vec![part]).await.unwrap() }
    });
    let answers = join_all(appends).await;
    assert!(answers.iter().all(|answer| *answer == [Appended::Accepted]));
    let commits = "SELECT count(DISTINCT xmin::text) FROM mainstay.journal
                   WHERE kind = 'step_finished'";
    let commits = count(&mut sql, commits).await;
    assert!(commits < 24, "48 appends took {commits} commits");
}

#[tokio::test]
async fn a_session_s_lock_is_free_as_soon_as_its_connection_is_gone() {
    let Bench { world, mut sql, url } = bench().await;
    let session = world.open().await.unwrap();
    assert!(!world.store.sessions(()).await.unwrap()[0].lock_free);
    let end = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_locks
               WHERE locktype = 'advisory' AND objsubid = 1
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(count(&mut sql, end).await, 1);
    let other = open(&url, &world.clock).await;
    let other: &dyn Store = &other;
    // Just after its own start a server's free locks count for nothing.
    let free = async {
        while !other.sessions(()).await.unwrap()[0].lock_free {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), free).await.expect("the lock counts as free");
    assert_eq!(other.sessions(()).await.unwrap()[0].session, session);
}

#[tokio::test]
async fn a_free_lock_says_nothing_when_beats_come_through_another_connection() {
    let Bench { world, mut sql, .. } = bench().await;
    let session = world.open().await.unwrap();
    let held = "SELECT count(*) FROM mainstay.workers WHERE lock_pid IS NOT NULL";
    assert_eq!(count(&mut sql, held).await, 1);
    // As behind a transaction pooler: the lock was taken by another server process.
    sqlx::raw_sql("UPDATE mainstay.workers SET lock_pid = 1").execute(&mut sql).await.unwrap();
    let beat = BeatRequest { session, lease: Duration::from_secs(15), draining: false };
    world.store.beat(beat).await.unwrap();
    assert_eq!(count(&mut sql, held).await, 0);
    assert!(!world.store.sessions(()).await.unwrap()[0].lock_free);
}

#[tokio::test]
async fn broken_connections_are_made_again() {
    let Bench { world, mut sql, .. } = bench().await;
    let run_id = world.start(world.new_run().unwrap()).await.unwrap();
    let end = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()
                 AND application_name = 'mainstay'";
    assert!(count(&mut sql, end).await > 0);
    for _ in 0..6 {
        assert!(world.store.run(run_id).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_schema_that_is_missing_or_newer_is_named() {
    let database = TestDatabase::create().await.unwrap();
    let clock = Arc::<ManualClock>::default();
    let store = open(database.url(), &clock).await;
    let store: &dyn Store = &store;
    let missing = StoreError::Schema { found: 0, wanted: 4 };
    assert_eq!(store.sessions(()).await, Err(missing.clone()));
    assert_eq!(store.append(vec![]).await, Err(missing));
    assert_eq!(store.facts(()).await.unwrap().schema.found, 0);
    assert_eq!(store.migrate(()).await, Ok(4));
    assert_eq!(store.sessions(()).await, Ok(vec![]));

    let mut sql = PgConnection::connect(database.url()).await.unwrap();
    sqlx::raw_sql("INSERT INTO mainstay.schema_version VALUES (9)")
        .execute(&mut sql)
        .await
        .unwrap();
    let newer = open(database.url(), &clock).await;
    let newer: &dyn Store = &newer;
    let error = StoreError::Schema { found: 9, wanted: 4 };
    assert_eq!(newer.sessions(()).await, Err(error.clone()));
    assert_eq!(newer.migrate(()).await, Err(error));

    // Unless that program says that its migrations only add.
    let adds = "UPDATE mainstay.schema_version SET oldest = 4 WHERE version = 9;
                ALTER TABLE mainstay.runs ADD COLUMN planted text";
    sqlx::raw_sql(adds).execute(&mut sql).await.unwrap();
    assert_eq!(newer.sessions(()).await, Ok(vec![]));
    assert_eq!(newer.migrate(()).await, Ok(9));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_that_migrate_at_once_agree() {
    let database = TestDatabase::create().await.unwrap();
    let clock = Arc::<ManualClock>::default();
    let stores = join_all((0..4).map(|_| open(database.url(), &clock))).await;
    let versions = join_all(stores.iter().map(|store| {
        let store: &dyn Store = store;
        store.migrate(())
    }));
    assert_eq!(versions.await, [Ok(4), Ok(4), Ok(4), Ok(4)]);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_the_password() {
    for url in ["postgres://me:hunter2@127.0.0.1:1/x", "postgres://me:hunter2@127.0.0.1:none/x"] {
        let options = PostgresOptions::default().with_patience(Duration::from_secs(5));
        let error = PostgresStore::connect(url, options).await.unwrap_err();
        assert!(matches!(error, StoreError::Unreachable(_)), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_run_lies_in_the_partition_of_its_week_and_a_far_one_in_the_default() {
    let Bench { world, mut sql, .. } = bench().await;
    world.start(world.new_run().unwrap()).await.unwrap();
    world.clock.advance(Duration::from_secs(100 * 7 * 24 * 3_600));
    let far = world.new_run().unwrap();
    let mut near = world.new_run().unwrap();
    world.start(far).await.unwrap();
    assert_eq!(count(&mut sql, "SELECT count(*) FROM mainstay.runs_default").await, 0);
    near.run_id = RunId::from_uuid(uuid::Uuid::from_u128(7));
    world.start(near).await.unwrap();
    for table in ["runs_default", "journal_default"] {
        let query = format!("SELECT count(*) FROM mainstay.{table}");
        let rows: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_one(&mut sql).await.unwrap();
        assert_eq!(rows, 1, "{table}");
    }
    let partitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'mainstay.runs'::regclass";
    assert_eq!(count(&mut sql, partitions).await, 3 + 1 + 1);
}

#[tokio::test]
async fn a_claim_in_flight_and_a_revocation_go_one_after_the_other() {
    let Bench { world, mut sql, .. } = bench().await;
    let run_id = world.start(world.new_run().unwrap()).await.unwrap();
    let session = world.open().await.unwrap();
    let mut claim = sql.begin().await.unwrap();
    let hold = "SELECT session_id FROM mainstay.workers WHERE session_id = $1 FOR KEY SHARE";
    sqlx::query(hold).bind(session.uuid()).execute(&mut *claim).await.unwrap();
    let store = world.store.clone();
    let revoking = tokio::spawn(async move { store.revoke(session).await });
    let wish: ClaimRequest = world.wish(session, 1);
    let claimed = world.store.claim(wish).await;
    claim.rollback().await.unwrap();
    assert!(revoking.await.unwrap().unwrap().is_some());
    // Either the claim came first and the takeover sees it, or it found a revoked session.
    let claimed = claimed.unwrap().len() as u64;
    assert_eq!(world.take_over(session, Death::Proved).await, Ok(claimed));
    assert_eq!(world.row(run_id).await.unwrap().status, RunStatus::Queued);
}

/// The first try stands for one that was committed and not answered: the second, cut off in its
/// middle, must find what the first has claimed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_whose_answer_was_lost_is_found_again() {
    let Bench { world, mut sql, url } = bench().await;
    let run_id = world.start(world.new_run().unwrap()).await.unwrap();
    let session = world.open().await.unwrap();
    let wish = world.wish(session, 1);
    let first = world.store.claim(wish.clone()).await.unwrap();
    assert_eq!(first[0].run.run_id, run_id);

    // Something to claim, so that the second try gets as far as its lock.
    world.start(world.new_run().unwrap()).await.unwrap();
    let one = PostgresOptions::default().with_clock(world.clock.clone()).with_connections(1);
    let store = PostgresStore::connect(&url, one).await.unwrap();
    // Who looks on is in no transaction: in one, the server shows the same picture every time.
    let mut holder = PgConnection::connect(&url).await.unwrap();
    let mut held = holder.begin().await.unwrap();
    sqlx::query("SELECT FROM mainstay.workers FOR UPDATE").execute(&mut *held).await.unwrap();
    let claiming = tokio::spawn(async move {
        let store: &dyn Store = &store;
        store.claim(wish).await
    });
    let cut = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while count(&mut sql, cut).await == 0 {}
    held.rollback().await.unwrap();
    assert_eq!(claiming.await.unwrap().unwrap(), first);
}

/// A week's partitions go as a whole, and whoever reads is not made to wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_week_in_use_is_dropped_later() {
    let database = TestDatabase::create().await.unwrap();
    let clock = Arc::<ManualClock>::default();
    let store = open(database.url(), &clock).await;
    let world = World::new(Subject { store: Arc::new(store), clock, guard: Box::new(()) });
    world.store.migrate(()).await.unwrap();
    let mut owner = world.owned().await.unwrap();
    owner.accept(&*world.store, owner.finish(0).unwrap()).await.unwrap();
    let week = Week::of(owner.run_id);
    world.clock.advance(Duration::from_secs(60 * 24 * 60 * 60));
    let duty = HoldDuty {
        duty: UPKEEP.to_owned(),
        holder: world.session_id(),
        span: Duration::from_secs(60),
    };
    let term = world.store.hold(duty).await.unwrap().unwrap();
    let wish = DropWeek { week, term, limit: 100 };

    let mut reader = PgConnection::connect(database.url()).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT count(*) FROM mainstay.journal")
        .execute(&mut reader)
        .await
        .unwrap();
    assert_eq!(world.store.drop_week(wish).await, Ok(DroppedWeek::Busy));
    assert_eq!(world.store.weeks(Week::at(world.now())).await, Ok(vec![week]));
    sqlx::raw_sql("COMMIT").execute(&mut reader).await.unwrap();
    assert_eq!(world.store.drop_week(wish).await, Ok(DroppedWeek::Gone));
    let children = "SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                    WHERE c.relname LIKE '%' || mainstay.week_name($1)";
    let left: i64 =
        sqlx::query_scalar(children).bind(week.number()).fetch_one(&mut reader).await.unwrap();
    assert_eq!(left, 0, "its partitions are gone");

    // Those of weeks in which nothing began go by themselves, and room is made for those to come.
    let last = world.store.make_weeks(()).await.unwrap();
    let all = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'mainstay.journal'::regclass";
    let kept: i64 = sqlx::query_scalar(all).fetch_one(&mut reader).await.unwrap();
    assert_eq!(kept, 4, "this week, two to come, and the default, until {last}");
    reader.close().await.unwrap();
}
