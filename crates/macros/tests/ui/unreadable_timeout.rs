//! A span without its unit.

use mainstay::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Desk {
    ticket: String,
}

#[flow(name = "desk", version = 1)]
impl Desk {
    #[start(timeout = "30")]
    async fn classify(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(classify, timeout = "half an hour")]
    async fn answer(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(answer, timeout = "0s")]
    async fn send(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }
}

fn main() {}
