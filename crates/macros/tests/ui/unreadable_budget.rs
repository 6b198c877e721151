//! Budgets that cannot be read.

use mainstay::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Desk {
    ticket: String,
}

#[flow(name = "desk", version = 1)]
impl Desk {
    #[start(budget = "usd=ten")]
    async fn classify(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(classify, budget = "model_call=2")]
    async fn look_up(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(look_up, budget = "usd=1,usd=2")]
    async fn policy(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(policy, budget = "deadline=3d")]
    async fn answer(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }
}

fn main() {}
