//! Steps of a worker that want what only code of this program has.

use mainstay::prelude::*;

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Desk {
    ticket: String,
}

#[derive(Route)]
enum Kind {
    Good,
}

#[flow(name = "desk", version = 1)]
impl Desk {
    #[start(worker = "risk", compensate = forget)]
    async fn classify(&mut self) -> Result<String>;

    #[listen(classify, worker = "risk", grants = ["search"])]
    async fn answer(&self, cx: &StepContext, kind: &String) -> Result<String>;

    #[listen(classify, worker = "risk")]
    async fn pair(&self, _: &String) -> Result<String>;

    #[router(classify, worker = "risk")]
    fn kind(&self) -> Kind;

    #[step(worker = "risk")]
    async fn forget(&self) -> Result<()>;

    #[listen(Kind::Good)]
    #[finish]
    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

fn main() {}
