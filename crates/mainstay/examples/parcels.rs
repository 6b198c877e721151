//! A program of one's own in one file: five flows, four tools, a scripted model, and with them the
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
#[flow(name = "greet", version = 1, rules = [r"^say hello to (?<name>\p{L}+)$"])]
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

/// An order that somebody asks about again and again.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Chase {
    order: String,
    letters: u32,
}

/// Looks an order up before each letter about it.
#[flow(name = "chase", version = 1)]
impl Chase {
    #[start(grants = [find_order])]
    async fn write(&self, cx: &StepContext) -> Result<u32> {
        for letter in 1..=self.letters {
            cx.tool(find_order::with(self.order.clone())).await.found()?;
            let question = format!("Write letter {letter} about {}.", self.order);
            let request = ModelRequest::new(Tier::Fast).with_message(Message::user(question));
            cx.model(request.with_max_output_tokens(64)).await?;
        }
        Ok(self.letters)
    }
}

/// A parcel to be sent.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Shipment {
    number: String,
    kilos: u32,
}

/// Books a courier for a parcel.
#[tool(effect = idempotent(key_valid_for = forever))]
async fn book_courier(number: String) -> Result<String, ToolFailure> {
    Ok(format!("courier of {number}"))
}

/// Calls a courier off.
#[tool(effect = idempotent(key_valid_for = forever))]
async fn call_off(courier: String) -> Result<bool, ToolFailure> {
    match courier.as_str() {
        "courier of P-9" => Err(ToolFailure::refused("the courier is at the door")),
        _ => Ok(true),
    }
}

/// Books a courier, and calls it off when the parcel turns out to be too heavy.
#[flow(name = "shipment", version = 1)]
impl Shipment {
    #[start(grants = [book_courier])]
    #[step(compensate = call_courier_off)]
    async fn book(&self, cx: &StepContext) -> Result<String> {
        Ok(cx.tool(book_courier::with(self.number.clone())).await.required()?)
    }

    #[listen(book)]
    async fn weigh(&self) -> Result<String> {
        match self.kilos {
            0..=30 => Ok(format!("{} is on its way", self.number)),
            _ => Err(StepError::new("it is too heavy")),
        }
    }

    #[step(grants = [call_off])]
    async fn call_courier_off(&self, cx: &StepContext, courier: &String) -> Result<()> {
        cx.tool(call_off::with(courier.clone())).await.required()?;
        Ok(())
    }
}

/// A parcel on its way.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Parcel {
    number: String,
    days: u64,
}

/// Waits until the carrier says that a parcel was delivered.
#[flow(name = "parcel", version = 1)]
impl Parcel {
    #[start]
    async fn hand_over(&self, cx: &StepContext) -> Result<()> {
        cx.sleep(Duration::from_millis(20) + Duration::from_hours(24 * self.days)).await;
        Ok(())
    }

    #[listen(hand_over)]
    async fn delivered(&self, cx: &StepContext) -> Result<String> {
        Ok(cx.signal("delivered").await?)
    }
}

#[expect(clippy::disallowed_methods, reason = "tests deploy this program without one of its flows")]
fn main() -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    let model = Scripted::new().with_script(Script::parse("parcels.yaml", SCRIPT)?);
    let mut app = mainstay::App::new()
        .about("Greets, pays back, and waits for parcels")
        .flow::<Greet>()
        .flow::<Refund>()
        .flow::<Chase>()
        .flow::<Shipment>();
    if std::env::var_os("WITHOUT_PARCEL").is_none() {
        app = app.flow::<Parcel>();
    }
    let app = app
        .tools(ToolSet::new().native::<find_order>().native::<pay_back>())
        .tools(ToolSet::new().native::<book_courier>().native::<call_off>())
        .model(model)
        .default_model("scripted:clerk".parse()?);
    Ok(app.main())
}
