//! A tool is an async function with owned arguments and a description.

use mainstay::prelude::*;

#[tool(effect = read)]
fn refund(_payment: &str, (_a, cents): (i64, i64)) -> Result<i64, ToolFailure> {
    Ok(cents)
}

fn main() {}
