//! An approval without a condition.

use mainstay::prelude::*;

/// Pays an amount back.
#[tool(approval = "")]
async fn refund(cents: i64) -> Result<i64, ToolFailure> {
    Ok(cents)
}

fn main() {}
