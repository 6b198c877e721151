//! A run of many steps, which then rests a few times.

use mainstay::prelude::*;

use crate::tools::{Receipt, look_up};

/// How often it rests, and is told to go on.
pub const RESTS: u32 = 15;

/// How far it goes.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct March {
    /// Steps to go.
    pub steps: u32,
    /// Steps gone.
    #[serde(default)]
    pub gone: u32,
}

/// Whether it is there.
#[derive(Route)]
pub enum Way {
    /// Not yet.
    On,
    /// It is.
    There,
}

/// Goes, and rests.
#[flow(name = "march", version = 1)]
impl March {
    #[start]
    async fn set_out(&self) -> Result<u32> {
        Ok(self.steps)
    }

    #[listen(or_(set_out, Way::On))]
    async fn go(&mut self) -> Result<u32> {
        self.gone += 1;
        Ok(self.gone)
    }

    #[router(go)]
    fn way(&self, gone: &u32) -> Way {
        if *gone < self.steps { Way::On } else { Way::There }
    }

    #[listen(Way::There, grants = [look_up])]
    #[finish]
    async fn rest(&self, cx: &StepContext) -> Result<Receipt> {
        let mut receipt = Receipt { line: 0 };
        for rest in 0..RESTS {
            cx.review(Review::of(format!("Rest {rest}: may it go on?"), &rest)).await?;
            receipt = cx.tool(look_up::with(self.steps, rest)).await.required()?;
        }
        Ok(receipt)
    }
}
