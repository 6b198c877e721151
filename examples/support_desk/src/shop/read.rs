//! What the desk may look up. Nothing here changes anything.

use jiff::civil::Date;
use sqlx::{Row as _, any::AnyRow};

use super::{
    Customer, Order, OrderItem, OrderStatus, Payment, Product, Shop, ShopError, TakesBack,
};
use crate::{
    cents::Cents,
    id::{CustomerId, ItemId, OrderId, PaymentId, ProductId},
};

const CUSTOMER: &str = "SELECT id, name, email, city, since FROM shop.customers";
const PRODUCT: &str = "SELECT id, name, family, about, price, stock, takes_back FROM shop.products";
const ORDER: &str = "SELECT o.id, o.customer, o.status, o.placed, o.shipped, o.delivered, o.due, \
    o.tracking, o.discount_percent, o.shipping, p.id AS payment, p.method, p.paid, p.refunded \
    FROM shop.orders o JOIN shop.payments p ON p.order_id = o.id";
const ITEMS: &str = "SELECT i.id, i.order_id, i.product, p.name, p.family, p.takes_back, \
    i.quantity, i.price FROM shop.items i JOIN shop.products p ON p.id = i.product \
    JOIN shop.orders o ON o.id = i.order_id";

impl Shop {
    /// Returns the customer with this address, whatever its case.
    ///
    /// # Errors
    /// A database that does not answer.
    pub async fn customer_by_email(&self, email: &str) -> Result<Option<Customer>, ShopError> {
        let sql = self.sql(&format!("{CUSTOMER} WHERE email = $1"));
        let row =
            sqlx::query(sql).bind(email.trim().to_lowercase()).fetch_optional(&self.pool).await?;
        row.as_ref().map(customer).transpose()
    }

    /// Returns the customers whose name contains `part`, by number.
    ///
    /// # Errors
    /// A database that does not answer.
    pub async fn customers_named(&self, part: &str) -> Result<Vec<Customer>, ShopError> {
        let sql = self.sql(&format!("{CUSTOMER} WHERE lower(name) LIKE $1 ORDER BY id"));
        let pattern = format!("%{}%", part.trim().to_lowercase());
        let rows = sqlx::query(sql).bind(pattern).fetch_all(&self.pool).await?;
        rows.iter().map(customer).collect()
    }

    /// Returns a customer's orders, newest first.
    ///
    /// # Errors
    /// A database that does not answer.
    pub async fn orders_of(&self, customer: &CustomerId) -> Result<Vec<Order>, ShopError> {
        let order = "WHERE o.customer = $1 ORDER BY o.placed DESC, o.id DESC";
        let heads = self.sql(&format!("{ORDER} {order}"));
        let heads = sqlx::query(heads).bind(customer.as_str()).fetch_all(&self.pool).await?;
        let items = self.sql(&format!("{ITEMS} WHERE o.customer = $1 ORDER BY i.order_id, i.line"));
        let items = sqlx::query(items).bind(customer.as_str()).fetch_all(&self.pool).await?;
        heads.iter().map(|head| read_order(head, &items)).collect()
    }

    /// Returns an order with its items and payment.
    ///
    /// # Errors
    /// A database that does not answer.
    pub async fn order(&self, order: &OrderId) -> Result<Option<Order>, ShopError> {
        let head = self.sql(&format!("{ORDER} WHERE o.id = $1"));
        let head = sqlx::query(head).bind(order.as_str()).fetch_optional(&self.pool).await?;
        let Some(head) = head else { return Ok(None) };
        let items = self.sql(&format!("{ITEMS} WHERE o.id = $1 ORDER BY i.line"));
        let items = sqlx::query(items).bind(order.as_str()).fetch_all(&self.pool).await?;
        read_order(&head, &items).map(Some)
    }

    /// Returns a product with today's price and stock.
    ///
    /// # Errors
    /// A database that does not answer.
    pub async fn product(&self, product: &ProductId) -> Result<Option<Product>, ShopError> {
        let sql = self.sql(&format!("{PRODUCT} WHERE id = $1"));
        let row = sqlx::query(sql).bind(product.as_str()).fetch_optional(&self.pool).await?;
        row.as_ref().map(read_product).transpose()
    }

    /// Returns the products that fit the words best, at most `limit`, best first.
    ///
    /// # Errors
    /// A database that does not answer.
    pub async fn search_products(
        &self,
        words: &str,
        limit: usize,
    ) -> Result<Vec<Product>, ShopError> {
        Ok(crate::rules::advice::best(self.products().await?, words, limit))
    }

    /// Returns everything the shop sells, by number.
    ///
    /// # Errors
    /// A database that does not answer.
    pub async fn products(&self) -> Result<Vec<Product>, ShopError> {
        let sql = self.sql(&format!("{PRODUCT} ORDER BY id"));
        let rows = sqlx::query(sql).fetch_all(&self.pool).await?;
        rows.iter().map(read_product).collect()
    }
}

fn customer(row: &AnyRow) -> Result<Customer, ShopError> {
    Ok(Customer {
        id: CustomerId::new(text(row, "id")?),
        name: text(row, "name")?,
        email: text(row, "email")?,
        city: text(row, "city")?,
        since: day(row, "since")?,
    })
}

fn read_product(row: &AnyRow) -> Result<Product, ShopError> {
    Ok(Product {
        id: ProductId::new(text(row, "id")?),
        name: text(row, "name")?,
        family: text(row, "family")?,
        about: text(row, "about")?,
        price: cents(row, "price")?,
        stock: row.try_get("stock")?,
        takes_back: word(row, "takes_back", TakesBack::read)?,
    })
}

fn read_order(head: &AnyRow, items: &[AnyRow]) -> Result<Order, ShopError> {
    let id = text(head, "id")?;
    let mut own = Vec::new();
    for row in items {
        if text(row, "order_id")? == id {
            own.push(read_item(row)?);
        }
    }
    Ok(Order {
        id: OrderId::new(id),
        customer: CustomerId::new(text(head, "customer")?),
        status: word(head, "status", OrderStatus::read)?,
        placed: day(head, "placed")?,
        shipped: maybe_day(head, "shipped")?,
        delivered: maybe_day(head, "delivered")?,
        due: day(head, "due")?,
        tracking: head.try_get("tracking")?,
        discount_percent: head.try_get("discount_percent")?,
        shipping: cents(head, "shipping")?,
        items: own,
        payment: Payment {
            id: PaymentId::new(text(head, "payment")?),
            method: text(head, "method")?,
            paid: cents(head, "paid")?,
            refunded: cents(head, "refunded")?,
        },
    })
}

fn read_item(row: &AnyRow) -> Result<OrderItem, ShopError> {
    Ok(OrderItem {
        id: ItemId::new(text(row, "id")?),
        product: ProductId::new(text(row, "product")?),
        name: text(row, "name")?,
        family: text(row, "family")?,
        takes_back: word(row, "takes_back", TakesBack::read)?,
        quantity: row.try_get("quantity")?,
        price: cents(row, "price")?,
    })
}

pub(super) fn text(row: &AnyRow, column: &'static str) -> Result<String, ShopError> {
    Ok(row.try_get(column)?)
}

pub(super) fn cents(row: &AnyRow, column: &'static str) -> Result<Cents, ShopError> {
    Ok(Cents::new(row.try_get(column)?))
}

fn day(row: &AnyRow, column: &'static str) -> Result<Date, ShopError> {
    parse_day(text(row, column)?, column)
}

fn maybe_day(row: &AnyRow, column: &'static str) -> Result<Option<Date>, ShopError> {
    let value: Option<String> = row.try_get(column)?;
    value.map(|value| parse_day(value, column)).transpose()
}

fn parse_day(value: String, column: &'static str) -> Result<Date, ShopError> {
    value.parse().map_err(|_| ShopError::Unreadable { column, value })
}

pub(super) fn word<T>(
    row: &AnyRow,
    column: &'static str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<T, ShopError> {
    let value = text(row, column)?;
    read(&value).ok_or(ShopError::Unreadable { column, value })
}
