//! Opening an account, closing it again, and the loyalty programme, which is another system.

use mainstay::prelude::*;

use super::{failure, shop};
use crate::{id::CustomerId, shop::Account, ticket::SignUp};

/// Opens an account.
#[tool(effect = idempotent(key_valid_for = forever), reversible, timeout = "5s", retry = 3)]
pub(crate) async fn open_account(
    cx: &ToolContext,
    sign_up: SignUp,
) -> Result<Account, ToolFailure> {
    let key = cx.idempotency_key().to_string();
    let SignUp { name, email, city } = sign_up;
    shop(cx)?.create_account(&key, &name, &email, &city).await.map_err(failure)
}

/// Closes an account.
#[tool(effect = idempotent(key_valid_for = forever), irreversible, timeout = "5s", retry = 3)]
pub(crate) async fn close_account(
    cx: &ToolContext,
    customer: CustomerId,
) -> Result<(), ToolFailure> {
    shop(cx)?.delete_account(&customer).await.map_err(failure)
}

/// Enrols an account in the loyalty programme.
#[tool(effect = idempotent(key_valid_for = forever), reversible, timeout = "5s", retry = 3)]
pub(crate) async fn enrol(cx: &ToolContext, customer: CustomerId) -> Result<(), ToolFailure> {
    shop(cx)?.loyalty_enrol(&customer).await.map_err(failure)
}
