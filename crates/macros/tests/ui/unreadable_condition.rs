//! Conditions that cannot be read.

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

    #[listen]
    async fn a(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(or(classify, a))]
    async fn b(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(and_(classify))]
    async fn c(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen("classify")]
    async fn d(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }

    #[listen(classify)]
    #[finish]
    async fn e(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }
}

fn main() {}
