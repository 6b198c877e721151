//! A program of which two steps and a tool are a worker's, in Python: `docs/tools-workers.md` shows
//! it, and `python/examples/risk.py` is the worker.
//!
//! ```console
//! $ cargo run -p mainstay --example order_desk -- flows show order_desk
//! ```

use std::process::ExitCode;

use mainstay::{App, prelude::*};
use serde_json::json;

/// An order that came in.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct OrderDesk {
    order: String,
}

/// An order, as the shop has it.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Order {
    id: String,
    cents: u32,
}

/// How likely it is to be a fraud.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Score {
    points: u8,
    reasons: Vec<String>,
}

/// Looks an order up, scores it and charges for it.
#[flow(name = "order_desk", version = 1)]
impl OrderDesk {
    #[start(grants = ["risk.look_up"])]
    async fn take(&self, cx: &StepContext) -> Result<Order> {
        let found = cx.tool(("risk.look_up", json!({ "id": self.order }))).await.required()?;
        Ok(serde_json::from_value(found)?)
    }

    #[listen(take)]
    #[step(worker = "risk", retry = 2)]
    async fn score(&self, order: &Order) -> Result<Score>;

    #[listen(score)]
    #[step(worker = "risk", name = "charge_card")]
    async fn charge(
        &self,
        #[from(take)] order: &Order,
        #[from(score)] score: &Score,
    ) -> Result<String>;

    #[listen(charge)]
    async fn close(&self, receipt: &String, #[from(score)] score: &Score) -> Result<String> {
        Ok(format!("{receipt} at {} points", score.points))
    }
}

fn main() -> ExitCode {
    App::new()
        .about("Takes orders; a worker in Python scores and charges them")
        .flow::<OrderDesk>()
        .main()
}
