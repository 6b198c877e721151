//! Names that no worker and no step of one can have, and one that nobody asks for.

use mainstay::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Desk {
    ticket: String,
}

#[flow(name = "desk", version = 1)]
impl Desk {
    #[start(worker = "Risk Desk")]
    async fn classify(&self) -> Result<String>;

    #[listen(classify)]
    #[step(worker = "risk", name = "score.v2")]
    async fn score(&self, kind: &String) -> Result<u8>;

    #[listen(score, name = "answer_v2")]
    async fn answer(&self) -> Result<String> {
        Ok(self.ticket.clone())
    }
}

fn main() {}
