//! A breaker that does not say for how long it opens.

use mainstay::prelude::*;

/// Pays an amount back.
#[tool(breaker(percent = 50, of = 20))]
async fn refund(cents: i64) -> Result<i64, ToolFailure> {
    Ok(cents)
}

fn main() {}
