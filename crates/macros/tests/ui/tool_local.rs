//! A tool that promises what only a step can keep.

use mainstay::prelude::*;

/// Puts goods back on the shelf.
#[tool(effect = local)]
async fn restock(_cx: &ToolContext, pieces: i64) -> Result<i64, ToolFailure> {
    Ok(pieces)
}

fn main() {}
