//! A listener to a step that does not exist, near to one that does, and near to none.

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

    #[listen(clasify)]
    async fn answer(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(or_(classify, weather))]
    #[finish]
    async fn log(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }
}

fn main() {}
