//! A crew of four tasks, two side by side and one handed on, crashed everywhere.

use mainstay::{
    agents::crew::{Context, TaskStatus},
    prelude::*,
};
use mainstay_core::budget::Limits;
use mainstay_testing::rig::{Ground, Setup, Stage};
use serde_json::json;

use crate::agents::{crash, put_up, returns};

/// An order that a crew sees to.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Order {}

/// Two who do their own work, and one who has the customer charged by another.
fn desk() -> Crew {
    let grants = |tools: &[&str]| tools.iter().copied().collect::<Grants>();
    let agent = |name: &str, tools: &[&str]| {
        Agent::new(name, format!("a {name}"), "see to the order").with_grants(grants(tools))
    };
    let limits = Limits {
        usd: Some(2_000_000),
        model_calls: Some(60),
        tool_calls: Some(60),
        ..Limits::none()
    };
    Crew::new("desk")
        .with_member(agent("clerk", &["find_order", "reserve"]))
        .with_member(agent("driver", &["book_van"]))
        .with_member(agent("cashier", &["charge"]))
        .with_member(Member::from(agent("boss", &["charge"])).with_delegation())
        .with_task(Task::new("look", "Look the order up.", "what it is").with_agent("clerk"))
        .with_task(
            Task::new("hold", "Hold the goods.", "a receipt").with_agent("clerk").alongside(),
        )
        .with_task(Task::new("van", "Book the van.", "a receipt").with_agent("driver").alongside())
        .with_task(Task {
            context: Context::Named(vec!["hold".into(), "van".into()]),
            ..Task::new("close", "Close the order.", "one word").with_agent("boss")
        })
        .with_limits(limits)
}

#[flow(name = "order", version = 1)]
impl Order {
    #[start(grants = ["find_order", "reserve", "charge", "book_van"])]
    async fn see_to_it(&self, cx: &StepContext) -> Result<Vec<String>> {
        let output = cx.crew(&desk(), &Rules::new()).await?;
        let said = output.tasks.iter().map(|task| {
            let handed_on = task.delegations.iter().map(|d| format!(" by {}", d.to));
            let done = if task.status == TaskStatus::Done { "done" } else { "skipped" };
            let calls = task.tool_calls;
            format!("{} {done} {calls}{}: {}", task.name, handed_on.collect::<String>(), task.raw)
        });
        Ok(said.collect())
    }
}

/// Everybody calls one tool in the first turn, and answers in the second.
const SCRIPT: &str = r"
model: clerk
price: { input_per_million: 150000, output_per_million: 600000 }
latency_ms: 1
rules:
  - when: { all: ['look the order up', '1 of 25'] }
    reply: { tool_calls: [{ name: find_order, arguments: { order: 1 } }] }
  - when: { all: ['look the order up'] }
    reply: { text: it is there }
  - when: { all: ['hold the goods', '1 of 25'] }
    reply: { tool_calls: [{ name: reserve, arguments: { order: 1 } }] }
  - when: { all: ['hold the goods'] }
    reply: { text: held }
  - when: { all: ['book the van', '1 of 25'] }
    reply: { tool_calls: [{ name: book_van, arguments: { order: 1 } }] }
  - when: { all: ['book the van'] }
    reply: { text: booked }
  - when: { system: ['you are a cashier'], all: ['1 of 25'] }
    reply: { tool_calls: [{ name: charge, arguments: { cents: 2 } }] }
  - when: { system: ['you are a cashier'] }
    reply: { text: charged }
  - when: { system: ['you are a boss'], all: ['1 of 25'] }
    reply:
      tool_calls:
        - name: delegate_work_to_coworker
          arguments: { task: Charge the customer., context: two cents, coworker: a cashier }
  - when: { system: ['you are a boss'], all: ['charged'] }
    reply: { text: closed }
";

async fn order(stage: Stage) -> Setup {
    put_up::<Order>(&stage, "order", SCRIPT)
}

#[tokio::test]
async fn the_crew_that_is_crashed_has_the_customer_charged_by_a_coworker() {
    let told = json!([
        "look done 1: it is there",
        "hold done 1: held",
        "van done 1: booked",
        "close done 1 by cashier: closed",
    ]);
    returns(order, "order", told).await;
}

async fn check(ground: Ground) {
    crash(order, ground, (10, 4)).await;
}

#[tokio::test]
async fn a_crew_that_hands_work_on_survives_every_crash_in_memory() {
    check(Ground::Memory).await;
}

#[tokio::test]
async fn a_crew_that_hands_work_on_survives_every_crash_on_sqlite() {
    check(Ground::Sqlite).await;
}

#[tokio::test]
async fn a_crew_that_hands_work_on_survives_every_crash_on_postgres() {
    check(Ground::Postgres).await;
}
