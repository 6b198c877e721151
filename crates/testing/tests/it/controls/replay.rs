//! Without the journal's order on replay: outcomes come in another one.

use std::sync::Arc;

use futures::future::BoxFuture;
use mainstay::prelude::*;
use mainstay_core::{
    journal::{Entry, JournalRow},
    tool::{EffectClass, Tool},
};
use mainstay_engine::commands::StartRun;
use mainstay_testing::{
    crash::{Everywhere, Variant},
    rig::{Setup, Stage},
    world::{World, WorldTool},
};
use mainstay_tools::{Registry, Resources};
use serde_json::{Value, json};

use super::{
    retold::{Retold, truth},
    without_checkpoints,
};
use crate::{
    planted::says,
    sale::{FOREVER, spec},
};

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Auction {}

type Bid = Box<dyn FnOnce(StepContext) -> BoxFuture<'static, usize> + Send>;

/// Buys of whoever answers first, and then once more.
#[flow(name = "auction", version = 1)]
impl Auction {
    #[start(grants = ["find", "charge"])]
    async fn buy(&self, cx: &StepContext) -> Result<String> {
        let bid = |who: usize| -> Bid {
            Box::new(move |cx: StepContext| {
                Box::pin(async move {
                    let _: Result<Value, Failure> =
                        cx.tool(("find", json!({ "who": who }))).await.required();
                    who
                })
            })
        };
        let (_, winner) = cx.race(vec![bid(1), bid(2)]).await;
        for part in ["half", "rest"] {
            cx.tool(("charge", json!({ "of": winner, "what": part }))).await.required()?;
        }
        Ok(format!("bought of {winner}"))
    }
}

async fn auction(stage: Stage) -> Setup {
    let world = World::default();
    let mut registry = Registry::new(Resources::default(), stage.clock());
    for tool in [
        WorldTool::of(&world, spec("find", EffectClass::Read)),
        WorldTool::of(&world, spec("charge", FOREVER)),
    ] {
        registry.add(Arc::new(tool) as Arc<dyn Tool>).unwrap();
    }
    let schema = registry.schema();
    let setup = Setup::default()
        .with_tools(Arc::new(registry), schema)
        .with_flow::<Auction>()
        .with_run(StartRun::new("auction", json!({})))
        .with_outside(Arc::new(world));
    without_checkpoints(setup)
}

/// Who answers first, an answer that was lost may decide: that is no fault.
fn crashed() -> Everywhere {
    Everywhere::new(auction).without(Variant::AnswerLost)
}

/// The outcomes of the two bids change places.
fn other_way_round(journal: &mut [JournalRow]) {
    let is_bid = |row: &JournalRow| matches!(row.entry().unwrap(), Entry::EffectSettled(effect) if effect.head.name == "find");
    let bids: Vec<_> = (0..journal.len()).filter(|n| is_bid(&journal[*n])).collect();
    let [first, second] = bids[..] else { return };
    let (early, late) = journal.split_at_mut(second);
    std::mem::swap(&mut early[first].body, &mut late[0].body);
    std::mem::swap(&mut early[first].payloads, &mut late[0].payloads);
}

#[tokio::test]
async fn a_race_goes_the_same_way_after_every_crash() {
    let report = crashed().with_store(Retold::by(truth)).run().await;
    eprintln!("{report}");
    report.assert_safe();
}

#[tokio::test]
async fn without_the_order_of_the_journal_a_replay_goes_another_way() {
    let report = crashed().with_store(Retold::by(other_way_round)).run().await;
    assert!(says(&report, "Divergence"), "{report}");
}
