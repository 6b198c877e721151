//! A cycle that no router can leave, and a step that hears itself.

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

    #[listen(or_(classify, answer))]
    async fn look_up(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(look_up)]
    async fn answer(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(or_(classify, send))]
    async fn send(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(classify)]
    #[finish]
    async fn done(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }
}

fn main() {}
