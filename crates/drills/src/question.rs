//! A question to a person, and a call once it is answered.

use mainstay::prelude::*;

use crate::tools::{Receipt, look_up};

/// What is asked, known by its number.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Question {
    /// Which one.
    pub number: u32,
}

/// Asks, and goes on when it is told.
#[flow(name = "question", version = 1)]
impl Question {
    #[start(grants = [look_up])]
    async fn ask(&self, cx: &StepContext) -> Result<Receipt> {
        cx.review(Review::of("May it go on?", self)).await?;
        Ok(cx.tool(look_up::with(self.number, 0)).await.required()?)
    }
}
