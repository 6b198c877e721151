//! A router waits for nothing and has no context.

use mainstay::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Desk {
    ticket: String,
}

#[derive(Route)]
enum Lane {
    Refund,
    Question,
}

#[flow(name = "desk", version = 1)]
impl Desk {
    #[start]
    async fn classify(&self, _cx: &StepContext) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[router(classify)]
    async fn lane(&mut self, _cx: &StepContext) -> Lane {
        Lane::Refund
    }

    #[listen(or_(Lane::Refund, Lane::Question))]
    async fn answer(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }
}

fn main() {}
