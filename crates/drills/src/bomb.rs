//! A run that kills whatever worker drives it.

use mainstay::prelude::*;

use crate::tools::explode;

/// What kills.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Bomb {}

/// Kills its worker.
#[flow(name = "bomb", version = 1)]
impl Bomb {
    #[start(grants = [explode])]
    async fn tick(&self, cx: &StepContext) -> Result<()> {
        cx.tool(explode::with()).await.required()?;
        Ok(())
    }
}
