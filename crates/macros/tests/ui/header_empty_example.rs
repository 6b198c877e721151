//! An example that says nothing, and a misspelt list.

use mainstay::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Desk {
    ticket: String,
}

#[flow(name = "desk", version = 1, examples = ["where is my order", " "])]
impl Desk {
    #[start]
    async fn classify(&self, _cx: &StepContext) -> Result<String> {
        Ok(self.ticket.clone())
    }
}

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Other {
    ticket: String,
}

#[flow(name = "other", version = 1, exmples = ["where is my order"])]
impl Other {
    #[start]
    async fn classify(&self, _cx: &StepContext) -> Result<String> {
        Ok(self.ticket.clone())
    }
}

fn main() {}
