//! A misspelt argument.

use mainstay::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Desk {
    ticket: String,
}

#[flow(name = "desk", verison = 1)]
impl Desk {
    #[start]
    async fn classify(&self, _cx: &StepContext) -> Result<String> {
        Ok(self.ticket.clone())
    }
}

fn main() {}
