//! A control argument that is none.

use mainstay::prelude::*;

/// Pays an amount back.
#[tool(control = [payment, cent])]
async fn refund(payment: String, cents: i64) -> Result<i64, ToolFailure> {
    drop(payment);
    Ok(cents)
}

fn main() {}
