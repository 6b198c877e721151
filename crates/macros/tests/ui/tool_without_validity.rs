//! An idempotent tool that does not say how long its key holds.

use mainstay::prelude::*;

/// Pays an amount back.
#[tool(effect = idempotent)]
async fn refund(_cx: &ToolContext, cents: i64) -> Result<i64, ToolFailure> {
    Ok(cents)
}

fn main() {}
