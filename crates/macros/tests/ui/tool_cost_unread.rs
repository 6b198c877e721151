//! A cost that is no amount.

use mainstay::prelude::*;

/// Pays an amount back.
#[tool(cost = "2 cents")]
async fn refund(cents: i64) -> Result<i64, ToolFailure> {
    Ok(cents)
}

fn main() {}
