//! A value of a step that runs later, of a router, and of a step that does not exist.

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
    async fn look_up(&self, #[from(answer)] _a: &String) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(look_up)]
    async fn answer(&self, #[from(lookup)] _b: &String) -> Result<String> {
        Ok(self.ticket.clone())
    }
}

fn main() {}
