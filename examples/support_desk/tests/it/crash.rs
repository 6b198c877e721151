//! The desk crashed everywhere: whatever dies and whenever, the shop sees each action once.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use mainstay_core::{budget::Limits, port::Clock, time::Timestamp};
use mainstay_engine::commands::StartRun;
use mainstay_providers::{
    prices::Prices,
    scripted::{Script, Scripted},
};
use mainstay_testing::{
    clock::SimulatedClock,
    crash::Everywhere,
    rig::{Doubt, Ground, Outside, Setup, Stage},
};
use mainstay_tools::Resources;
use serde_json::{Value, json};
use sqlx::Connection;
use support_desk::{
    INPUT_TOKENS_PER_LETTER,
    desk::SupportDesk,
    onboarding::Onboarding,
    shop::{ActionKind, SEED, Shop},
    ticket::{samples, sign_ups},
    tool::tools,
};

const SCRIPT: &str = include_str!("../../model.yaml");

/// The shop as a person sees it who looks what was done.
struct Counter(Shop);

#[async_trait]
impl Outside for Counter {
    async fn done(&self) -> Vec<String> {
        let actions = self.0.actions().await.unwrap();
        let times = |n: i64| usize::try_from(n).unwrap();
        let line = |a: &support_desk::shop::Action| format!("{:?} {}", a.action, a.subject);
        actions.iter().flat_map(|a| vec![line(a); times(a.performed)]).collect()
    }

    /// Only a van can be in doubt: the courier answers the telephone, if nothing else.
    async fn find(&self, doubt: &Doubt) -> Option<Value> {
        let order = doubt.arguments["order"].as_str()?;
        let actions = self.0.actions().await.unwrap();
        let van = |a: &&support_desk::shop::Action| {
            a.action == ActionKind::BookPickup && a.subject == order && a.performed > 0
        };
        let van = actions.iter().find(van)?;
        let number = order.trim_start_matches("HP-");
        let confirmation = format!("VAN-{number}-{}", van.performed);
        Some(json!({ "order": order, "day": doubt.arguments["day"], "confirmation": confirmation }))
    }
}

/// Simulated time with real waits: the shop is a real database, and its timeouts are real.
struct RealWaits(Arc<SimulatedClock>);

#[async_trait]
impl Clock for RealWaits {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn boot(&self) -> Duration {
        self.0.boot()
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

/// One Postgres database serves many cases; between them the harness empties what is its own.
async fn forget_the_last_shop(url: &str) {
    if url.starts_with("postgres") {
        let mut sql = sqlx::PgConnection::connect(url).await.unwrap();
        sqlx::query("DROP SCHEMA IF EXISTS shop CASCADE").execute(&mut sql).await.unwrap();
        sql.close().await.unwrap();
    }
}

async fn desk(stage: Stage, letters: &[&str], sign_up: Option<usize>) -> Setup {
    let url = stage.url().expect("a store on a database");
    forget_the_last_shop(url).await;
    let shop = Shop::open(url).await.unwrap();
    shop.create_and_fill(SEED).await.unwrap();
    let registry = tools()
        .open(Resources::new().with(shop.clone()), Arc::new(RealWaits(stage.clock())))
        .unwrap();
    let schema = registry.schema();
    let script = Script::parse("model.yaml", SCRIPT).unwrap();
    let mut setup = Setup::default()
        .with_flow::<SupportDesk>()
        .with_flow::<Onboarding>()
        .with_tools(Arc::new(registry), schema)
        .with_prices(Arc::new(Prices::bundled()))
        .with_provider(Arc::new(Scripted::new().with_script(script)))
        .with_default_model("scripted:desk".parse().unwrap())
        .with_outside(Arc::new(Counter(shop)));
    for sample in samples().unwrap().iter().filter(|s| letters.contains(&s.ticket.id.as_str())) {
        let mut start = StartRun::new("support_desk", json!({ "ticket": sample.ticket }));
        start.limits = Limits { input_tokens: Some(INPUT_TOKENS_PER_LETTER), ..Limits::none() };
        setup = setup.with_run(start);
    }
    if let Some(number) = sign_up {
        let sign_up = sign_ups().unwrap().remove(number);
        setup = setup.with_run(StartRun::new("onboarding", json!({ "sign_up": sign_up })));
    }
    setup
}

async fn crash(ground: Ground) {
    let money = Everywhere::new(|stage| desk(stage, &["T-02", "T-07"], None));
    let goods = Everywhere::new(|stage| desk(stage, &["T-17", "T-26"], Some(2)));
    let (mut points, mut cases) = (0, 0);
    for plan in [money, goods] {
        let report = plan.on(ground).run().await.assert_safe();
        points += report.points.len();
        cases += report.cases;
    }
    println!("figure crash_points={points} points");
    println!("figure crash_cases={cases} cases");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desk_survives_every_crash_on_sqlite() {
    crash(Ground::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desk_survives_every_crash_on_postgres() {
    crash(Ground::Postgres).await;
}
