//! A compensation that is a step of its own.

use mainstay::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Desk {
    ticket: String,
}

#[flow(name = "desk", version = 1)]
impl Desk {
    #[start]
    async fn classify(&self, _cx: &StepContext) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(classify)]
    #[step(compensate = answer)]
    async fn pay(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(pay)]
    async fn answer(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }
}

fn main() {}
