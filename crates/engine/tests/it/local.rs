//! Rows of the author's, written by a step: there exactly once, whenever a worker dies.

use std::{
    path::PathBuf,
    sync::{Arc, atomic},
};

use mainstay::prelude::*;
use mainstay_core::{run::RunStatus, tool::EffectClass};
use mainstay_engine::context::Write;
use mainstay_store::{
    postgres::{PostgresOptions, PostgresStore},
    sqlite::{SqliteOptions, SqliteStore},
};
use mainstay_testing::postgres::TestDatabase;
use serde_json::{Value, json};
use sqlx::{
    ConnectOptions, Connection, Executor, PgConnection, SqliteConnection,
    sqlite::SqliteConnectOptions,
};

use crate::{
    rig::{Rig, World, waits},
    tools::{FOREVER, Probe},
};

/// Sells one piece: a row in the outbox, one piece less in stock.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Sale {
    order: i64,
    note: Option<String>,
}

#[flow(name = "sale", version = 1)]
impl Sale {
    #[start(grants = ["carrier"])]
    async fn sell(&self, cx: &StepContext) -> Result<Value> {
        let row =
            Write::new("INSERT INTO shop_outbox (order_no, note, weight) VALUES ($1, $2, $3)");
        cx.write(row.bind(self.order).bind(self.note.clone()).bind(0.5)).await?;
        Ok(cx.tool(("carrier", json!({}))).await.required()?)
    }

    #[listen(sell)]
    async fn take(&self, cx: &StepContext) -> Result<i64> {
        cx.write(Write::new("UPDATE shop_stock SET on_hand = on_hand - $1").bind(1)).await?;
        Ok(self.order)
    }
}

enum Database {
    File(PathBuf),
    Server(TestDatabase),
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Self::File(folder) = self {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// A world on a database, and the author's way into it.
struct Shop {
    world: World,
    database: Database,
}

static FILES: atomic::AtomicU32 = atomic::AtomicU32::new(0);

impl Shop {
    async fn on_sqlite() -> Self {
        let n = FILES.fetch_add(1, atomic::Ordering::Relaxed);
        let name = format!("engine-local-{n}-{}", std::process::id());
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let memory = World::memory();
        let options = SqliteOptions::default().with_clock(memory.clock.clone());
        let store = Arc::new(SqliteStore::open(folder.join("shop.db"), options).await.unwrap());
        let shop = Self { world: memory.through(|_| store), database: Database::File(folder) };
        shop.with_tables().await
    }

    async fn on_postgres() -> Self {
        let database = TestDatabase::create().await.unwrap();
        let memory = World::memory();
        let options = PostgresOptions::default().with_clock(memory.clock.clone());
        let store = Arc::new(PostgresStore::connect(database.url(), options).await.unwrap());
        let shop = Self { world: memory.through(|_| store), database: Database::Server(database) };
        shop.with_tables().await
    }

    async fn on_both() -> [Self; 2] {
        [Self::on_sqlite().await, Self::on_postgres().await]
    }

    async fn with_tables(self) -> Self {
        self.does("CREATE TABLE shop_outbox (order_no INTEGER, note TEXT, weight REAL)").await;
        self.does("CREATE TABLE shop_stock (on_hand INTEGER)").await;
        self.does("INSERT INTO shop_stock VALUES (10)").await;
        self
    }

    async fn file(folder: &std::path::Path) -> SqliteConnection {
        SqliteConnectOptions::new().filename(folder.join("shop.db")).connect().await.unwrap()
    }

    async fn does(&self, sql: &'static str) {
        match &self.database {
            Database::File(folder) => drop(Self::file(folder).await.execute(sql).await.unwrap()),
            Database::Server(database) => {
                let mut server = PgConnection::connect(database.url()).await.unwrap();
                server.execute(sql).await.unwrap();
                server.close().await.unwrap();
            }
        }
    }

    async fn number(&self, sql: &'static str) -> i64 {
        match &self.database {
            Database::File(folder) => {
                let mut file = Self::file(folder).await;
                sqlx::query_scalar(sql).fetch_one(&mut file).await.unwrap()
            }
            Database::Server(database) => {
                let mut server = PgConnection::connect(database.url()).await.unwrap();
                let number = sqlx::query_scalar(sql).fetch_one(&mut server).await.unwrap();
                server.close().await.unwrap();
                number
            }
        }
    }

    /// Returns how many rows the outbox has, and how many pieces are left of ten.
    async fn stands(&self) -> (i64, i64) {
        let sent = self.number("SELECT count(*) FROM shop_outbox").await;
        (sent, self.number("SELECT CAST(on_hand AS BIGINT) FROM shop_stock").await)
    }

    fn program(&self, carrier: &Arc<Probe>) -> Rig {
        self.world.program(|p| {
            p.flow::<Sale>().tool(carrier.clone());
        })
    }
}

/// Kills the worker while the carrier is called, and lets another one finish. Returns how things
/// stood in between.
async fn killed_at_the_carrier(shop: &Shop, class: EffectClass) -> (i64, i64) {
    let carrier = Probe::hanging_once("carrier", class, json!("on its way"));
    let rig = shop.program(&carrier);
    let run_id = rig.start("sale", json!({"order": 7, "note": null})).await;
    let worker = rig.worker();
    carrier.called(1).await;
    worker.kill().await;
    let between = shop.stands().await;
    rig.let_leases_lapse();
    assert_eq!(rig.completed(run_id).await, json!(7));
    assert_eq!(carrier.count(), 2);
    between
}

#[tokio::test]
async fn rows_that_were_not_committed_are_written_by_the_next_worker() {
    for shop in Shop::on_both().await {
        let between = killed_at_the_carrier(&shop, EffectClass::Read).await;
        assert_eq!(between, (0, 10), "nothing needed the row to be durable yet");
        assert_eq!(shop.stands().await, (1, 9));
    }
}

#[tokio::test]
async fn rows_that_were_committed_are_not_written_again() {
    for shop in Shop::on_both().await {
        let between = killed_at_the_carrier(&shop, FOREVER).await;
        assert_eq!(between, (1, 10), "what came before an action is durable");
        assert_eq!(shop.stands().await, (1, 9));
    }
}

#[tokio::test]
async fn a_row_the_database_refuses_sets_the_run_aside_until_a_person_retries() {
    for shop in Shop::on_both().await {
        let carrier = Probe::fixed("carrier", FOREVER, json!("on its way"));
        let rig = shop.program(&carrier);
        shop.does("ALTER TABLE shop_outbox RENAME TO shop_old").await;
        let run_id = rig.start("sale", json!({"order": 7, "note": "express"})).await;
        let view = rig.drive(run_id).await;
        assert_eq!(view.row.status, RunStatus::Parked);
        assert_eq!(carrier.count(), 0, "nothing is sent after a commit that failed");
        assert!(!waits(&view.row).is_empty());
        shop.does("ALTER TABLE shop_old RENAME TO shop_outbox").await;
        assert_eq!(shop.stands().await, (0, 10));
        rig.runtime.retry(run_id, "ann").await.unwrap();
        assert_eq!(rig.completed(run_id).await, json!(7));
        assert_eq!(shop.stands().await, (1, 9));
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Careless {}

#[flow(name = "careless", version = 1)]
impl Careless {
    #[start]
    async fn clear(&self, cx: &StepContext) -> Result<Vec<String>> {
        let two = cx.write(Write::new("DELETE FROM shop_outbox; COMMIT")).await;
        let list = Write::new("INSERT INTO shop_outbox (note) VALUES ($1)").bind(vec![1]);
        let said = [two, cx.write(list).await].map(|answer| match answer {
            Ok(()) => "written".to_owned(),
            Err(failure) => format!("{}: {}", failure.code, failure.message),
        });
        Ok(said.to_vec())
    }
}

#[tokio::test]
async fn a_statement_that_no_database_takes_is_the_steps_to_hear() {
    let rig = Rig::flow::<Careless>();
    let run_id = rig.start("careless", json!({})).await;
    let said = rig.completed(run_id).await;
    let want = [
        "MS-2012: `DELETE FROM shop_outbox; COMMIT` cannot be written: it is more than one statement",
        "MS-2012: `INSERT INTO shop_outbox` cannot be written: the value of $1 is not null, a \
         boolean, a number within 64 bits or a text without a zero character",
    ];
    assert_eq!(said, json!(want));
}
