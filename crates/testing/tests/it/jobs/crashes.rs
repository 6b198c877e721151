//! A planned job whose first plan fails and whose second is carried out, crashed everywhere.

use mainstay::{agents::job::JobEnd, prelude::*};
use mainstay_core::budget::Limits;
use mainstay_testing::rig::{Ground, Setup, Stage};
use serde_json::json;

use crate::agents::{crash, put_up, returns};

/// A shipment that a job sees to.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Shipment {}

#[flow(name = "shipment", version = 1)]
impl Shipment {
    #[start(grants = ["find_order", "reserve", "charge", "book_van"])]
    async fn see_to_it(&self, cx: &StepContext) -> Result<Vec<String>> {
        let limits = Limits {
            usd: Some(2_000_000),
            model_calls: Some(60),
            tool_calls: Some(60),
            ..Limits::none()
        };
        let job = Job::new("shipment", "see to the order").with_limits(limits).with_revisions(1);
        let outcome = cx.job(&job, json!({ "order": "A-7" })).await?;
        let end = match &outcome.end {
            JobEnd::Completed => "completed".to_owned(),
            JobEnd::Stopped(failure) => failure.to_string(),
        };
        let steps = outcome.steps.iter().map(|step| {
            format!("{} of version {}: {}", step.step, step.version, step.outcome.word())
        });
        let judged =
            outcome.verdicts.iter().map(|v| format!("{} {:?} {:?}", v.step, v.by, v.verdict));
        Ok(steps.chain(judged).chain([end]).collect())
    }
}

/// The first plan reserves what is lost. The second reserves what was found; a person agrees to it,
/// since it acts in another way than the first meant to.
const SCRIPT: &str = r"
model: clerk
price: { input_per_million: 150000, output_per_million: 600000 }
latency_ms: 1
rules:
  - when: { output: plan, all: ['this went wrong'] }
    reply:
      json:
        steps:
          - { id: hold, tool: reserve, args: { order: { $from: look } }, expect: found }
          - { id: van, tool: book_van, args: { order: { $from: look } }, expect: a van is booked }
          - { id: pay, tool: charge, args: { cents: 2 }, expect: found }
  - when: { output: plan }
    reply:
      json:
        steps:
          - id: look
            tool: find_order
            args: { order: { $from: input, path: /order } }
            expect: the order is there
            extract: { ask: the number of the order, schema: { type: string } }
          - { id: try, tool: reserve, args: { order: lost }, expect: found }
          - { id: van, tool: book_van, args: { order: { $from: look } } }
          - { id: pay, tool: charge, args: { cents: 2 }, expect: found }
  - when: { output: value }
    reply: { json: A-7 }
  - when: { output: verdict }
    reply: { json: { verdict: continue } }
";

async fn shipment(stage: Stage) -> Setup {
    put_up::<Shipment>(&stage, "shipment", SCRIPT)
}

#[tokio::test]
async fn the_job_that_is_crashed_ends_by_its_second_plan() {
    let told = json!([
        "look of version 1: found",
        "try of version 1: failed",
        "hold of version 2: found",
        "van of version 2: found",
        "pay of version 2: found",
        "look Model Continue",
        "try Rules Revise",
        "hold Rules Continue",
        "van Model Continue",
        "pay Rules Continue",
        "completed",
    ]);
    returns(shipment, "shipment", told).await;
}

/// Two plans, one value read and two verdicts; two calls by the first plan and three by the second.
async fn check(ground: Ground) {
    crash(shipment, ground, (5, 5)).await;
}

#[tokio::test]
async fn a_job_with_a_revision_survives_every_crash_in_memory() {
    check(Ground::Memory).await;
}

#[tokio::test]
async fn a_job_with_a_revision_survives_every_crash_on_sqlite() {
    check(Ground::Sqlite).await;
}

#[tokio::test]
async fn a_job_with_a_revision_survives_every_crash_on_postgres() {
    check(Ground::Postgres).await;
}
