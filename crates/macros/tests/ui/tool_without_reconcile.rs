//! A reconcilable tool that nobody can ask.

use mainstay::prelude::*;

/// Pays an amount back.
#[tool(effect = reconcilable(visible_within = "30s"))]
async fn refund(_cx: &ToolContext, cents: i64) -> Result<i64, ToolFailure> {
    Ok(cents)
}

fn main() {}
