//! The desk on a stage of the harness: its flows and tools, the scripted model, and a shop beside
//! the runs.

use std::sync::Arc;

use async_trait::async_trait;
use mainstay_engine::commands::StartRun;
use mainstay_providers::{prices::Prices, scripted::Scripted};
use mainstay_testing::rig::{Doubt, Outside, Setup, Stage};
use mainstay_tools::Resources;
use serde_json::{Value, json};
use sqlx::Connection;
use support_desk::{
    desk::SupportDesk,
    onboarding::Onboarding,
    sample::{self, script},
    shop::{Action, ActionKind, SEED, Shop},
    ticket::{samples, sign_ups},
    tool::tools,
};

use crate::{
    database::{self, Database},
    side::{Aside, Shown, aside},
};

/// Puts the desk up for some runs.
pub(crate) async fn desk(stage: Stage, runs: Vec<StartRun>) -> Setup {
    let counter = Counter::on(&stage);
    let resources = Resources::new().with(counter.shop.clone());
    let (clock, shown) = (stage.clock(), Arc::<Shown>::default());
    let registry = tools().open(resources, shown.clone()).unwrap();
    let schema = registry.schema();
    let setup = Setup::default()
        .with_flow::<SupportDesk>()
        .with_flow::<Onboarding>()
        .with_tools(Arc::new(Aside { registry, clock, shown }), schema)
        .with_prices(Arc::new(Prices::bundled()))
        .with_provider(Arc::new(Scripted::new().with_script(script().unwrap())))
        .with_default_model("scripted:desk".parse().unwrap())
        .with_outside(Arc::new(counter));
    runs.into_iter().fold(setup, Setup::with_run)
}

/// Returns the run of a sample letter.
pub(crate) fn letter(id: &str) -> StartRun {
    let samples = samples().unwrap();
    let sample = samples.into_iter().find(|sample| sample.ticket.id.as_str() == id).unwrap();
    sample::letter(sample.ticket)
}

/// Returns the run of a sample sign-up.
pub(crate) fn sign_up(number: usize) -> StartRun {
    sample::sign_up(sign_ups().unwrap().remove(number))
}

/// The shop as a person sees it who looks what was done.
struct Counter {
    shop: Shop,
    /// The shop's own file, where the store has none that it could stand in.
    _own: Option<Database>,
}

impl Counter {
    fn on(stage: &Stage) -> Self {
        let Some(url) = stage.url().map(str::to_owned) else {
            return aside(async {
                let own = database::sqlite();
                Self { shop: own.shop().await, _own: Some(own) }
            });
        };
        aside(async move {
            forget_the_last_shop(&url).await;
            let shop = Shop::open(&url).await.unwrap();
            shop.create_and_fill(SEED).await.unwrap();
            Self { shop, _own: None }
        })
    }

    fn actions(&self) -> Vec<Action> {
        let shop = self.shop.clone();
        aside(async move { shop.actions().await.unwrap() })
    }
}

#[async_trait]
impl Outside for Counter {
    async fn done(&self) -> Vec<String> {
        let actions = self.actions();
        let times = |n: i64| usize::try_from(n).unwrap();
        let line = |a: &Action| format!("{:?} {}", a.action, a.subject);
        actions.iter().flat_map(|a| vec![line(a); times(a.performed)]).collect()
    }

    /// Only a van can be in doubt: the courier answers the telephone, if nothing else.
    async fn find(&self, doubt: &Doubt) -> Option<Value> {
        let order = doubt.arguments["order"].as_str()?;
        let actions = self.actions();
        let van = |a: &&Action| {
            a.action == ActionKind::BookPickup && a.subject == order && a.performed > 0
        };
        let van = actions.iter().find(van)?;
        let number = order.trim_start_matches("HP-");
        let confirmation = format!("VAN-{number}-{}", van.performed);
        Some(json!({ "order": order, "day": doubt.arguments["day"], "confirmation": confirmation }))
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
