//! An option that no step has, and one given twice.

use mainstay::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Desk {
    ticket: String,
}

#[flow(name = "desk", version = 1)]
impl Desk {
    #[start(timout = "30s")]
    async fn classify(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(classify, retry = 2, retry = 3)]
    async fn answer(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }
}

fn main() {}
