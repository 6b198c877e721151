//! A word in the place of control arguments.

use mainstay::prelude::*;

/// Pays an amount back.
#[tool(control = nothing)]
async fn refund(cents: i64) -> Result<i64, ToolFailure> {
    Ok(cents)
}

fn main() {}
