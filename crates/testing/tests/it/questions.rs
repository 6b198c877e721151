//! Calls whose other side asks first: one that begins anew with the answer, one that goes on.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use mainstay::prelude::*;
use mainstay_core::{
    review::{Decision, ReviewReason},
    tool::{
        EffectClass, InputWanted, Reconciled, Tool, ToolCall, ToolSpec,
        input::{InputQuestion, Questions},
    },
};
use mainstay_engine::commands::StartRun;
use mainstay_testing::{
    crash::Everywhere,
    rig::{Ground, Person, Setup, Stage},
    world::{World, WorldTool},
};
use serde_json::{Value, json};

use crate::{controls::with_tool, sale::spec};

/// Whether the other side has begun when it asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asks {
    First,
    UnderWay,
}

/// Does nothing before it knows the size.
struct Tailor {
    tool: WorldTool,
    asks: Asks,
}

#[async_trait]
impl Tool for Tailor {
    fn spec(&self) -> &ToolSpec {
        self.tool.spec()
    }

    async fn call(&self, mut call: ToolCall) -> Result<Value, ToolFailure> {
        let Some(input) = call.input.take() else {
            let schema =
                json!({ "type": "object", "properties": { "size": { "type": "string" } } });
            let question = InputQuestion { text: "Which size?".to_owned(), schema };
            let questions = Questions(BTreeMap::from([("size".to_owned(), question)]));
            let failure = ToolFailure::new("Which size?");
            let failure = if self.asks == Asks::First { failure.without_effect() } else { failure };
            return Err(failure.wanting(InputWanted { questions, state: json!("round one") }));
        };
        let answers = input.answers.unwrap_or_default();
        self.tool.call(ToolCall { arguments: json!({ "suit": answers["size"] }), ..call }).await
    }

    async fn reconcile(&self, call: ToolCall) -> Reconciled {
        self.tool.reconcile(call).await
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Suit {}

#[flow(name = "suit", version = 1)]
impl Suit {
    #[start(grants = ["make_suit"])]
    async fn order(&self, cx: &StepContext) -> Result<String> {
        cx.tool(("make_suit", json!({}))).await.required()?;
        Ok("ordered".to_owned())
    }
}

fn suit(stage: &Stage, effect: EffectClass, asks: Asks) -> Setup {
    let world = World::default();
    let tool = WorldTool::of(&world, spec("make_suit", effect));
    let person = Person::answering(|review| match review.reason {
        ReviewReason::Input => Decision::Respond { text: "48".to_owned() },
        ReviewReason::Asked
        | ReviewReason::InDoubt
        | ReviewReason::Partial
        | ReviewReason::Approval => Decision::Approve { note: None },
    });
    with_tool(stage, Tailor { tool, asks })
        .with_flow::<Suit>()
        .with_run(StartRun::new("suit", json!({})))
        .with_person(person)
        .with_outside(Arc::new(world))
}

async fn survives(ground: Ground, effect: EffectClass, asks: Asks) {
    let setup = move |stage: Stage| std::future::ready(suit(&stage, effect, asks));
    let report = Everywhere::new(setup).on(ground).run().await;
    eprintln!("{report}");
    let calls = report.points.iter().filter(|point| point.what.starts_with("tool:")).count();
    assert_eq!(calls, 2, "one that asks, and one that acts: {report}");
    report.assert_safe();
}

#[tokio::test]
async fn a_call_that_asks_first_survives_every_crash() {
    survives(Ground::Memory, EffectClass::AtMostOnce, Asks::First).await;
    survives(Ground::Sqlite, EffectClass::AtMostOnce, Asks::First).await;
}

#[tokio::test]
async fn a_call_that_asks_under_way_survives_every_crash() {
    survives(Ground::Memory, EffectClass::AtMostOnce, Asks::UnderWay).await;
    survives(Ground::Sqlite, EffectClass::AtMostOnce, Asks::UnderWay).await;
}
