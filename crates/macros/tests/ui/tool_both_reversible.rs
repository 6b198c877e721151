//! Reversible or irreversible.

use mainstay::prelude::*;

/// Pays an amount back.
#[tool(reversible, irreversible)]
async fn refund(_cx: &ToolContext, cents: i64) -> Result<i64, ToolFailure> {
    Ok(cents)
}

fn main() {}
