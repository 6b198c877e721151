//! A route nobody listens to is reported at its router.

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

    #[listen(Lane::Refund)]
    async fn pay(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }
}

fn main() {}
