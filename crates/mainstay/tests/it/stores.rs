//! The same commands give the same answers on either database.

use mainstay_testing::postgres::TestDatabase;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::program::Place;

/// A place, and the database that its commands are pointed to.
struct Shop<'a> {
    place: Place,
    db: &'a str,
}

impl Shop<'_> {
    fn json(&self, exit: i32, arguments: &[&str]) -> Value {
        self.place.json(exit, &[arguments, &["--db", self.db]].concat())
    }

    /// Takes a refund through a review, a budget stop and the lists.
    fn works(&self) {
        let done = self.json(0, &["run", "refund", "--input", "order=A-1", "cents=100"]);
        assert_eq!(done["spend"]["tool_calls"], 2, "{done}");
        self.asks_a_person();
        let chase = ["run", "chase", "--input", "order=A-1", "letters=9", "--budget"];
        let stopped = self.json(11, &[&chase[..], &["model_calls=5"]].concat());
        assert_eq!(stopped["error"]["code"], "MS-2104");
        let found = |query: &str| {
            self.json(0, &["runs", "ls", "-q", query])["runs"].as_array().unwrap().len()
        };
        assert_eq!(found(""), 3);
        assert_eq!(found("flow:chase status:(failed OR parked) cost:>0 since:24h"), 1);
        assert_eq!(found("cost:>0.5"), 0);
        assert_eq!(self.json(0, &["doctor"])["healthy"], true);
        let unknown = self.json(3, &["run", "gret"]);
        assert_eq!(unknown["error"]["code"], "MS-1001");
    }

    fn asks_a_person(&self) {
        let asked = self.json(10, &["run", "refund", "--input", "order=A-7", "cents=9900"]);
        let run_id = asked["run_id"].as_str().unwrap();
        let open = self.json(0, &["reviews", "ls"]);
        assert_eq!(open["reviews"][0]["review_id"], asked["review_id"]);
        assert_eq!(self.json(0, &["reviews", "show"])["open"], true);
        self.json(0, &["reviews", "approve", "@last"]);
        assert_eq!(self.json(0, &["runs", "resume", run_id])["status"], "completed");
        assert_eq!(self.json(0, &["reviews", "ls"])["reviews"], json!([]));
        let shown = self.json(0, &["runs", "show", run_id]);
        let kinds: Vec<_> =
            shown["timeline"].as_array().unwrap().iter().map(|moment| &moment["kind"]).collect();
        assert_eq!((kinds[0], kinds[kinds.len() - 1]), (&json!("created"), &json!("finished")));
    }
}

#[test]
fn the_command_line_works_on_postgres() {
    let runtime = Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::create()).unwrap();
    let shop = Shop { place: Place::new(), db: database.url() };
    shop.works();
    let left = std::fs::read_dir(shop.place.path()).unwrap().count();
    assert_eq!(left, 0, "nothing was written into the folder");
    runtime.block_on(database.close()).unwrap();
}

#[test]
fn the_command_line_works_on_sqlite() {
    Shop { place: Place::new(), db: "sqlite://shop.db" }.works();
}
