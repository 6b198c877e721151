//! The tools of the desk: what its flows may do to the shop, each with what a repeat would do.
//!
//! A tool hands its idempotency key on. The key is the same for every attempt and every restart of
//! a run, so the shop recognises a request that it has seen, and a request that nobody can
//! recognise is declared as such.

pub(crate) mod account;
pub(crate) mod action;
pub(crate) mod lookup;

use std::sync::Arc;

use mainstay::{ToolSet, prelude::*};

use crate::shop::{Shop, ShopError};

/// Returns every tool of the desk; they work on a [`Shop`].
pub fn tools() -> ToolSet {
    ToolSet::new()
        .native::<lookup::find_customer>()
        .native::<lookup::find_orders>()
        .native::<lookup::list_products>()
        .native::<action::refund>()
        .native::<action::exchange>()
        .native::<action::cancel_order>()
        .native::<action::book_pickup>()
        .native::<action::send_message>()
        .native::<account::open_account>()
        .native::<account::close_account>()
        .native::<account::enrol>()
}

fn shop(cx: &ToolContext) -> Result<Arc<Shop>, ToolFailure> {
    cx.resource()
}

/// Says what is known about a failed request. A database that did not answer may have carried it
/// out all the same; whatever else went wrong, the shop said so and did nothing.
fn failure(error: ShopError) -> ToolFailure {
    match error {
        error @ ShopError::Database(_) => ToolFailure::from(error).retryable(),
        error @ (ShopError::Url(_)
        | ShopError::FilledOtherwise { .. }
        | ShopError::Unreadable { .. }
        | ShopError::Missing { .. }
        | ShopError::Refused(_)) => ToolFailure::from(error).without_effect(),
    }
}
