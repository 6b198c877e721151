//! A rate without its span.

use mainstay::prelude::*;

/// Pays an amount back.
#[tool(rate = "10")]
async fn refund(_cx: &ToolContext, cents: i64) -> Result<i64, ToolFailure> {
    Ok(cents)
}

fn main() {}
