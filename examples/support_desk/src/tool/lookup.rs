//! Looking things up: harmless to repeat.

use mainstay::prelude::*;

use super::{failure, shop};
use crate::{
    id::CustomerId,
    shop::{Customer, Order, Product},
};

/// Finds the customer who writes from an address.
#[tool(effect = read, timeout = "5s", retry = 3)]
pub(crate) async fn find_customer(
    cx: &ToolContext,
    email: String,
) -> Result<Option<Customer>, ToolFailure> {
    shop(cx)?.customer_by_email(&email).await.map_err(failure)
}

/// Lists a customer's orders, newest first.
#[tool(effect = read, timeout = "5s", retry = 3)]
pub(crate) async fn find_orders(
    cx: &ToolContext,
    customer: CustomerId,
) -> Result<Vec<Order>, ToolFailure> {
    shop(cx)?.orders_of(&customer).await.map_err(failure)
}

/// Lists everything the shop sells, with today's prices and stock.
#[tool(effect = read, timeout = "5s", retry = 3)]
pub(crate) async fn list_products(cx: &ToolContext) -> Result<Vec<Product>, ToolFailure> {
    shop(cx)?.products().await.map_err(failure)
}
