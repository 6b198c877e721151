//! A run that waits inside a call: nothing is parked, its worker holds it all the while.

use mainstay::prelude::*;

use crate::tools::dwell;

/// How long it waits.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Vigil {
    /// Seconds.
    pub seconds: u32,
}

/// Waits.
#[flow(name = "vigil", version = 1)]
impl Vigil {
    #[start(grants = [dwell])]
    async fn wait(&self, cx: &StepContext) -> Result<()> {
        cx.tool(dwell::with(self.seconds)).await.required()?;
        Ok(())
    }
}
