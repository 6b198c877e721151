//! Runs that outlive their week: moved, known by every id they had, and the same run all along.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use mainstay::prelude::*;
use mainstay_core::{
    digest::Digest,
    id::{RunId, SessionId},
    review::{Decision, ReviewOutcome},
    run::RunStatus,
    store::{
        Store, StoreError,
        operation::{Operation, Reply},
    },
    time::Timestamp,
    week::Week,
};
use mainstay_engine::export::verify;
use serde_json::{Value, json};

use crate::{
    rig::{Program, Rig, World, kinds},
    tools::{FOREVER, Probe},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Estate {
    papers: String,
}

#[flow(name = "estate", version = 1)]
impl Estate {
    #[start(grants = ["book"])]
    #[step(compensate = undo_zoo)]
    async fn zoo(&mut self, cx: &StepContext) -> Result<Value> {
        self.papers.push_str(&"z".repeat(5_000));
        Ok(cx.tool(("book", json!({"what": "zoo"}))).await.required()?)
    }

    #[listen(zoo, grants = ["book"])]
    #[step(compensate = undo_farm)]
    async fn farm(&self, cx: &StepContext) -> Result<Value> {
        Ok(cx.tool(("book", json!({"what": "farm"}))).await.required()?)
    }

    #[listen(farm, grants = ["book"])]
    async fn ask(&self, cx: &StepContext) -> Result<String> {
        cx.tool(("book", json!({"what": "lawyer"}))).await.required()?;
        let answer = cx.review(Review::of("sell it?", &json!({"price": 7}))).await?;
        if !matches!(answer, ReviewOutcome::Decided { decision: Decision::Approve { .. }, .. }) {
            return Err(StepError::new("not for sale"));
        }
        cx.tool(("book", json!({"what": "sale"}))).await.required()?;
        Ok(format!("sold, with {} pages", self.papers.len()))
    }

    #[step(grants = ["unbook"])]
    async fn undo_zoo(&self, cx: &StepContext) -> Result<()> {
        cx.tool(("unbook", json!({"what": "zoo"}))).await.required()?;
        Ok(())
    }

    #[step(grants = ["unbook"])]
    async fn undo_farm(&self, cx: &StepContext) -> Result<()> {
        cx.tool(("unbook", json!({"what": "farm"}))).await.required()?;
        Ok(())
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Listener {}

#[flow(name = "listener", version = 1)]
impl Listener {
    #[start]
    async fn hear(&self, cx: &StepContext) -> Result<String> {
        Ok(cx.signal("word").await?)
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Guardian {}

#[flow(name = "guardian", version = 1)]
impl Guardian {
    #[start]
    async fn wait(&self, cx: &StepContext) -> Result<String> {
        match cx.run_flow::<String>(ChildRun::of("listener", &json!({}))).await {
            Ok(word) => Ok(word),
            Err(_) => Err(StepError::new("the child failed")),
        }
    }
}

struct Office {
    book: Arc<Probe>,
    unbook: Arc<Probe>,
}

impl Office {
    fn new() -> Self {
        Self {
            book: Probe::fixed("book", FOREVER, json!("booked")),
            unbook: Probe::fixed("unbook", FOREVER, json!("undone")),
        }
    }

    fn write(&self, program: &mut Program) {
        program.flow::<Estate>().flow::<Listener>().flow::<Guardian>();
        program.tool(self.book.clone()).tool(self.unbook.clone());
        program.options.upkeep = Duration::from_secs(1);
    }

    fn rig(&self, world: &World) -> Rig {
        world.program(|program| self.write(program))
    }

    /// A program that keeps ended runs for four weeks.
    fn keeper(&self, world: &World, folder: Option<PathBuf>) -> Rig {
        world.program(|program| {
            self.write(program);
            program.options.retention = Some(28 * DAY);
            program.options.export_dir = folder;
        })
    }

    fn booked(&self) -> Vec<String> {
        let what = |call: &mainstay_core::tool::ToolCall| call.arguments["what"].to_string();
        self.book.calls().iter().map(what).collect()
    }

    fn undone(&self) -> Vec<String> {
        let what = |call: &mainstay_core::tool::ToolCall| call.arguments["what"].to_string();
        self.unbook.calls().iter().map(what).collect()
    }
}

/// Somebody who moves runs.
fn session() -> SessionId {
    SessionId::new(Timestamp::from_millis(1), [7; 10])
}

fn folder(name: &str) -> PathBuf {
    let name = format!("weeks-{name}-{}", std::process::id());
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Lets time pass until the run lives in a week of `now`.
async fn moved_to_now(rig: &Rig, run_id: RunId) -> RunId {
    let row = rig.wait_for(run_id, |row| {
        // Rounds of upkeep come by the clock.
        rig.clock.advance(Duration::from_millis(100));
        Week::of(row.run_id) == Week::at(mainstay_core::port::Clock::now(&*rig.clock))
    });
    row.await.run_id
}

async fn gone(rig: &Rig, run_id: RunId) {
    let look = async {
        while !rig.runtime.export(run_id).await.unwrap().is_empty() {
            rig.clock.advance(Duration::from_millis(100));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(crate::rig::PATIENCE, look).await.expect("the week is dropped");
}

async fn waits_for_months_on(world: World, name: &str) {
    let (office, folder) = (Office::new(), folder(name));
    let rig = office.keeper(&world, Some(folder.clone()));
    let first = rig.start("estate", json!({})).await;
    let before = rig.drive(first).await.projection;
    assert_eq!(office.booked(), ["\"zoo\"", "\"farm\"", "\"lawyer\""]);
    let review = rig.open_review(first).await.request;

    let mut ids = vec![first];
    for _ in 0..2 {
        world.clock.advance(40 * DAY);
        let worker = rig.worker();
        ids.push(moved_to_now(&rig, first).await);
        gone(&rig, ids[ids.len() - 2]).await;
        worker.stop().await;
    }
    let view = rig.view(first).await;
    assert_eq!(kinds(&view), ["rehomed"], "its old journals are gone");
    assert_eq!(view.projection.key_root, before.key_root);
    assert_eq!(view.projection.born_as(), first);

    let approve = Decision::Approve { note: None };
    let decided = rig.runtime.decide(review.review_id, review.subject_digest, approve, "ann").await;
    assert_eq!(decided.unwrap(), ids[2]);
    let output = rig.completed(first).await;
    assert_eq!(output, json!("sold, with 5000 pages"), "its state came with it");
    assert_eq!(office.booked(), ["\"zoo\"", "\"farm\"", "\"lawyer\"", "\"sale\""]);
    let sale = office.book.calls().pop().unwrap();
    assert_eq!(sale.key, sale.position.key(before.key_root), "the other side knows it by its key");

    let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
    let mut texts: Vec<_> = files.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    texts.sort_by_key(String::len);
    let all = texts.concat();
    let evidence = verify(all.lines());
    assert_eq!(evidence.broken, Vec::<String>::new());
    assert_eq!(evidence.runs.keys().copied().collect::<Vec<_>>(), ids[..2]);
    assert!(all.contains(&"z".repeat(5_000)), "with the payloads that stood apart");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_run_that_waits_for_months_moves_twice_and_stays_the_same_in_memory() {
    waits_for_months_on(World::memory(), "memory").await;
}

#[tokio::test]
async fn a_run_that_waits_for_months_moves_twice_and_stays_the_same_on_sqlite() {
    waits_for_months_on(World::sqlite("months").await, "sqlite").await;
}

#[tokio::test]
async fn a_run_that_moved_is_undone_in_the_order_it_was_done() {
    let (world, office) = (World::memory(), Office::new());
    let rig = office.rig(&world);
    let run_id = rig.start("estate", json!({})).await;
    rig.drive(run_id).await;
    rig.runtime.rehome(run_id, session()).await.unwrap().expect("it rests");
    let home = rig.runtime.row(run_id).await.unwrap().run_id;
    rig.decide(home, Decision::Reject { reason: "no".into() }).await;
    assert_eq!(rig.drive(run_id).await.row.status, RunStatus::Failed);
    assert_eq!(office.undone(), ["\"farm\"", "\"zoo\""]);
}

#[tokio::test]
async fn a_fork_of_a_run_that_moved_is_undone_in_order_too() {
    let (world, office) = (World::memory(), Office::new());
    let rig = office.rig(&world);
    let run_id = rig.start("estate", json!({})).await;
    rig.drive(run_id).await;
    rig.runtime.rehome(run_id, session()).await.unwrap().expect("it rests");
    let wish = mainstay_engine::fork::ForkRun {
        run_id,
        at: None,
        limits: Default::default(),
        leave: mainstay_core::journal::Leave::Given,
    };
    let fork = rig.runtime.fork(wish).await.unwrap().run_id;
    rig.drive(fork).await;
    rig.decide(fork, Decision::Reject { reason: "no".into() }).await;
    assert_eq!(rig.drive(fork).await.row.status, RunStatus::Failed);
    assert_eq!(office.undone(), ["\"farm\"", "\"zoo\""]);
}

#[tokio::test]
async fn parent_and_child_find_each_other_wherever_they_live() {
    let (world, office) = (World::memory(), Office::new());
    let rig = office.rig(&world);
    let parent = rig.start("guardian", json!({})).await;
    let worker = rig.worker();
    rig.wait_for_status(parent, RunStatus::Parked).await;
    let child = rig.view(parent).await.projection.open_waits().iter().find_map(|(_, wait)| {
        if let mainstay_core::wait::Wait::Child { run_id } = wait { Some(*run_id) } else { None }
    });
    let child = child.expect("it waits for its child");
    rig.wait_for_status(child, RunStatus::Parked).await;
    worker.stop().await;
    for run_id in [child, parent, child] {
        let home = rig.runtime.row(run_id).await.unwrap().run_id;
        rig.runtime.rehome(home, session()).await.unwrap().expect("it rests");
    }
    assert_eq!(world.store.unexplained(()).await.unwrap(), []);
    rig.runtime.signal(child, "word", &json!("hello"), "k").await.unwrap();
    assert_eq!(rig.completed(parent).await, json!("hello"));
    assert_eq!(world.store.unexplained(()).await.unwrap(), []);
}

#[tokio::test]
async fn a_run_is_cancelled_by_the_id_it_had() {
    let (world, office) = (World::memory(), Office::new());
    let rig = office.rig(&world);
    let run_id = rig.start("estate", json!({})).await;
    rig.drive(run_id).await;
    rig.runtime.rehome(run_id, session()).await.unwrap().expect("it rests");
    rig.runtime.cancel(run_id, "ann", "no more").await.unwrap();
    assert_eq!(rig.drive(run_id).await.row.status, RunStatus::Cancelled);
}

/// Where a process dies at one of its store operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    Before,
    AnswerLost,
}

/// A store whose user dies at the nth operation, and every one after.
struct Mortal {
    inner: Arc<dyn Store>,
    at: usize,
    death: Death,
    passed: AtomicUsize,
    names: Mutex<Vec<&'static str>>,
}

#[async_trait]
impl Store for Mortal {
    async fn execute(&self, operation: Operation) -> Result<Reply, StoreError> {
        let number = self.passed.fetch_add(1, Ordering::SeqCst) + 1;
        let dead = || StoreError::Unreachable("the process died".to_owned());
        self.names.lock().unwrap().push(operation.name());
        match number.cmp(&self.at) {
            std::cmp::Ordering::Less => self.inner.execute(operation).await,
            std::cmp::Ordering::Equal if self.death == Death::AnswerLost => {
                self.inner.execute(operation).await?;
                Err(dead())
            }
            _ => Err(dead()),
        }
    }
}

/// Moves a waiting run by a process that dies at the nth operation; another moves it if it has not
/// moved, and the run goes on. Returns the operations the dying one came to, or `None` if it lived.
async fn died_at(at: usize, death: Death) -> Option<Vec<&'static str>> {
    let (world, office) = (World::memory(), Office::new());
    let rig = office.rig(&world);
    let run_id = rig.start("estate", json!({})).await;
    let key_root: Digest = rig.drive(run_id).await.projection.key_root;
    world.clock.advance(40 * DAY);
    let mortal = |inner| {
        let (passed, names) = Default::default();
        Arc::new(Mortal { inner, at, death, passed, names })
    };
    let mut wrapped = None;
    let dying = world.through(|inner| {
        let store = mortal(inner);
        wrapped = Some(store.clone());
        store
    });
    let outcome = office.rig(&dying).runtime.rehome(run_id, session()).await;
    let names = wrapped.unwrap().names.lock().unwrap().clone();
    assert_eq!(world.store.unexplained(()).await.unwrap(), [], "after {names:?}");
    if rig.runtime.row(run_id).await.unwrap().run_id == run_id {
        assert!(outcome.is_err(), "it said that it moved the run");
        rig.runtime.rehome(run_id, session()).await.unwrap().expect("it rests");
    }
    let home = rig.runtime.row(run_id).await.unwrap().run_id;
    assert_eq!(Week::of(home), Week::at(mainstay_core::port::Clock::now(&*world.clock)));
    rig.approve(home).await;
    assert_eq!(rig.completed(run_id).await, json!("sold, with 5000 pages"));
    let runs = world.store.list_runs(Default::default()).await.unwrap();
    assert_eq!(runs.len(), 1, "one run, not two");
    assert_eq!(office.booked(), ["\"zoo\"", "\"farm\"", "\"lawyer\"", "\"sale\""]);
    let sale = office.book.calls().pop().unwrap();
    assert_eq!(sale.key, sale.position.key(key_root));
    outcome.is_err().then_some(names)
}

#[tokio::test]
async fn a_move_survives_a_death_at_every_operation() {
    let mut last = Vec::new();
    for death in [Death::Before, Death::AnswerLost] {
        let mut at = 1;
        while let Some(names) = died_at(at, death).await {
            last = names;
            at += 1;
        }
    }
    assert_eq!(last.last(), Some(&"rehome"), "{last:?}");
    assert!(last.contains(&"lend_payloads"), "{last:?}");
}

#[tokio::test]
async fn an_export_shows_what_was_changed_in_it() {
    let (world, office) = (World::memory(), Office::new());
    let rig = office.rig(&world);
    let run_id = rig.start("estate", json!({})).await;
    rig.drive(run_id).await;
    rig.approve(run_id).await;
    rig.completed(run_id).await;
    let lines = rig.runtime.export(run_id).await.unwrap();
    let broken = |lines: &[String]| {
        let evidence = verify(lines.iter().map(String::as_str));
        [evidence.open, evidence.broken].concat()
    };
    assert_eq!(broken(&lines), Vec::<String>::new());
    let mut cut = lines.clone();
    cut.remove(3);
    assert!(!broken(&cut).is_empty(), "a row was taken out");
    let mut short = lines.clone();
    short.pop();
    assert!(!broken(&short).is_empty(), "the end was cut off");
    let mut swapped = lines.clone();
    swapped.swap(2, 3);
    assert!(!broken(&swapped).is_empty(), "two rows changed places");
    for at in 0..lines.len() {
        let mut forged = lines.clone();
        forged[at] = forged[at].replacen("\"epoch\":", "\"epoch\":1", 1);
        assert!(!broken(&forged).is_empty(), "row {at} was changed");
    }
    let with_bytes = lines.iter().position(|line| line.contains("zzzz")).unwrap();
    let mut forged = lines;
    forged[with_bytes] = forged[with_bytes].replace("zzzz", "zzzy");
    assert!(!broken(&forged).is_empty(), "a payload was changed");
}
