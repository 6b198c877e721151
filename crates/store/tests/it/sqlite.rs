//! SQLite on a real disk: the suite, and what only a file can do.

use std::{path::PathBuf, sync::Arc, time::Duration};

use mainstay_core::{
    run::RunStatus,
    store::{Store, StoreError},
};
use mainstay_store::{
    conformance::{ManualClock, Subject, World},
    sqlite::{SqliteOptions, SqliteStore},
};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Executor, Row, SqliteConnection,
    sqlite::SqliteConnectOptions,
};

use crate::folder::Folder;

async fn open(path: PathBuf, clock: &Arc<ManualClock>) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path, SqliteOptions::default().with_clock(clock.clone())).await
}

async fn fresh(clock: Arc<ManualClock>) -> Subject {
    let folder = Folder::new();
    let store = Arc::new(open(folder.file("mainstay.db"), &clock).await.unwrap());
    Subject { store, clock, guard: Box::new(folder) }
}

/// A file that no disk holds, where the system has such: what is answered does not depend on it.
async fn in_memory(clock: Arc<ManualClock>) -> Subject {
    let folder = Folder::in_memory();
    let store = Arc::new(open(folder.file("mainstay.db"), &clock).await.unwrap());
    Subject { store, clock, guard: Box::new(folder) }
}

mainstay_store::store_conformance!(conforms, fresh);

#[tokio::test]
async fn sqlite_answers_like_the_model_on_random_operations() {
    crate::differential::check(|| in_memory(Arc::default()), 60_000).await;
}

/// The file as a stranger sees it.
async fn stranger(path: PathBuf) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).foreign_keys(false).connect().await.unwrap()
}

#[tokio::test]
async fn a_second_process_reads_what_the_first_has_written() {
    let (folder, clock) = (Folder::new(), Arc::<ManualClock>::default());
    let path = folder.file("new/folder/mainstay.db");
    let one = Arc::new(open(path.clone(), &clock).await.unwrap());
    let two: Arc<dyn Store> = Arc::new(open(path.clone(), &clock).await.unwrap());
    let world = World::new(Subject { store: one, clock: clock.clone(), guard: Box::new(()) });
    let run_id = world.start(world.new_run().unwrap()).await.unwrap();
    assert_eq!(two.run(run_id).await.unwrap().unwrap().status, RunStatus::Queued);
    let session = world.open().await.unwrap();
    assert_eq!(two.claim(world.wish(session, 1)).await.unwrap().len(), 1);
    assert_eq!(world.row(run_id).await.unwrap().owner, Some(session));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_that_write_at_once_share_the_work() {
    let (folder, clock) = (Folder::new(), Arc::<ManualClock>::default());
    let path = folder.file("mainstay.db");
    let one = Arc::new(open(path.clone(), &clock).await.unwrap());
    let two: Arc<dyn Store> = Arc::new(open(path.clone(), &clock).await.unwrap());
    let world = World::new(Subject { store: one, clock, guard: Box::new(()) });
    for _ in 0..60 {
        world.start(world.new_run().unwrap()).await.unwrap();
    }
    let mut tasks = Vec::new();
    for store in [&world.store, &two] {
        let session = world.open().await.unwrap();
        let wishes: Vec<_> = (0..30).map(|_| world.wish(session, 2)).collect();
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            let mut got = Vec::new();
            for wish in wishes {
                got.extend(store.claim(wish).await.unwrap().into_iter().map(|c| c.run.run_id));
            }
            got
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    assert_eq!(all.len(), 60);
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 60);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_when_the_file_is_opened_again() {
    let (folder, clock) = (Folder::new(), Arc::<ManualClock>::default());
    let path = folder.file("mainstay.db");
    let store = Arc::new(open(path.clone(), &clock).await.unwrap());
    let world =
        World::new(Subject { store: store.clone(), clock: clock.clone(), guard: Box::new(()) });
    let run_id = world.start(world.new_run().unwrap()).await.unwrap();
    drop(world);
    Arc::into_inner(store).unwrap().close().await;
    assert!(!folder.file("mainstay.db-wal").exists(), "the file was closed in good order");
    let again: Arc<dyn Store> = Arc::new(open(path, &clock).await.unwrap());
    assert!(again.run(run_id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_file_held_by_another_writer_is_locked_and_loses_nothing() {
    let (folder, clock) = (Folder::new(), Arc::<ManualClock>::default());
    let path = folder.file("mainstay.db");
    let options = SqliteOptions::default()
        .with_clock(clock.clone())
        .with_busy_timeout(Duration::from_millis(50));
    let store = Arc::new(SqliteStore::open(&path, options).await.unwrap());
    let world = World::new(Subject { store, clock, guard: Box::new(()) });
    let mut other = stranger(path).await;
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let new = world.new_run().unwrap();
    let refused = world.store.create_run(Box::new(new.clone())).await;
    assert!(matches!(refused, Err(StoreError::Locked(_))), "{refused:?}");
    assert_eq!(world.store.run(new.run_id).await, Ok(None), "readers are not held up");
    other.execute("ROLLBACK").await.unwrap();
    world.start(new).await.unwrap();
}

#[tokio::test]
async fn a_file_of_a_newer_program_is_left_alone() {
    let (folder, clock) = (Folder::new(), Arc::<ManualClock>::default());
    let path = folder.file("mainstay.db");
    open(path.clone(), &clock).await.unwrap().close().await;
    let mut other = stranger(path.clone()).await;
    other.execute("INSERT INTO mainstay_schema (version) VALUES (99)").await.unwrap();
    let refused = open(path.clone(), &clock).await.map(drop);
    assert_eq!(refused, Err(StoreError::Schema { found: 99, wanted: 6 }));
    // Unless that program says that its migrations only add.
    other.execute("UPDATE mainstay_schema SET oldest = 6 WHERE version = 99").await.unwrap();
    other.execute("ALTER TABLE mainstay_runs ADD COLUMN planted TEXT").await.unwrap();
    other.close().await.unwrap();
    let store: Arc<dyn Store> = Arc::new(open(path, &clock).await.unwrap());
    let world = World::new(Subject { store, clock, guard: Box::new(()) });
    assert_eq!(world.store.migrate(()).await, Ok(99));
    world.start(world.new_run().unwrap()).await.unwrap();
    world.claim(world.open().await.unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_file_without_a_schema_can_be_looked_at_and_migrated() {
    let (folder, clock) = (Folder::new(), Arc::<ManualClock>::default());
    let path = folder.file("mainstay.db");
    let as_it_is = || SqliteOptions::default().with_clock(clock.clone()).as_it_is();
    let missing = SqliteStore::open(&path, as_it_is()).await.map(drop);
    assert!(matches!(missing, Err(StoreError::Unreachable(_))), "{missing:?}");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut other = options.connect().await.unwrap();
    other.execute("CREATE TABLE orders (id INTEGER)").await.unwrap();
    other.close().await.unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path, as_it_is()).await.unwrap());
    let facts = store.facts(()).await.unwrap();
    assert_eq!((facts.schema.found, facts.wanted, facts.durable), (0, 6, true));
    assert_eq!(store.flows(()).await, Err(StoreError::Schema { found: 0, wanted: 6 }));
    assert_eq!(store.migrate(()).await, Ok(6));
    assert_eq!(store.flows(()).await, Ok(vec![]));
}

#[tokio::test]
async fn journals_that_were_clustered_by_run_move_to_the_new_table_as_they_are() {
    const FIRST_STEPS: [&str; 3] = [
        include_str!("../../migrations/sqlite/0001_backbone.sql"),
        include_str!("../../migrations/sqlite/0002_early_takeover.sql"),
        include_str!("../../migrations/sqlite/0003_weeks.sql"),
    ];
    let (folder, clock) = (Folder::new(), Arc::<ManualClock>::default());
    let path = folder.file("mainstay.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut other = options.connect().await.unwrap();
    other.execute("CREATE TABLE mainstay_schema (version INTEGER PRIMARY KEY)").await.unwrap();
    for step in FIRST_STEPS {
        other.execute(AssertSqlSafe(step)).await.unwrap();
    }
    other.execute("INSERT INTO mainstay_schema (version, oldest) VALUES (3, 3)").await.unwrap();
    for (run, position, body) in [("02", 1, "one"), ("01", 2, "three"), ("01", 1, "two")] {
        let row = format!(
            "INSERT INTO mainstay_journal VALUES
             (x'{run}', {position}, '', 0, x'', x'', 'created', 7, '{body}', x'04')"
        );
        other.execute(AssertSqlSafe(row)).await.unwrap();
    }
    let before = journal(&mut other).await;
    assert_eq!(before.len(), 3);
    open(path, &clock).await.unwrap().close().await;
    assert_eq!(journal(&mut other).await, before);
    other.execute("SELECT rowid FROM mainstay_journal").await.unwrap();
    let again = "INSERT INTO mainstay_journal SELECT * FROM mainstay_journal";
    assert!(other.execute(again).await.is_err(), "a place is taken once");
}

/// Every column of every row, as text, in the order of runs.
async fn journal(db: &mut SqliteConnection) -> Vec<String> {
    let all =
        "SELECT concat_ws('|', hex(run_id), position, tenant, epoch, hex(prev), hex(link), kind,
                                at, body, hex(payloads))
               FROM mainstay_journal ORDER BY run_id, position";
    sqlx::query_scalar(all).fetch_all(db).await.unwrap()
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let (folder, clock) = (Folder::new(), Arc::<ManualClock>::default());
    let path = folder.file("notes.txt");
    std::fs::write(&path, "these are notes, and they are long enough for a header ".repeat(40))
        .unwrap();
    let refused = open(path, &clock).await.map(drop);
    let Err(StoreError::Corrupt(why)) = refused else { panic!("{refused:?}") };
    assert!(why.contains("notes.txt") && why.contains("not a database"), "{why}");
}

#[tokio::test]
async fn the_database_refuses_the_transitions_that_the_state_machine_refuses() {
    let (folder, clock) = (Folder::new(), Arc::<ManualClock>::default());
    let path = folder.file("mainstay.db");
    let store = Arc::new(open(path.clone(), &clock).await.unwrap());
    let world = World::new(Subject { store, clock, guard: Box::new(()) });
    world.start(world.new_run().unwrap()).await.unwrap();
    let mut db = stranger(path).await;
    // SQLite fires no trigger that is gone: the rows to start from are written without it.
    let trigger = "SELECT sql FROM sqlite_schema WHERE name = 'mainstay_runs_change_status'";
    let trigger: String = db.fetch_one(trigger).await.unwrap().get(0);
    for (from, to) in RunStatus::ALL.iter().flat_map(|f| RunStatus::ALL.iter().map(move |t| (f, t)))
    {
        db.execute("DROP TRIGGER mainstay_runs_change_status").await.unwrap();
        let set = || sqlx::query("UPDATE mainstay_runs SET status = ?");
        set().bind(from.as_str()).execute(&mut db).await.unwrap();
        db.execute(AssertSqlSafe(trigger.clone())).await.unwrap();
        let allowed = set().bind(to.as_str()).execute(&mut db).await.is_ok();
        assert_eq!(allowed, from == to || from.may_become(*to), "{from:?} to {to:?}");
    }
    let unknown = db.execute("UPDATE mainstay_runs SET status = 'lost'").await;
    assert!(unknown.is_err(), "a status nobody knows");
    let copy = "INSERT INTO mainstay_runs SELECT x'00', tenant, lane, 'parked', wait, wake_after,
                epoch, owner, inbox_head, inbox_read, checkpoint, crashes, parent, priority, tags,
                created_at, reads_only_until FROM mainstay_runs";
    let born_parked = db.execute(copy).await;
    assert!(born_parked.unwrap_err().to_string().contains("begins queued"));
}

#[tokio::test]
async fn rotten_bytes_are_corrupt_and_not_an_answer() {
    let (folder, clock) = (Folder::new(), Arc::<ManualClock>::default());
    let path = folder.file("mainstay.db");
    let store = Arc::new(open(path.clone(), &clock).await.unwrap());
    let world = World::new(Subject { store, clock, guard: Box::new(()) });
    let new = world.new_run().unwrap();
    let run_id = world.start(new).await.unwrap();
    let mut db = stranger(path).await;
    let rot = "UPDATE mainstay_journal SET payloads = substr(payloads, 1, 20) || x'7f7f7f'";
    db.execute(rot).await.unwrap();
    let read = mainstay_core::store::operation::JournalRequest { run_id, from: 1, limit: 1 };
    let journal = world.store.journal(read).await;
    assert!(matches!(journal, Err(StoreError::Corrupt(_))), "{journal:?}");
    db.execute("UPDATE mainstay_runs SET wait = '{'").await.unwrap();
    let row = world.store.run(run_id).await;
    assert!(matches!(row, Err(StoreError::Corrupt(_))), "{row:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_that_fails_takes_no_other_of_its_commit_with_it() {
    let world = World::new(fresh(Arc::default()).await);
    let mut tasks = Vec::new();
    for n in 0..120 {
        let (store, mut run) = (world.store.clone(), world.new_run().unwrap());
        let poisoned = n % 3 == 0;
        if poisoned {
            run.tags.push('\0');
        }
        tasks.push(tokio::spawn(async move {
            let answer = store.create_run(Box::new(run.clone())).await;
            (poisoned, answer.is_err(), store.run(run.run_id).await.unwrap().is_none())
        }));
    }
    for task in tasks {
        let (poisoned, refused, absent) = task.await.unwrap();
        assert_eq!((refused, absent), (poisoned, poisoned));
    }
}
