//! Rows of the author's, on every store: the suite, and the suite against planted faults.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mainstay_core::store::{
    Store, StoreError,
    local::LocalWrite,
    operation::{Appended, Operation, Reply},
};
use mainstay_store::{
    conformance::{
        ManualClock, Subject,
        local::{AuthorTable, BEHAVIOURS, MAKE_TABLE, READ_TABLE, check},
    },
    model::MemoryStore,
    postgres::{PostgresOptions, PostgresStore},
    sqlite::{SqliteOptions, SqliteStore},
};
use mainstay_testing::postgres::TestDatabase;
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, sqlite::SqliteConnectOptions};

use crate::folder::Folder;

type Shop = (Subject, Arc<dyn AuthorTable>);

/// Asks for every behaviour and tells which ones failed, and how.
async fn failures(fresh: impl AsyncFn() -> Shop) -> Vec<String> {
    let mut failed = Vec::new();
    for (name, _) in BEHAVIOURS {
        let (subject, table) = fresh().await;
        if let Err(failure) = check(name, subject, table).await {
            failed.push(format!("{name}: {failure}"));
        }
    }
    failed
}

fn text(write: &LocalWrite) -> String {
    write.parameters.first().and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A column that may not be NULL.
fn without_a_line() -> LocalWrite {
    let sql = "INSERT INTO author_lines (n, line) VALUES (77, $1)";
    LocalWrite { sql: sql.to_owned(), parameters: vec![Value::Null] }
}

/// The model runs no statements: it knows which ones it would have run, and refuses only what
/// every store refuses unseen.
struct Remembered(Arc<MemoryStore>);

#[async_trait]
impl AuthorTable for Remembered {
    async fn lines(&self) -> Vec<String> {
        self.0.model().written().iter().map(text).collect()
    }

    fn refused(&self) -> LocalWrite {
        LocalWrite { sql: "SELECT 1".to_owned(), parameters: Vec::new() }
    }
}

fn memory() -> (Arc<MemoryStore>, Arc<ManualClock>) {
    let clock = Arc::<ManualClock>::default();
    (Arc::new(MemoryStore::default().with_clock(clock.clone())), clock)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_model_conforms() {
    let fresh = async || {
        let (store, clock) = memory();
        let table: Arc<dyn AuthorTable> = Arc::new(Remembered(store.clone()));
        (Subject { store, clock, guard: Box::new(()) }, table)
    };
    assert_eq!(failures(fresh).await, Vec::<String>::new());
}

struct InFile(SqliteConnectOptions);

#[async_trait]
impl AuthorTable for InFile {
    async fn lines(&self) -> Vec<String> {
        let mut file = self.0.connect().await.unwrap();
        sqlx::query_scalar(READ_TABLE).fetch_all(&mut file).await.unwrap()
    }

    fn refused(&self) -> LocalWrite {
        without_a_line()
    }
}

async fn on_sqlite() -> Shop {
    let (folder, clock) = (Folder::new(), Arc::<ManualClock>::default());
    let options = SqliteOptions::default().with_clock(clock.clone());
    let store = Arc::new(SqliteStore::open(folder.file("shop.db"), options).await.unwrap());
    let file = SqliteConnectOptions::new().filename(folder.file("shop.db"));
    file.connect().await.unwrap().execute(MAKE_TABLE).await.unwrap();
    (Subject { store, clock, guard: Box::new(folder) }, Arc::new(InFile(file)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_conforms() {
    assert_eq!(failures(on_sqlite).await, Vec::<String>::new());
}

struct OnServer(String);

#[async_trait]
impl AuthorTable for OnServer {
    async fn lines(&self) -> Vec<String> {
        let mut sql = PgConnection::connect(&self.0).await.unwrap();
        let lines = sqlx::query_scalar(READ_TABLE).fetch_all(&mut sql).await.unwrap();
        sql.close().await.unwrap();
        lines
    }

    fn refused(&self) -> LocalWrite {
        without_a_line()
    }
}

async fn on_postgres() -> Shop {
    let (database, clock) = (TestDatabase::create().await.unwrap(), Arc::<ManualClock>::default());
    let options = PostgresOptions::default().with_clock(clock.clone());
    let url = database.url().to_owned();
    let store: Arc<dyn Store> = Arc::new(PostgresStore::connect(&url, options).await.unwrap());
    store.migrate(()).await.unwrap();
    let mut sql = PgConnection::connect(&url).await.unwrap();
    sql.execute(MAKE_TABLE).await.unwrap();
    sql.close().await.unwrap();
    (Subject { store, clock, guard: Box::new(database) }, Arc::new(OnServer(url)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_conforms() {
    assert_eq!(failures(on_postgres).await, Vec::<String>::new());
}

/// Every kind of value, and what is none of them as text with a cast, which SQLite reads over. A
/// place takes values of several kinds, one after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_of_every_kind_arrive() {
    for (subject, table) in [on_sqlite().await, on_postgres().await] {
        let world = mainstay_store::conformance::World::new(subject);
        let mut owner = world.owned().await.unwrap();
        for size in [json!(3), Value::Null, json!(2.0), json!(true), json!(null), json!(9)] {
            let sql = "INSERT INTO author_lines (n, line, size)
                       VALUES ((SELECT count(*) FROM author_lines), $1, CASE WHEN $2 THEN 1 END)";
            let plain = "INSERT INTO author_lines (n, line, size)
                         VALUES ((SELECT count(*) FROM author_lines), $1::text, $2)";
            let sql = if size.is_boolean() { sql } else { plain };
            let mut part = owner.step().unwrap();
            let parameters = vec![json!(size.to_string()), size];
            part.local = vec![LocalWrite { sql: sql.to_owned(), parameters }];
            owner.accept(&*world.store, part).await.unwrap();
        }
        assert_eq!(table.lines().await, ["3", "null", "2.0", "true", "null", "9"]);
    }
}

/// A database says what it has against a statement, and the statement's own run hears it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_says_what_the_database_said() {
    let missing = LocalWrite { sql: "DELETE FROM nowhere".to_owned(), parameters: Vec::new() };
    for (shop, want) in
        [(on_sqlite().await, "no such table: nowhere"), (on_postgres().await, "\"nowhere\"")]
    {
        let world = mainstay_store::conformance::World::new(shop.0);
        let owner = world.owned().await.unwrap();
        let mut part = owner.step().unwrap();
        part.local = vec![missing.clone()];
        let answer = owner.clone().append(&*world.store, part).await.unwrap();
        assert!(matches!(&answer, Appended::Poison(why) if why.contains(want)), "{answer:?}");
    }
}

/// What can be wrong with how a store writes an author's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Rows are written whatever becomes of the part.
    OutsideTheTransaction,
    /// Only the first statement of a part is run.
    FirstOnly,
    /// Statements run twice.
    Twice,
    /// A refused statement is passed over.
    PassedOver,
}

struct Faulty {
    inner: Arc<MemoryStore>,
    fault: Fault,
    written: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Store for Faulty {
    async fn execute(&self, mut operation: Operation) -> Result<Reply, StoreError> {
        if let Operation::Append(parts) = &mut operation {
            for part in parts {
                match self.fault {
                    Fault::OutsideTheTransaction => {
                        self.written.lock().unwrap().extend(part.local.iter().map(text));
                    }
                    Fault::FirstOnly => part.local.truncate(1),
                    Fault::Twice => part.local.extend(part.local.clone()),
                    Fault::PassedOver => part.local.retain(|write| write.check().is_ok()),
                }
            }
        }
        self.inner.execute(operation).await
    }
}

/// Reads what was written outside, else what the model has.
struct Beside(Remembered, Fault, Arc<Mutex<Vec<String>>>);

#[async_trait]
impl AuthorTable for Beside {
    async fn lines(&self) -> Vec<String> {
        if self.1 == Fault::OutsideTheTransaction {
            return self.2.lock().unwrap().clone();
        }
        self.0.lines().await
    }

    fn refused(&self) -> LocalWrite {
        self.0.refused()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite_catches_every_planted_fault() {
    for fault in [Fault::OutsideTheTransaction, Fault::FirstOnly, Fault::Twice, Fault::PassedOver] {
        let failed = failures(async || {
            let (inner, clock) = memory();
            let written = Arc::new(Mutex::new(Vec::new()));
            let table = Beside(Remembered(inner.clone()), fault, written.clone());
            let table: Arc<dyn AuthorTable> = Arc::new(table);
            let store = Arc::new(Faulty { inner, fault, written });
            (Subject { store, clock, guard: Box::new(()) }, table)
        });
        let failed = failed.await;
        assert!((1..BEHAVIOURS.len()).contains(&failed.len()), "{fault:?}: {failed:?}");
    }
}
