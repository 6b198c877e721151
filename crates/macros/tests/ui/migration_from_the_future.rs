//! Migrations start from older versions, each once.

use mainstay::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Desk {
    ticket: String,
}

#[flow(name = "desk", version = 2)]
impl Desk {
    #[start]
    async fn classify(&self, _cx: &StepContext) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[migrate(from = 2)]
    fn from_v2(_state: serde_json::Value) -> Result<Self> {
        Ok(Self::default())
    }

    #[migrate(from = 1)]
    fn from_v1(_state: serde_json::Value) -> Result<Self> {
        Ok(Self::default())
    }

    #[migrate(from = 1)]
    async fn again(&self) -> Result<Self> {
        Ok(Self::default())
    }

    #[migrate(2)]
    fn unreadable(_state: serde_json::Value) -> Result<Self> {
        Ok(Self::default())
    }
}

fn main() {}
