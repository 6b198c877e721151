//! Writes a generated shop into its tables, many rows a statement.

use jiff::civil::Date;
use sqlx::Row as _;

use super::{
    ShopError, Tx,
    dialect::Dialect,
    generate::{Stock, generate},
    record::{Customer, Order, OrderItem, Product},
};

/// Rows a statement; with ten columns this stays far below both databases' limit of parameters.
const ROWS: usize = 200;

/// One value of a row.
enum Cell {
    Text(String),
    Number(i64),
    Day(Option<Date>),
    Absent,
}

type Row = Vec<Cell>;

pub(super) async fn fill(dialect: Dialect, tx: &mut Tx, seed: u64) -> Result<(), ShopError> {
    let first = sqlx::query(dialect.sql(
        "INSERT INTO shop.filled (only_row, seed) VALUES (1, $1) ON CONFLICT (only_row) DO NOTHING",
    ))
    .bind(seed.to_string())
    .execute(&mut **tx)
    .await?;
    if first.rows_affected() == 0 {
        return same_seed(dialect, tx, seed).await;
    }
    for (table, rows) in tables(&generate(seed)) {
        for chunk in rows.chunks(ROWS) {
            insert(dialect, tx, table, chunk).await?;
        }
    }
    Ok(())
}

async fn same_seed(dialect: Dialect, tx: &mut Tx, wanted: u64) -> Result<(), ShopError> {
    let row = sqlx::query(dialect.sql("SELECT seed FROM shop.filled")).fetch_one(&mut **tx).await?;
    let found: String = row.try_get("seed")?;
    if found == wanted.to_string() {
        return Ok(());
    }
    Err(ShopError::FilledOtherwise { wanted, found })
}

fn tables(stock: &Stock) -> [(&'static str, Vec<Row>); 5] {
    [
        (
            "products (id, name, family, about, price, stock, takes_back)",
            stock.products.iter().map(product).collect(),
        ),
        (
            "customers (id, name, email, city, since)",
            stock.customers.iter().map(customer).collect(),
        ),
        (
            "orders (id, customer, status, placed, shipped, delivered, due, tracking, \
             discount_percent, shipping)",
            stock.orders.iter().map(order).collect(),
        ),
        (
            "items (id, order_id, line, product, quantity, price)",
            stock.orders.iter().flat_map(lines).collect(),
        ),
        (
            "payments (id, order_id, method, paid, refunded)",
            stock.orders.iter().map(payment).collect(),
        ),
    ]
}

fn product(product: &Product) -> Row {
    vec![
        Cell::Text(product.id.to_string()),
        Cell::Text(product.name.clone()),
        Cell::Text(product.family.clone()),
        Cell::Text(product.about.clone()),
        Cell::Number(product.price.get()),
        Cell::Number(product.stock),
        Cell::Text(product.takes_back.word().to_owned()),
    ]
}

fn customer(customer: &Customer) -> Row {
    vec![
        Cell::Text(customer.id.to_string()),
        Cell::Text(customer.name.clone()),
        Cell::Text(customer.email.clone()),
        Cell::Text(customer.city.clone()),
        Cell::Day(Some(customer.since)),
    ]
}

fn order(order: &Order) -> Row {
    vec![
        Cell::Text(order.id.to_string()),
        Cell::Text(order.customer.to_string()),
        Cell::Text(order.status.word().to_owned()),
        Cell::Day(Some(order.placed)),
        Cell::Day(order.shipped),
        Cell::Day(order.delivered),
        Cell::Day(Some(order.due)),
        order.tracking.clone().map_or(Cell::Absent, Cell::Text),
        Cell::Number(order.discount_percent),
        Cell::Number(order.shipping.get()),
    ]
}

fn lines(order: &Order) -> Vec<Row> {
    order.items.iter().zip(1..).map(|(item, line)| item_row(order, item, line)).collect()
}

fn item_row(order: &Order, item: &OrderItem, line: i64) -> Row {
    vec![
        Cell::Text(item.id.to_string()),
        Cell::Text(order.id.to_string()),
        Cell::Number(line),
        Cell::Text(item.product.to_string()),
        Cell::Number(item.quantity),
        Cell::Number(item.price.get()),
    ]
}

fn payment(order: &Order) -> Row {
    vec![
        Cell::Text(order.payment.id.to_string()),
        Cell::Text(order.id.to_string()),
        Cell::Text(order.payment.method.clone()),
        Cell::Number(order.payment.paid.get()),
        Cell::Number(order.payment.refunded.get()),
    ]
}

async fn insert(dialect: Dialect, tx: &mut Tx, table: &str, rows: &[Row]) -> Result<(), ShopError> {
    let sql = dialect.sql(&format!("INSERT INTO shop.{table} VALUES {}", places(rows)));
    let mut query = sqlx::query(sql);
    for cell in rows.iter().flatten() {
        query = match cell {
            Cell::Text(text) => query.bind(text.as_str()),
            Cell::Number(number) => query.bind(*number),
            Cell::Day(day) => query.bind(day.map(|day| day.to_string())),
            Cell::Absent => query.bind(None::<String>),
        };
    }
    query.execute(&mut **tx).await?;
    Ok(())
}

/// Returns `($1, $2), ($3, $4)`, one place a cell.
fn places(rows: &[Row]) -> String {
    let mut next = 1..;
    let row = |row: &Row| {
        let places: Vec<_> = row.iter().zip(next.by_ref()).map(|(_, n)| format!("${n}")).collect();
        format!("({})", places.join(", "))
    };
    rows.iter().map(row).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_has_its_own_place() {
        let row = || vec![Cell::Number(1), Cell::Absent];
        assert_eq!(places(&[row(), row()]), "($1, $2), ($3, $4)");
    }
}
