//! A misspelt option.

use mainstay::prelude::*;

/// Pays an amount back.
#[tool(effect = read, timeot = "5s")]
async fn refund(_cx: &ToolContext, cents: i64) -> Result<i64, ToolFailure> {
    Ok(cents)
}

fn main() {}
