//! Two steps marked as the output.

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

    #[listen(classify)]
    #[finish]
    async fn answer(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(classify)]
    #[finish]
    async fn send(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }
}

fn main() {}
