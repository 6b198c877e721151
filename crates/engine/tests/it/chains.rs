//! Chains of models over real HTTP: who is asked after whom, what is charged, what the journal says;
//! places and rates of endpoints.

mod hedges;
mod kept;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use mainstay::prelude::*;
use mainstay_core::{
    budget::{Limits, Settlement, Spend},
    code::Code,
    effect::FailedAttempt,
    journal::{EffectSettled, Entry},
    model::{
        CachePolicy, CallContext, ModelChain, ModelFailure, ModelId, Price, Provider, StreamSink,
        Traffic,
    },
    run::RunStatus,
    time::Timestamp,
    tool::RateLimit,
};
use mainstay_engine::{
    commands::{RunView, StartRun},
    runtime::Options,
    system::SystemClock,
};
use mainstay_providers::vendor::{Endpoint, Vendor};
use mainstay_testing::model_server::{ModelServer, Turn};
use serde_json::{Value, json};

use crate::{
    budgets::check_never_over,
    rig::{Program, Rig, World},
};

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Letter {
    kept: bool,
    about: String,
}

#[flow(name = "letter", version = 1)]
impl Letter {
    #[start]
    async fn write(&self, cx: &StepContext) -> Result<String> {
        let request = ModelRequest::new(Tier::Fast).with_user(format!("about {}", self.about));
        let request = match self.kept {
            true => request.with_cache(CachePolicy::new(Duration::from_secs(60))),
            false => request,
        };
        Ok(cx.model(request.with_max_output_tokens(20)).await?.text)
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Letters {
    count: u32,
}

#[flow(name = "letters", version = 1)]
impl Letters {
    #[start]
    async fn write(&self, cx: &StepContext) -> Result<u32> {
        let write = async |cx: StepContext, n: u32| {
            let request = ModelRequest::new(Tier::Fast).with_user(format!("letter {n}"));
            cx.model(request.with_max_output_tokens(20)).await.map(|reply| reply.text)
        };
        let texts = cx.map(0..self.count, write).await;
        Ok(u32::try_from(texts.iter().filter(|text| text.is_ok()).count()).unwrap_or(0))
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Postcard {}

/// Asks the vendor that a letter is sent to a second time.
#[flow(name = "postcard", version = 1)]
impl Postcard {
    #[start]
    async fn write(&self, cx: &StepContext) -> Result<String> {
        let request = ModelRequest::new(Tier::Workhorse).with_user("greetings");
        Ok(cx.model(request.with_max_output_tokens(20)).await?.text)
    }
}

/// Vendors on this machine, named a, b, c…, whose every model costs this much.
struct Town {
    rig: Rig,
    servers: Vec<ModelServer>,
    calls: Calls,
}

const PRICE: Price = Price {
    input_per_million: 1_000_000,
    cached_input_per_million: None,
    output_per_million: 2_000_000,
};

/// A vendor under another name, for a program has each name once. Its own patience is real time: the
/// wire is real. It notes at what time of the world it was called.
struct Named {
    name: String,
    vendor: Vendor,
    calls: Calls,
}

type Calls = Arc<Mutex<Vec<Timestamp>>>;

#[async_trait]
impl Provider for Named {
    fn name(&self) -> &str {
        &self.name
    }

    fn count_input(&self, model: &ModelId, request: &ModelRequest) -> u64 {
        self.vendor.count_input(model, request)
    }

    fn price(&self, model: &ModelId) -> Option<Price> {
        self.vendor.price(model)
    }

    async fn call(
        &self,
        model: &ModelId,
        request: &ModelRequest,
        context: &CallContext,
        sink: &dyn StreamSink,
    ) -> Result<ModelReply, ModelFailure> {
        self.calls.lock().unwrap().push(context.clock.now());
        let context = CallContext { clock: Arc::new(SystemClock), ..context.clone() };
        self.vendor.call(model, request, &context, sink).await
    }
}

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

impl Town {
    /// Puts up a vendor for each list of turns; a tier asks them in this order.
    fn of(turns: &[&[Turn]]) -> Self {
        Self::with(turns, |_| {}, |chain| chain)
    }

    fn with(
        turns: &[&[Turn]],
        more: impl FnOnce(&mut Program),
        chain: impl FnOnce(ModelChain) -> ModelChain,
    ) -> Self {
        let servers: Vec<_> =
            turns.iter().map(|turns| ModelServer::start(turns.to_vec()).unwrap()).collect();
        let mut models = NAMES.iter().take(servers.len()).map(|name| model(name));
        let whole =
            models.clone().skip(1).fold(ModelChain::new(models.next().unwrap()), ModelChain::then);
        let calls = Calls::default();
        let rig = World::memory().program(|p| {
            p.flow::<Letter>().flow::<Letters>().flow::<Postcard>();
            for (server, name) in servers.iter().zip(NAMES) {
                let endpoint = Endpoint::new(&server.url()).unwrap();
                let vendor = Vendor::openai(endpoint).unwrap().with_price(PRICE);
                p.provider(Arc::new(Named { name: name.to_owned(), vendor, calls: calls.clone() }));
            }
            p.tier(Tier::Fast, chain(whole));
            more(p);
        });
        Self { rig, servers, calls }
    }

    async fn write(&self, limits: Limits) -> RunView {
        let input = json!({ "kept": false, "about": "tea" });
        let start = StartRun { limits, ..StartRun::new("letter", input) };
        let run_id = self.rig.start_with(start).await;
        self.rig.drive(run_id).await
    }

    fn counts(&self) -> Vec<usize> {
        self.servers.iter().map(ModelServer::count).collect()
    }
}

fn model(name: &str) -> ModelId {
    format!("{name}:m").parse().unwrap()
}

fn settled(view: &RunView) -> EffectSettled {
    let found = view.rows.iter().find_map(|(_, entry)| match entry {
        Entry::EffectSettled(settled) => Some((**settled).clone()),
        _ => None,
    });
    found.expect("the call has an outcome")
}

/// Returns the journaled attempts that did not lead to the outcome, as `1 a MS-4001`.
fn attempts(view: &RunView) -> Vec<String> {
    let of = |tried: &FailedAttempt| {
        let model = tried.model.as_ref().map(ModelId::provider).unwrap_or_default();
        format!("{} {model} {}", tried.attempt, tried.failure.code)
    };
    let entries = view.rows.iter().flat_map(|(_, entry)| match entry {
        Entry::EffectAttempted { attempts, .. } => attempts.clone(),
        Entry::EffectSettled(settled) => settled.failed.clone(),
        _ => Vec::new(),
    });
    entries.map(|tried| of(&tried)).collect()
}

fn answered_by(view: &RunView) -> String {
    settled(view).about["model"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn every_typed_failure_hands_the_call_to_the_next_vendor() {
    let failures = [
        (Turn::refuses(503), "MS-4001"),
        (Turn::refuses(529), "MS-4001"),
        (Turn::Refuses { status: 429, retry_after: Some(3_600) }, "MS-4001"),
        (Turn::Breaks, "MS-4004"),
        (Turn::refuses(401), "MS-4002"),
        (Turn::refuses(403), "MS-4002"),
        (Turn::refuses(404), "MS-4002"),
    ];
    for (failure, code) in failures {
        let town = Town::of(&[std::slice::from_ref(&failure), &[Turn::says("dear tea")]]);
        let view = town.write(Limits::none()).await;
        assert_eq!(view.row.status, RunStatus::Completed, "{failure:?}");
        assert_eq!(town.counts(), [1, 1], "{failure:?}");
        assert_eq!(attempts(&view), [format!("1 a {code}")], "{failure:?}");
        assert_eq!(answered_by(&view), "b:m");
        let about = settled(&view).about;
        assert_eq!(about["failed"], json!([{ "attempt": 1, "model": "a:m", "code": code }]));
    }
}

#[tokio::test]
async fn a_refusal_of_the_request_itself_is_shown_to_no_other_vendor() {
    for status in [400, 413, 422] {
        let town = Town::of(&[&[Turn::refuses(status)], &[Turn::says("dear tea")]]);
        let view = town.write(Limits::none()).await;
        assert_eq!((view.row.status, town.counts()), (RunStatus::Failed, vec![1, 0]), "{status}");
    }
}

#[tokio::test]
async fn a_chain_gets_three_attempts_or_one_for_each_model() {
    for (vendors, counts) in [(1, vec![3]), (2, vec![2, 1]), (4, vec![1, 1, 1, 1])] {
        let down: &[Turn] = &[Turn::refuses(503)];
        let town = Town::of(&vec![down; vendors]);
        let view = town.write(Limits::none()).await;
        assert_eq!((view.row.status, town.counts()), (RunStatus::Failed, counts));
    }
}

#[tokio::test]
async fn a_vendor_that_nobody_reaches_is_passed_over() {
    let town = Town::of(&[&[Turn::says("never")], &[Turn::says("dear tea")]]);
    let mut town = town;
    drop(town.servers.remove(0));
    let view = town.write(Limits::none()).await;
    assert_eq!(answered_by(&view), "b:m");
}

#[tokio::test]
async fn each_attempt_is_reserved_at_its_own_price_and_a_lost_one_is_charged_as_unknown() {
    let town = Town::of(&[&[Turn::Breaks], &[Turn::says("dear tea")]]);
    let view = town.write(Limits { usd: Some(500), ..Limits::none() }).await;
    check_never_over(&town.rig, &view);
    let ledger = &view.projection.ledger;
    assert_eq!(ledger.spent().usd, 10 + 2 * 5, "what the second vendor reported");
    assert!(ledger.spent_unknown().usd >= 2 * 20, "the worst case of the first");
    assert_eq!(ledger.total_spent().model_calls, 2);
    assert_eq!(town.counts(), [1, 1]);
}

#[tokio::test]
async fn a_chain_with_one_unpriced_model_is_refused_before_anybody_is_asked() {
    let town = Town::with(
        &[&[Turn::says("dear tea")]],
        |p| {
            let unpriced = Endpoint::new("http://127.0.0.1:9/v1").unwrap();
            p.provider(Arc::new(Vendor::openai(unpriced).unwrap()));
        },
        |chain| chain.then("openai:of-our-own".parse().unwrap()),
    );
    let view = town.write(Limits { usd: Some(1_000_000), ..Limits::none() }).await;
    let failure = view.projection.finished.as_ref().unwrap().failure.clone().unwrap();
    assert_eq!(failure.code, Code::ModelUnpriced);
    assert_eq!(town.counts(), [0]);
    let spent = view.projection.ledger.total_spent();
    assert_eq!((spent.usd, spent.model_calls), (0, 0));
    assert_eq!(town.write(Limits::none()).await.row.status, RunStatus::Completed);
}

#[tokio::test]
async fn after_a_crash_the_number_of_the_attempt_alone_says_who_is_next() {
    let town =
        Town::of(&[&[Turn::refuses(503)], &[Turn::Hangs, Turn::says("b")], &[Turn::says("c")]]);
    let run_id = town.rig.start("letter", json!({ "kept": false, "about": "tea" })).await;
    let first = town.rig.worker();
    town.rig.wait_for_entry(run_id, |entry| matches!(entry, Entry::EffectAttempted { .. })).await;
    while town.servers[1].count() == 0 {
        tokio::task::yield_now().await;
    }
    first.kill().await;
    town.rig.let_leases_lapse();
    town.servers[1].release();
    let view = town.rig.drive(run_id).await;
    assert_eq!(view.row.status, RunStatus::Completed);
    assert_eq!(town.counts(), [1, 2, 0], "the second attempt again asks the second model");
    assert_eq!(settled(&view).attempt, 2);
}

#[tokio::test]
async fn an_open_breaker_of_one_vendor_sends_calls_to_the_next_at_once() {
    let town = Town::of(&[&[Turn::refuses(503)], &[Turn::says("b")]]);
    for _ in 0..25 {
        assert_eq!(answered_by(&town.write(Limits::none()).await), "b:m");
    }
    assert_eq!(town.counts(), [20, 25], "twenty failures open the first vendor's breaker");
    let (states, view) = (town.rig.runtime.gates.states(), town.write(Limits::none()).await);
    assert!(states.iter().any(|(name, _)| name == "endpoint:a"), "{states:?}");
    assert_eq!(view.projection.ledger.total_spent().model_calls, 1, "what is not sent is no call");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_has_so_many_places_and_who_waits_holds_no_commit() {
    let town = Town::with(
        &[&[Turn::Hangs, Turn::says("x"), Turn::says("x")]],
        |p| drop(p.traffic("a", Traffic { concurrency: Some(1), ..Traffic::default() })),
        |chain| chain,
    );
    let run_id = town.rig.start("letters", json!({ "count": 3 })).await;
    let worker = town.rig.worker();
    while town.servers[0].count() == 0 {
        tokio::task::yield_now().await;
    }
    // Another run comes and goes meanwhile: nobody's commit waits for a place.
    let other = town.rig.start("letters", json!({ "count": 0 })).await;
    assert_eq!(town.rig.settled(other).await.status, RunStatus::Completed);
    assert_eq!(town.servers[0].count(), 1, "one place");
    town.servers[0].release();
    assert_eq!(town.rig.settled(run_id).await.status, RunStatus::Completed);
    worker.stop().await;
    assert_eq!(town.servers[0].count(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_is_asked_so_often_in_a_span_and_no_oftener() {
    let rate = RateLimit::new(2, Duration::from_secs(60));
    let town = Town::with(
        &[&[Turn::says("x")]],
        |p| drop(p.traffic("a", Traffic { rate: Some(rate), ..Traffic::default() })),
        |chain| chain,
    );
    let run_id = town.rig.start("letters", json!({ "count": 4 })).await;
    let worker = town.rig.worker();
    while town.servers[0].count() < 2 {
        tokio::task::yield_now().await;
    }
    while town.servers[0].count() < 4 {
        town.rig.clock.advance(Duration::from_secs(1));
        town.rig.beats_are_in().await;
    }
    assert_eq!(town.rig.settled(run_id).await.status, RunStatus::Completed);
    worker.stop().await;
    let calls = town.calls.lock().unwrap().clone();
    let after: Vec<_> = calls.iter().map(|at| at.since(calls[0]).as_secs() / 30).collect();
    assert!(after[2] >= 1 && after[3] >= 2, "one more each half minute: {calls:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_that_does_not_come_in_time_fails_the_attempt_and_costs_nothing() {
    let options = Options { call_timeout: Duration::from_secs(1), ..Options::default() };
    let full =
        Traffic { rate: Some(RateLimit::new(1, Duration::from_secs(3_600))), ..Traffic::default() };
    let town = Town::with(
        &[&[Turn::says("a")], &[Turn::says("b")]],
        |p| {
            p.options = options;
            p.traffic("a", full);
        },
        |chain| chain,
    );
    assert_eq!(answered_by(&town.write(Limits::none()).await), "a:m");
    let view = town.write(Limits::none()).await;
    assert_eq!((answered_by(&view), town.counts()), ("b:m".to_owned(), vec![1, 1]));
    assert_eq!(view.projection.ledger.total_spent().model_calls, 1);
    assert_eq!(view.projection.ledger.spent_unknown(), Spend::ZERO);
}
