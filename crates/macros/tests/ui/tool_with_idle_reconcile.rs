//! A question nobody would ask.

use mainstay::prelude::*;

/// Pays an amount back.
#[tool(effect = read, reconcile = find_refund)]
async fn refund(_cx: &ToolContext, cents: i64) -> Result<i64, ToolFailure> {
    Ok(cents)
}

fn main() {}
