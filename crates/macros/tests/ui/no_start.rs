//! Nothing starts the flow.

use mainstay::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Desk {
    ticket: String,
}

#[flow(name = "desk", version = 1)]
impl Desk {
    #[listen(answer)]
    async fn look_up(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(look_up)]
    #[finish]
    async fn answer(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }
}

fn main() {}
