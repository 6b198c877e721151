//! A parameter that could come from two steps, and two from one without a name.

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
    async fn look_up(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(classify)]
    async fn policy(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(and_(look_up, policy))]
    async fn answer(&self, _order: &String) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(answer)]
    #[finish]
    async fn send(&self, _one: &String, _two: &String) -> Result<String> {
        Ok(self.ticket.clone())
    }
}

fn main() {}
