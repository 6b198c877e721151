//! The work: ten steps, each with one call of the outside, of every effect class.

use mainstay::{App, ToolSet, prelude::*};

use crate::{
    bomb::Bomb,
    chain::{PAYLOAD, chain},
    march::March,
    question::Question,
    tools::{Receipt, announce, dwell, explode, file, look_up, ring, stamp},
    vigil::Vigil,
};

/// Steps of an errand, and so the subjects that the ledger must have seen once.
pub const STEPS: u32 = 10;

/// What is to be done, known by its number.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Errand {
    /// Which one.
    pub number: u32,
}

/// Runs through ten offices.
#[flow(name = "errand", version = 1)]
impl Errand {
    #[start(grants = [stamp])]
    async fn step_0(&self, cx: &StepContext) -> Result<Receipt> {
        Ok(cx.tool(stamp::with(self.number, 0)).await.required()?)
    }

    #[listen(step_0, grants = [file])]
    async fn step_1(&self, cx: &StepContext) -> Result<Receipt> {
        Ok(cx.tool(file::with(self.number, 1)).await.required()?)
    }

    #[listen(step_1, grants = [look_up])]
    async fn step_2(&self, cx: &StepContext) -> Result<Receipt> {
        Ok(cx.tool(look_up::with(self.number, 2)).await.required()?)
    }

    #[listen(step_2, grants = [ring])]
    async fn step_3(&self, cx: &StepContext) -> Result<Receipt> {
        Ok(cx.tool(ring::with(self.number, 3)).await.required()?)
    }

    #[listen(step_3, grants = [announce])]
    async fn step_4(&self, cx: &StepContext) -> Result<Receipt> {
        Ok(cx.tool(announce::with(self.number, 4)).await.required()?)
    }

    #[listen(step_4, grants = [stamp])]
    async fn step_5(&self, cx: &StepContext) -> Result<Receipt> {
        Ok(cx.tool(stamp::with(self.number, 5)).await.required()?)
    }

    #[listen(step_5, grants = [file])]
    async fn step_6(&self, cx: &StepContext) -> Result<Receipt> {
        Ok(cx.tool(file::with(self.number, 6)).await.required()?)
    }

    #[listen(step_6, grants = [look_up])]
    async fn step_7(&self, cx: &StepContext) -> Result<Receipt> {
        Ok(cx.tool(look_up::with(self.number, 7)).await.required()?)
    }

    #[listen(step_7, grants = [ring])]
    async fn step_8(&self, cx: &StepContext) -> Result<Receipt> {
        Ok(cx.tool(ring::with(self.number, 8)).await.required()?)
    }

    #[listen(step_8, grants = [stamp])]
    #[finish]
    async fn step_9(&self, cx: &StepContext) -> Result<Receipt> {
        Ok(cx.tool(stamp::with(self.number, 9)).await.required()?)
    }
}

/// Returns the tools of all drills.
pub fn tools() -> ToolSet {
    ToolSet::new()
        .native::<look_up>()
        .native::<announce>()
        .native::<stamp>()
        .native::<file>()
        .native::<ring>()
        .native::<explode>()
        .native::<dwell>()
}

/// Returns the program that workers run.
pub fn app(ledger: crate::ledger::Line) -> App {
    App::new()
        .about("Runs errands, whatever happens to it")
        .flow::<Errand>()
        .flow::<Question>()
        .flow::<March>()
        .flow::<Bomb>()
        .flow::<Vigil>()
        .program(chain(PAYLOAD))
        .tools(tools())
        .resource(ledger)
}
