//! A body where a worker serves, and none where nobody does.

use mainstay::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Desk {
    ticket: String,
}

#[flow(name = "desk", version = 1)]
impl Desk {
    #[start(worker = "risk")]
    async fn classify(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(classify)]
    async fn answer(&self) -> Result<String>;

    fn helper(&self) -> String;
}

fn main() {}
