//! A parameter of another type than its producer returns.

use mainstay::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Desk {
    ticket: String,
}

#[flow(name = "desk", version = 1)]
impl Desk {
    #[start]
    async fn classify(&self, _cx: &StepContext) -> Result<u64> {
        Ok(7)
    }

    #[listen(classify)]
    async fn answer(&self, _intent: &u32) -> Result<String> {
        Ok(self.ticket.clone())
    }
}

fn main() {}
