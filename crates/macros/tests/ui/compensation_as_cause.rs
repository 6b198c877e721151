//! A listener to a compensation.

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
    #[step(compensate = undo_pay)]
    async fn pay(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(undo_pay)]
    #[finish]
    async fn answer(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    async fn undo_pay(&self) -> Result<()> {
        Ok(())
    }
}

fn main() {}
