//! The rehearsal of an upgrade: a newer schema, a newer flow, old and new programs side by side, and
//! back again, with runs under way all the time.

use std::{
    collections::BTreeMap,
    fs,
    process::{Child, Command, Stdio},
};

use mainstay_core::{
    inbox::InboxBody,
    label::Label,
    payload::Payload,
    store::{Store, StoreError, operation::Delivery},
};
use mainstay_store::postgres::{PostgresOptions, PostgresStore};
use mainstay_testing::postgres::TestDatabase;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::runtime::Runtime;

use crate::program::{Place, example};

/// So many looks are minutes: what has not come by then is taken for hung.
const LOOKS: u32 = 20_000;

/// A shop whose programs come and go, on one server.
struct Shop {
    place: Place,
    runtime: Runtime,
    database: TestDatabase,
    /// Looks on.
    store: PostgresStore,
}

/// A worker process; it is gone when this is.
struct Hand(Child);

impl Drop for Hand {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Hand {
    /// Asks it to go in good order, and waits until it has.
    fn leave(mut self) {
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Shop {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let (database, store) = runtime.block_on(async {
            let database = TestDatabase::create().await.unwrap();
            let store = PostgresStore::connect(database.url(), PostgresOptions::default()).await;
            (database, store.unwrap())
        });
        Self { place: Place::new(), runtime, database, store }
    }

    fn command(&self, state: &str, arguments: &[&str]) -> Command {
        let mut command = self.place.command_of(&example("upgrade"), arguments);
        command.env("STATE", state).env("LEDGER", self.place.path().join("ledger"));
        command.env("DATABASE_URL", self.database.url());
        command
    }

    fn json(&self, state: &str, arguments: &[&str]) -> (i32, Value) {
        let output = self.command(state, &[arguments, &["--json"]].concat()).output().unwrap();
        let exit = output.status.code().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        let document = serde_json::from_str(&text);
        (exit, document.map_err(|_| format!("{arguments:?}: {text}{error}")).unwrap())
    }

    fn hand(&self, state: &str) -> Hand {
        let mut command = self.command(state, &["worker"]);
        Hand(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// Takes many orders at once with a program of that state, and waits until so many of its
    /// version were taken in all.
    fn take_orders(&self, state: &str, (name, count): (&str, u32), taken: i64) {
        let (name, size) = (format!("name={name}"), format!("count={count}"));
        let (exit, started) =
            self.json(state, &["run", "batch", "--detach", "--input", &name, &size]);
        assert_eq!(exit, 0, "{started}");
        let version = if state == "new" { 2 } else { 1 };
        self.until(taken, &orders(version, "IS NOT NULL"));
    }

    fn sql(&self, sql: &str) -> Vec<i64> {
        self.runtime.block_on(async {
            let mut db = PgConnection::connect(self.database.url()).await.unwrap();
            let rows = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut db).await.unwrap();
            db.close().await.unwrap();
            rows
        })
    }

    /// Looks until the answer is so; each look makes a connection, which is pause enough. At every
    /// look each unfinished run has a row that says why it is not running.
    fn until(&self, wanted: i64, sql: &str) {
        let so = (0..LOOKS).any(|_| {
            self.check_reasons();
            self.sql(sql) == [wanted]
        });
        assert!(so, "{sql} is {:?}, not {wanted}", self.sql(sql));
    }

    fn check_reasons(&self) {
        let port: &dyn Store = &self.store;
        match self.runtime.block_on(port.unexplained(())) {
            // Nobody has migrated yet.
            Err(StoreError::Schema { found: 0, .. }) => {}
            unexplained => assert_eq!(unexplained, Ok(Vec::new())),
        }
    }

    /// What the next release's migration might do: it only adds, and says who may go on.
    fn migrate_further(&self) -> i64 {
        let found = self.sql("SELECT max(version) FROM mainstay.schema_version")[0];
        for statement in [
            "ALTER TABLE mainstay.runs ADD COLUMN planted text",
            "CREATE TABLE mainstay.planted (run_id uuid PRIMARY KEY)",
            &format!(
                "INSERT INTO mainstay.schema_version (version, oldest) VALUES ({}, {found})",
                found + 1
            ),
        ] {
            self.sql(statement);
        }
        found + 1
    }

    /// How often each line stands in the ledger.
    fn ledger(&self) -> BTreeMap<String, u32> {
        let mut lines = BTreeMap::new();
        let text = fs::read_to_string(self.place.path().join("ledger")).unwrap_or_default();
        text.lines().for_each(|line| *lines.entry(line.to_owned()).or_default() += 1);
        lines
    }

    fn close(self) {
        self.runtime.block_on(self.store.close());
        self.runtime.block_on(self.database.close()).unwrap();
    }
}

const COMPLETED: &str = "SELECT count(*) FROM mainstay.runs WHERE status = 'completed'";

const UNFINISHED: &str =
    "SELECT count(*) FROM mainstay.runs WHERE status IN ('queued', 'running', 'parked')";

fn orders(version: u32, status: &str) -> String {
    format!(
        "SELECT count(*) FROM mainstay.runs JOIN mainstay.lanes USING (lane)
         WHERE flow = 'order' AND version = {version} AND status {status}"
    )
}

#[test]
fn two_hundred_runs_survive_an_upgrade_and_its_way_back() {
    let shop = Shop::new();
    assert_eq!(shop.json("old", &["migrate"]).0, 0);
    let mut hands = vec![shop.hand("old"), shop.hand("old")];
    shop.take_orders("old", ("a", 100), 100);

    // The schema goes first, then the new program beside the old.
    let version = shop.migrate_further();
    let new = [shop.hand("new"), shop.hand("new")];
    shop.take_orders("new", ("b", 60), 60);
    // An old program that starts now finds a schema it did not make.
    hands.push(shop.hand("old"));
    shop.take_orders("old", ("c", 40), 140);
    println!("under way, both versions: {:?}", shop.sql(UNFINISHED));

    // And back, in the middle: what the new program began waits for it, the rest goes on.
    assert_ne!(shop.sql(&orders(2, "IN ('queued', 'running', 'parked')")), [0], "in the middle");
    new.into_iter().for_each(Hand::leave);
    shop.until(140, &orders(1, "= 'completed'"));
    let new = [shop.hand("new"), shop.hand("new")];
    shop.until(203, COMPLETED);
    assert_eq!(shop.sql("SELECT max(version) FROM mainstay.schema_version"), [version]);

    let (steps, lines) = (140 * 3 + 60 * 4, shop.ledger());
    let repeated: Vec<_> = lines.iter().filter(|(_, times)| **times != 1).collect();
    assert_eq!((steps - lines.len(), repeated), (0, Vec::new()), "lost, repeated");
    for state in ["old", "new"] {
        let (exit, report) = shop.json(state, &["doctor"]);
        assert_eq!((exit, &report["healthy"]), (0, &Value::Bool(true)), "{report}");
    }
    hands.into_iter().chain(new).for_each(Hand::leave);
    shop.close();
}

#[test]
fn a_change_that_runs_do_not_survive_is_found_before_and_parks_visibly_after() {
    let shop = Shop::new();
    let old = shop.hand("old");
    shop.until(1, "SELECT count(*) FROM pg_tables WHERE tablename = 'workers'");
    let (_, started) = shop.json("old", &["run", "pickup", "--detach", "--input", "order=p1"]);
    let run_id = started["run_id"].as_str().unwrap().to_owned();
    shop.until(1, "SELECT count(*) FROM mainstay.runs WHERE status = 'parked'");

    let (exit, fine) = shop.json("new", &["flows", "check"]);
    assert_eq!((exit, fine["stuck"].as_array().unwrap().len()), (0, 0), "{fine}");
    let (exit, found) = shop.json("broken", &["flows", "check"]);
    assert_eq!(exit, 5, "{found}");
    assert_eq!(found["stuck"][0]["run_id"].as_str(), Some(&*run_id), "{found}");

    // It is deployed all the same.
    old.leave();
    let broken = shop.hand("broken");
    signal(&shop, &run_id);
    let parked = "SELECT count(*) FROM mainstay.runs
                  WHERE status = 'parked' AND wait LIKE '%worker_version%'";
    shop.until(1, parked);
    assert_eq!(shop.ledger(), BTreeMap::new(), "nothing was guessed");
    let (exit, shown) = shop.json("broken", &["runs", "show", &run_id]);
    assert_eq!((exit, &shown["status"]), (0, &Value::from("parked")), "{shown}");

    // And taken back: the program it waits for tells it by itself.
    broken.leave();
    let old = shop.hand("old");
    shop.until(1, COMPLETED);
    assert_eq!(shop.ledger(), BTreeMap::from([("p1 fetched".to_owned(), 1)]));
    old.leave();
    shop.close();
}

/// Somebody comes to fetch it.
fn signal(shop: &Shop, run_id: &str) {
    shop.runtime.block_on(async {
        let payload = Payload::of(&Value::Null).unwrap();
        let body = InboxBody::Signalled {
            name: "fetched".to_owned(),
            payload: payload.reference(Label::default()),
        };
        let (run_id, key) = (run_id.parse().unwrap(), "fetched".to_owned());
        let told = Delivery { run_id, key, body, payloads: vec![payload] };
        let port: &dyn Store = &shop.store;
        port.deliver(told).await.unwrap();
    });
}
