//! A call is tried at most three times.

use mainstay::prelude::*;

/// Pays an amount back.
#[tool(retry = 5)]
async fn refund(_cx: &ToolContext, cents: i64) -> Result<i64, ToolFailure> {
    Ok(cents)
}

fn main() {}
