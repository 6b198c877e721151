//! A class of effect that does not exist.

use mainstay::prelude::*;

/// Pays an amount back.
#[tool(effect = idempotnet)]
async fn refund(_cx: &ToolContext, cents: i64) -> Result<i64, ToolFailure> {
    Ok(cents)
}

fn main() {}
