//! Options on a function that nothing makes due.

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

    #[step(retry = 2)]
    async fn answer(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }
}

fn main() {}
