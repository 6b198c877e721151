//! A listener to a router, and a router as a producer.

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
    fn lane(&self) -> Lane {
        if self.ticket.is_empty() { Lane::Question } else { Lane::Refund }
    }

    #[listen(or_(Lane::Refund, Lane::Question))]
    async fn pay(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(lane)]
    #[finish]
    async fn answer(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(classify)]
    async fn send(&self, #[from(lane)] _lane: &String) -> Result<String> {
        Ok(self.ticket.clone())
    }
}

fn main() {}
