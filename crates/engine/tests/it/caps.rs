//! Caps of a period, shared by workers: never passed, whoever races and whoever dies.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use mainstay::prelude::*;
use mainstay_core::{
    allowance::{Cap, CapScope, Period, Whose},
    budget::{Limits, Spend},
    code::Code,
    effects::{Effects, Scope, ScopeKind},
    id::RunId,
    model::{
        CallContext, FinishReason, ModelFailure, ModelId, ModelReply, Price, Provider, StreamSink,
        Usage,
    },
    port::Clock,
    run::RunStatus,
    store::{
        Store,
        operation::{AccountRow, AccountsAt, Operation},
    },
    tool::EffectClass,
    wait::Wait,
};
use mainstay_engine::commands::StartRun;
use mainstay_store::{
    conformance::Draw,
    postgres::{PostgresOptions, PostgresStore},
};
use mainstay_testing::postgres::TestDatabase;
use serde_json::{Value, json};

use crate::{
    budgets::ask,
    models::Dice,
    rig::{Program, Rig, World, waits},
    tap::Tap,
    tools::Probe,
};

/// What one call of [`Spree`] may cost: 40 tokens to the model, 60 back.
const WORST: u64 = 40 * 3 + 60 * 15;

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Spree {}

#[flow(name = "spree", version = 1)]
impl Spree {
    #[start]
    async fn alone(&self, cx: &StepContext) -> Result<u32> {
        for n in 0..4 {
            ask(cx.clone(), n).await;
        }
        Ok(4)
    }

    #[start]
    async fn together(&self, cx: &StepContext) -> Result<u32> {
        cx.map(10..14, ask).await;
        Ok(4)
    }

    #[listen(and_(alone, together))]
    async fn end(&self) -> Result<String> {
        Ok("done".to_owned())
    }
}

fn per_day(usd: u64) -> Cap {
    cap(CapScope::default(), Period::Day, usd)
}

fn cap(scope: CapScope, period: Period, usd: u64) -> Cap {
    Cap::new(scope, period, Limits { usd: Some(usd), ..Limits::none() }).unwrap()
}

fn spree(world: &World, caps: &[Cap]) -> Rig {
    world.program(|p: &mut Program| {
        p.flow::<Spree>().provider(Arc::new(Dice));
        p.caps = caps.to_vec();
    })
}

async fn postgres() -> (World, TestDatabase) {
    let database = TestDatabase::create().await.unwrap();
    let memory = World::memory();
    let options = PostgresOptions::default().with_clock(memory.clock.clone());
    let store = Arc::new(PostgresStore::connect(database.url(), options).await.unwrap());
    (memory.through(|_| store), database)
}

/// Returns what the journals of these runs say was used, known or not.
async fn settled(rig: &Rig, runs: &[RunId]) -> u64 {
    let mut all = Spend::ZERO;
    for run_id in runs {
        all = all.plus(&rig.view(*run_id).await.projection.ledger.total_spent());
    }
    all.usd
}

async fn account(rig: &Rig) -> AccountRow {
    let store: &dyn Store = &*rig.runtime.store;
    let rows = store.accounts(AccountsAt { at: rig.clock.now() }).await.unwrap();
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.into_iter().next().unwrap()
}

/// How the second worker of a trial ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Stopped,
    Killed,
}

/// Two workers race to spend against one cap; the second is killed in the middle where `end` says
/// so, and a third takes over what it left. Returns by how much the cap was passed.
async fn race(world: &World, seed: u64, end: End) -> u64 {
    let mut draw = Draw::new(seed);
    let limit = WORST * (3 + draw.below(25)) + draw.below(WORST);
    let caps = [per_day(limit)];
    let (one, other) = (spree(world, &caps), spree(world, &caps));
    let mut runs = Vec::new();
    for n in 0..8 {
        let own = draw.one_in(2).then(|| WORST * (1 + draw.below(9)));
        let limits = Limits { usd: own, ..Limits::none() };
        let wish = StartRun { limits, ..StartRun::new("spree", json!({})) };
        runs.push([&one, &other][n % 2].start_with(wish).await);
    }
    let (first, second) = (one.worker(), other.worker());
    if end == End::Killed {
        let calls = draw.below(12);
        while account_spent(&one).await < calls * 100 && !all_stand(&one, &runs).await {
            tokio::task::yield_now().await;
        }
        second.kill().await;
        one.let_leases_lapse();
        let third = other.worker();
        stand(&one, &runs).await;
        third.stop().await;
    } else {
        stand(&one, &runs).await;
        second.stop().await;
    }
    first.stop().await;
    let (spent, account) = (settled(&one, &runs).await, account(&one).await);
    assert!(account.tally.granted.usd <= limit, "seed {seed}: {account:?}");
    assert!(spent <= account.tally.granted.usd, "seed {seed}: {spent} {account:?}");
    if end == End::Stopped {
        assert_eq!(spent, account.tally.spent.usd, "seed {seed}: all of it was reported");
        assert_eq!(account.tally.open(), Spend::ZERO, "seed {seed}: the rest was returned");
    }
    spent.saturating_sub(limit)
}

/// What was given out so far: there is no account before the first lease.
async fn account_spent(rig: &Rig) -> u64 {
    let store: &dyn Store = &*rig.runtime.store;
    let rows = store.accounts(AccountsAt { at: rig.clock.now() }).await.unwrap();
    rows.iter().map(|row| row.tally.granted.usd).sum()
}

async fn all_stand(rig: &Rig, runs: &[RunId]) -> bool {
    for run_id in runs {
        let row = rig.runtime.row(*run_id).await.unwrap();
        if !row.status.is_terminal() && row.status != RunStatus::Parked {
            return false;
        }
    }
    true
}

async fn stand(rig: &Rig, runs: &[RunId]) {
    for run_id in runs {
        rig.settled(*run_id).await;
    }
}

async fn trials(world: impl AsyncFn(u64) -> World, seeds: std::ops::Range<u64>) {
    let (count, mut over) = (seeds.end - seeds.start, 0);
    for seed in seeds {
        let end = if seed % 2 == 0 { End::Stopped } else { End::Killed };
        over += race(&world(seed).await, seed, end).await;
    }
    println!("figure trials={count} trials");
    println!("figure overshoot={over} micro-dollars");
    assert_eq!(over, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_workers_never_pass_a_cap_in_memory() {
    trials(async |_| World::memory(), 0..60).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_workers_never_pass_a_cap_on_sqlite() {
    trials(async |seed| World::sqlite(&format!("caps-{seed}")).await, 100..108).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_workers_never_pass_a_cap_on_postgres() {
    for seed in 200..206 {
        let (world, _database) = postgres().await;
        trials(async |_| world.clone(), seed..seed + 1).await;
    }
}

/// Runs one after the other until one is stopped by the cap.
async fn until_stopped(rig: &Rig) -> RunId {
    for _ in 0..50 {
        let run_id = rig.start("spree", json!({})).await;
        if rig.settled(run_id).await.status == RunStatus::Parked {
            return run_id;
        }
    }
    panic!("nothing stopped at the cap");
}

fn reached(row: &mainstay_core::store::row::RunRow) -> mainstay_core::allowance::CapReached {
    let set = row.wait.as_ref().unwrap();
    let cap = |wait: &Wait| match wait {
        Wait::Budget { cap, .. } => cap.clone(),
        _ => None,
    };
    *set.waits.iter().find_map(cap).expect("it waits for a cap")
}

#[tokio::test]
async fn a_run_that_a_cap_stopped_goes_on_by_itself_when_the_period_turns() {
    let world = World::memory();
    let rig = spree(&world, &[per_day(WORST * 10)]);
    let worker = rig.worker();
    let run_id = until_stopped(&rig).await;
    let row = rig.runtime.row(run_id).await.unwrap();
    assert_eq!(waits(&row), ["budget"]);
    let unexplained = (&*rig.runtime.store as &dyn Store).unexplained(()).await.unwrap();
    assert_eq!(unexplained, [], "there is a timer for it");
    let ends = reached(&row).account.ends();
    rig.clock.advance(ends.since(rig.clock.now()));
    rig.wait_for_status(run_id, RunStatus::Completed).await;
    worker.stop().await;
    let view = rig.view(run_id).await;
    assert_eq!(view.row.status, RunStatus::Completed);
}

#[tokio::test]
async fn a_cap_that_was_raised_lets_a_run_go_on() {
    let world = World::memory();
    let rig = spree(&world, &[per_day(WORST * 4)]);
    let worker = rig.worker();
    let run_id = until_stopped(&rig).await;
    worker.stop().await;
    let raised = spree(&world, &[per_day(WORST * 100)]);
    let worker = raised.worker();
    raised.runtime.retry(run_id, "ann").await.unwrap();
    raised.wait_for_status(run_id, RunStatus::Completed).await;
    worker.stop().await;
}

#[tokio::test]
async fn caps_count_those_they_speak_of() {
    let world = World::memory();
    let each = CapScope { tenant: Whose::Each, ..CapScope::default() };
    let other = CapScope { flow: Whose::One("other".to_owned()), ..CapScope::default() };
    let caps = [cap(each, Period::Month, WORST * 12), cap(other, Period::Day, 1)];
    let rig = dear(&world, Voice::Answers, &Arc::default(), &caps);
    let worker = rig.worker();
    let mut stopped = 0;
    for tenant in ["acme", "globex", "acme"] {
        let wish = StartRun { tenant: tenant.to_owned(), ..StartRun::new("spree", json!({})) };
        let run_id = rig.start_with(wish).await;
        stopped += usize::from(rig.settled(run_id).await.status == RunStatus::Parked);
    }
    worker.stop().await;
    assert_eq!(stopped, 1, "the second run of `acme` alone");
    let store: &dyn Store = &*rig.runtime.store;
    let rows = store.accounts(AccountsAt { at: rig.clock.now() }).await.unwrap();
    let names: Vec<_> = rows.iter().map(|row| row.account.to_string()).collect();
    assert_eq!(names, ["tenant=acme per month", "tenant=globex per month"]);
}

#[tokio::test]
async fn an_account_is_touched_once_a_chunk_and_not_once_a_call() {
    let leases = Arc::new(AtomicUsize::new(0));
    let world = World::memory();
    let counted = leases.clone();
    let world = world.through(|store| {
        Tap::new(store, move |operation| {
            let lease = matches!(operation, Operation::LeaseChunk(_));
            counted.fetch_add(usize::from(lease), Ordering::SeqCst);
            None
        })
    });
    let rig = spree(&world, &[per_day(WORST * 10_000)]);
    let worker = rig.worker();
    for _ in 0..10 {
        let run_id = rig.start("spree", json!({})).await;
        rig.wait_for_status(run_id, RunStatus::Completed).await;
    }
    worker.stop().await;
    assert_eq!(leases.load(Ordering::SeqCst), 1, "for eighty calls");
}

/// Whether a model answers.
#[derive(Clone, Copy)]
enum Voice {
    Answers,
    Silent,
}

/// A model whose every answer costs the worst case, if it comes.
struct Dear {
    voice: Voice,
    asked: Arc<AtomicUsize>,
}

impl Dear {
    fn new(voice: Voice, asked: &Arc<AtomicUsize>) -> Arc<Self> {
        Arc::new(Self { voice, asked: asked.clone() })
    }
}

#[async_trait]
impl Provider for Dear {
    fn name(&self) -> &str {
        "dice"
    }

    fn count_input(&self, _: &ModelId, _: &ModelRequest) -> u64 {
        Dice::INPUT
    }

    fn price(&self, model: &ModelId) -> Option<Price> {
        Dice.price(model)
    }

    async fn call(
        &self,
        model: &ModelId,
        request: &ModelRequest,
        _: &CallContext,
        _: &dyn StreamSink,
    ) -> std::result::Result<ModelReply, ModelFailure> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if matches!(self.voice, Voice::Silent) {
            std::future::pending::<()>().await;
        }
        Ok(ModelReply {
            model: model.to_string(),
            text: "x".to_owned(),
            tool_calls: Vec::new(),
            json: None,
            usage: Usage::reported(Dice::INPUT, request.max_output_tokens.into()),
            finish: FinishReason::Stop,
            cost: None,
            reasoning: None,
        })
    }
}

fn dear(world: &World, voice: Voice, asked: &Arc<AtomicUsize>, caps: &[Cap]) -> Rig {
    world.program(|p: &mut Program| {
        p.flow::<Spree>().provider(Dear::new(voice, asked));
        p.caps = caps.to_vec();
    })
}

#[tokio::test]
async fn what_a_killed_worker_had_leased_counts_as_spent() {
    let world = World::memory();
    let (limit, asked) = (WORST * 12, Arc::default());
    let silent = dear(&world, Voice::Silent, &asked, &[per_day(limit)]);
    let run_id = silent.start("spree", json!({})).await;
    let worker = silent.worker();
    while asked.load(Ordering::SeqCst) < 5 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    worker.kill().await;
    silent.let_leases_lapse();
    let row = account(&silent).await;
    assert!(row.lost().usd >= 5 * WORST, "{row:?}");
    assert_eq!(row.lost(), row.tally.granted, "nobody reported any of it");

    let rig = dear(&world, Voice::Answers, &asked, &[per_day(limit)]);
    let worker = rig.worker();
    let stopped = rig.settled(run_id).await;
    worker.stop().await;
    assert_eq!(waits(&stopped), ["budget"], "too little is left for all of its calls");
    assert_eq!(asked.load(Ordering::SeqCst), 5 + 6, "and it made those for which there was");
    let after = account(&rig).await;
    assert_eq!(after.lost(), row.lost(), "it does not come back");
    let fresh = after.tally.granted.less(&row.tally.granted);
    assert!(fresh.usd <= limit - row.lost().usd, "{after:?}");
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Manned {}

#[flow(name = "manned", version = 1)]
impl Manned {
    #[start(grants = ["look"])]
    async fn ask(&self, cx: &StepContext) -> Result<u32> {
        let _: Value = cx.tool(("look", json!({}))).await.required()?;
        let critic = Scope::new(ScopeKind::Agent, "critic");
        let critic = Effects::open(cx, critic, Value::Null).await?.effects;
        for _ in 0..3 {
            critic.tool("look", json!({})).await;
        }
        Ok(3)
    }
}

#[tokio::test]
async fn a_cap_of_an_agent_counts_the_calls_that_it_makes() {
    let critics = CapScope { agent: Whose::One("critic".to_owned()), ..CapScope::default() };
    let two = Limits { tool_calls: Some(2), ..Limits::none() };
    let look = Probe::fixed("look", EffectClass::Read, json!("seen"));
    let rig = World::memory().program(|p| {
        p.flow::<Manned>().tool(look.clone());
        p.caps = vec![Cap::new(critics, Period::Day, two).unwrap()];
    });
    let run_id = rig.start("manned", json!({})).await;
    let view = rig.drive(run_id).await;
    assert_eq!(waits(&view.row), ["budget"]);
    assert_eq!(look.count(), 3, "one that no agent made, and two of the critic's");
    assert_eq!(account(&rig).await.account.scope, "agent=critic");
}

#[tokio::test]
async fn a_model_without_a_price_does_not_run_under_a_cap_on_money() {
    let world = World::memory();
    let rig = world.program(|p| {
        p.flow::<Unpriced>().script("model: free\nrules:\n  - reply: { text: hello }\n");
        p.caps = vec![per_day(1_000_000)];
    });
    let run_id = rig.start("unpriced", json!({})).await;
    let view = rig.drive(run_id).await;
    let failure = view.projection.finished.and_then(|end| end.failure).expect("it failed");
    assert_eq!(failure.code, Code::ModelUnpriced, "{failure}");
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Unpriced {}

#[flow(name = "unpriced", version = 1)]
impl Unpriced {
    #[start]
    async fn ask(&self, cx: &StepContext) -> Result<String> {
        let model: ModelId = "scripted:free".parse()?;
        Ok(cx.model(ModelRequest::new(model).with_user("hello")).await?.text)
    }
}
