//! A program of one's own in one file: three flows, two tools, a scripted model, and with them the
//! whole command line.
//!
//! ```console
//! $ cargo run -p mainstay --example parcels -- run greet --input name=Ann
//! $ cargo run -p mainstay --example parcels -- run refund --input order=A-7 cents=9900
//! ```

use std::{error::Error, process::ExitCode, time::Duration};

use mainstay::{ToolSet, prelude::*};
use mainstay_providers::scripted::{Script, Scripted};

const SCRIPT: &str = "
model: clerk
price: { input_per_million: 400000, output_per_million: 1600000 }
rules:
  - reply: { text: 'Dear {{name}}, your money is on its way.' }
    capture: { name: 'to (\\w+)' }
  - reply: { text: 'Hello!' }
";

/// Greets somebody.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Greet {
    name: String,
    times: u32,
}

/// Greets somebody by name.
#[flow(name = "greet", version = 1)]
impl Greet {
    #[start]
    async fn hello(&self) -> Result<String> {
        match self.times {
            13 => Err(StepError::new("thirteen is not polite")),
            0 | 1 => Ok(format!("hello {}", self.name)),
            times => Ok(format!("hello {} ({times} times)", self.name)),
        }
    }
}

/// An order to be paid back.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Refund {
    order: String,
    cents: u32,
}

/// Looks an order up.
#[tool(effect = read)]
async fn find_order(order: String) -> Result<Option<String>, ToolFailure> {
    Ok((order != "A-0").then(|| format!("order {order} of Ann")))
}

/// Pays an amount back.
#[tool(effect = idempotent(key_valid_for = forever), irreversible)]
async fn pay_back(order: String, cents: u32) -> Result<u32, ToolFailure> {
    match order.as_str() {
        "A-9" => Err(ToolFailure::refused("the payment was closed")),
        _ => Ok(cents),
    }
}

/// Pays an order back, and asks a person before it is much.
#[flow(name = "refund", version = 1)]
impl Refund {
    #[start(grants = [find_order])]
    async fn look_up(&self, cx: &StepContext) -> Result<String> {
        let found = cx.tool(find_order::with(self.order.clone())).await.found()?;
        found.flatten().ok_or_else(|| StepError::new("there is no such order"))
    }

    #[listen(look_up, grants = [pay_back])]
    async fn pay(&self, cx: &StepContext, order: &str) -> Result<u32> {
        if self.cents > 5_000 {
            let review = Review::of(format!("Pay {} cents back for {order}?", self.cents), self);
            match cx.review(review).await? {
                ReviewOutcome::Decided { decision: Decision::Approve { .. }, .. } => {}
                ReviewOutcome::Decided { .. } | ReviewOutcome::Expired => return Ok(0),
            }
        }
        Ok(cx.tool(pay_back::with(self.order.clone(), self.cents)).await.required()?)
    }

    #[listen(pay)]
    #[finish]
    async fn answer(&self, cx: &StepContext, paid: &u32) -> Result<String> {
        let question = format!("Write to Ann that {paid} cents were paid back.");
        let request = ModelRequest::new(Tier::Fast).with_message(Message::user(question));
        Ok(cx.model(request.with_max_output_tokens(64)).await?.text)
    }
}

/// A parcel on its way.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Parcel {
    number: String,
}

/// Waits until the carrier says that a parcel was delivered.
#[flow(name = "parcel", version = 1)]
impl Parcel {
    #[start]
    async fn hand_over(&self, cx: &StepContext) -> Result<()> {
        cx.sleep(Duration::from_millis(20)).await;
        Ok(())
    }

    #[listen(hand_over)]
    async fn delivered(&self, cx: &StepContext) -> Result<String> {
        Ok(cx.signal("delivered").await?)
    }
}

fn main() -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    let model = Scripted::new().with_script(Script::parse("parcels.yaml", SCRIPT)?);
    let app = mainstay::App::new()
        .about("Greets, pays back, and waits for parcels")
        .flow::<Greet>()
        .flow::<Refund>()
        .flow::<Parcel>()
        .tools(ToolSet::new().native::<find_order>().native::<pay_back>())
        .model(model)
        .default_model("scripted:clerk".parse()?);
    Ok(app.main())
}
