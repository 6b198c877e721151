//! A program whose runs share a cap: all of them together may spend a fifth of a cent a month.
//!
//! ```console
//! $ cargo run -p mainstay --example capped -- run tasting --input dishes=6
//! $ cargo run -p mainstay --example capped -- usage --by model
//! ```

use std::{error::Error, process::ExitCode};

use mainstay::{
    App,
    budget::{Cap, CapScope, Limits, Period, Whose},
    prelude::*,
};
use mainstay_providers::scripted::{Script, Scripted};

const SCRIPT: &str = "
model: palate
price: { input_per_million: 400000, output_per_million: 1600000 }
latency_ms: 20
rules:
  - reply: { text: 'More salt.' }
    usage: { input_tokens: 6, output_tokens: 30 }
";

/// Dishes to be tasted.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Tasting {
    dishes: u32,
}

/// Asks a model about one dish after the other.
#[flow(name = "tasting", version = 1)]
impl Tasting {
    #[start]
    async fn taste(&self, cx: &StepContext) -> Result<u32> {
        for dish in 0..self.dishes {
            let request = ModelRequest::new(Tier::Fast).with_user(format!("dish {dish}"));
            cx.model(request.with_max_output_tokens(40)).await?;
        }
        Ok(self.dishes)
    }
}

fn main() -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    let model = Scripted::new().with_script(Script::parse("capped.yaml", SCRIPT)?);
    let fifth_of_a_cent = Limits { usd: Some(2_000), ..Limits::none() };
    let many = Limits { model_calls: Some(1_000), ..Limits::none() };
    let each_tenant = CapScope { tenant: Whose::Each, ..CapScope::default() };
    let app = App::new()
        .about("Tastes dishes until the month's money is spent")
        .flow::<Tasting>()
        .model(model)
        .default_model("scripted:palate".parse()?)
        .budget(Cap::new(CapScope::default(), Period::Month, fifth_of_a_cent)?)
        .budget(Cap::new(each_tenant, Period::Day, many)?);
    Ok(app.main())
}
