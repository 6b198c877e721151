//! A tool that nobody could call.

use mainstay::prelude::*;

/// Pays an amount back.
#[tool(concurrency = 0)]
async fn refund(cents: i64) -> Result<i64, ToolFailure> {
    Ok(cents)
}

fn main() {}
