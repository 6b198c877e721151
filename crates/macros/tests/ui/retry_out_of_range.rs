//! Attempts, waits and unknown retry settings.

use mainstay::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Desk {
    ticket: String,
}

#[flow(name = "desk", version = 1)]
impl Desk {
    #[start(retry = 4)]
    async fn classify(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(classify)]
    #[step(retry(max = 0))]
    async fn look_up(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(look_up)]
    #[step(retry(max = 3, bse = "1s"))]
    async fn policy(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(policy)]
    #[step(retry(base = "1s"))]
    async fn answer(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }
}

fn main() {}
