//! A start takes no values; its input is the state.

use mainstay::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Desk {
    ticket: String,
}

#[flow(name = "desk", version = 1)]
impl Desk {
    #[start]
    async fn classify(&self, intent: &String) -> Result<String> {
        Ok(intent.clone())
    }
}

fn main() {}
