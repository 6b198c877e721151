//! What was spent, by whom, and a cap that worker processes share: raced for, and killed with.

use std::process::{Child, Stdio};

use mainstay_testing::postgres::TestDatabase;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::program::{Ended, Place, example, until};

/// What all runs of the example may spend in a month, in micro-dollars.
const CAP: u64 = 2_000;

/// A place, the program with a cap, and the database that its commands are pointed to.
struct Kitchen<'a> {
    place: Place,
    db: &'a str,
}

impl Kitchen<'_> {
    fn on_sqlite() -> Self {
        Self { place: Place::new(), db: "sqlite://kitchen.db" }
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self.place.command_of(&example("capped"), arguments);
        command.args(["--db", self.db]);
        command
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let ended = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(ended.exit, 0, "{arguments:?}: {ended:?}");
        serde_json::from_str(&ended.out).unwrap()
    }

    fn worker(&self) -> Child {
        let mut worker = self.command(&["worker"]);
        worker.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Returns the line of the cap on money.
    fn cap(&self) -> Value {
        let usage = self.json(&["usage"]);
        let caps = usage["caps"].as_array().unwrap();
        caps.iter().find(|cap| cap["dimension"] == "usd").unwrap().clone()
    }

    fn is_at_rest(&self) -> bool {
        let query = "status:(queued OR running)";
        self.json(&["runs", "ls", "-q", query])["runs"].as_array().unwrap().is_empty()
    }

    /// Returns what the journals say was spent, in micro-dollars.
    fn spent(&self, by: &str) -> u64 {
        let usage = self.json(&["usage", "--by", by]);
        let dollars = usage["spend"].as_array().unwrap().iter().map(|line| &line["usd"]);
        let micros = dollars.map(|usd| format!("{:.0}", usd.as_f64().unwrap() * 1e6));
        micros.map(|micros| micros.parse::<u64>().unwrap()).sum()
    }
}

fn amount(cap: &Value, field: &str) -> u64 {
    cap[field].as_u64().unwrap()
}

/// Two worker processes race against the cap, and one of them is killed in the middle.
fn race(kitchen: &Kitchen<'_>) -> u64 {
    let start = ["run", "tasting", "--detach", "--input", "dishes=6", "--budget", "usd=0.01"];
    for _ in 0..12 {
        let started = kitchen.run(&start);
        assert_eq!(started.exit, 0, "{started:?}");
    }
    let (mut one, mut other) = (kitchen.worker(), kitchen.worker());
    until(|| amount(&kitchen.cap(), "left") < CAP / 2);
    one.kill().unwrap();
    one.wait().unwrap();
    until(|| kitchen.is_at_rest());
    let cap = kitchen.cap();
    other.kill().unwrap();
    other.wait().unwrap();
    let stopped = kitchen.json(&["runs", "ls", "-q", "waiting_for:budget"]);
    assert!(!stopped["runs"].as_array().unwrap().is_empty(), "the cap stopped some: {cap}");
    let counted = ["spent", "lost", "leased", "left"].map(|field| amount(&cap, field));
    assert_eq!(counted.iter().sum::<u64>(), CAP, "{cap}");
    assert_eq!(kitchen.spent("flow"), kitchen.spent("model"), "added up either way");
    let spent = kitchen.spent("tenant");
    // How much of it the killed one takes along is chance.
    assert!(spent > 0, "something was spent: {cap}");
    spent.saturating_sub(CAP)
}

#[expect(clippy::print_stdout, reason = "the figure of a claim")]
fn tell(over: u64) {
    println!("figure overshoot={over} micro-dollars");
    assert_eq!(over, 0);
}

#[test]
fn racing_processes_and_a_kill_never_pass_a_cap_on_sqlite() {
    tell(race(&Kitchen::on_sqlite()));
}

#[test]
fn racing_processes_and_a_kill_never_pass_a_cap_on_postgres() {
    let runtime = Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::create()).unwrap();
    let kitchen = Kitchen { place: Place::new(), db: database.url() };
    assert_eq!(kitchen.run(&["migrate"]).exit, 0);
    let over = race(&kitchen);
    runtime.block_on(database.close()).unwrap();
    tell(over);
}

#[test]
fn usage_says_who_spent_and_how_far_a_cap_is_used_up() {
    let kitchen = Kitchen::on_sqlite();
    let before = kitchen.json(&["usage"]);
    assert_eq!(before["spend"], json!([]));
    assert_eq!(before["caps"][0]["account"], "all per month");
    assert_eq!((&before["caps"][0]["spent"], &before["caps"][0]["left"]), (&json!(0), &json!(CAP)));
    assert_eq!(kitchen.run(&["run", "tasting", "--input", "dishes=4"]).exit, 0);
    for (by, name) in
        [("flow", "tasting"), ("tenant", "default"), ("model", "scripted:palate"), ("agent", "-")]
    {
        let usage = kitchen.json(&["usage", "--by", by]);
        let spend = &usage["spend"][0];
        assert_eq!((&spend["name"], &spend["model_calls"]), (&json!(name), &json!(4)), "{usage}");
        assert_eq!(spend["output_tokens"], 120);
    }
    let caps = kitchen.json(&["usage"])["caps"].clone();
    let accounts: Vec<_> = caps.as_array().unwrap().iter().map(|cap| &cap["account"]).collect();
    assert_eq!(accounts, ["all per month", "tenant=default per day"]);
    assert_eq!(caps[0]["spent"].as_u64(), Some(kitchen.spent("flow")), "{caps}");
    assert_eq!(caps[0]["leased"], 0, "the rest was given back: {caps}");
    assert_eq!(caps[1]["spent"], 4);
}

#[test]
fn a_run_that_a_cap_stops_says_which_and_what_to_do() {
    let kitchen = Kitchen::on_sqlite();
    let ended = kitchen.run(&["run", "tasting", "--input", "dishes=60"]);
    ended.refused(11, "MS-2130", "the cap all per month");
    assert!(ended.err.contains("mainstay usage"), "{ended:?}");
    let again = kitchen.run(&["runs", "resume"]);
    again.refused(11, "MS-2130", "goes on by itself");
}

#[test]
fn a_span_that_is_none_is_refused() {
    let ended = Kitchen::on_sqlite().run(&["usage", "--since", "soon"]);
    assert_eq!(ended.exit, 2, "{ended:?}");
}
