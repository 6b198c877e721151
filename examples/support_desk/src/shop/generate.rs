//! Makes a whole shop from a seed: same seed, same customers, same orders, same bytes.

use jiff::{ToSpan, civil::Date};

use super::{
    catalogue::ARTICLES,
    random::SplitMix64,
    record::{Customer, Order, OrderItem, OrderStatus, Payment, Product},
};
use crate::{
    cents::Cents,
    id::{CustomerId, ItemId, OrderId, PaymentId, ProductId},
};

/// The day the sample's world stands at; every date counts from here.
pub const TODAY: Date = jiff::civil::date(2026, 9, 14);

/// The seed the sample tickets were written for.
pub const SEED: u64 = 20_260_914;

const CUSTOMERS: u64 = 240;
const ORDERS: u64 = 620;
const FREE_SHIPPING_FROM: Cents = Cents::new(6_000);
const SHIPPING: Cents = Cents::new(490);

const FIRST_NAMES: &[&str] = &[
    "Anna", "Ben", "Carla", "David", "Elif", "Felix", "Greta", "Hassan", "Ines", "Jonas", "Katja",
    "Liam", "Mara", "Nils", "Olga", "Pavel", "Rosa", "Samir", "Tilda", "Uwe", "Vera", "Wanda",
    "Yusuf", "Zoe", "Marek", "Priya", "Tomás", "Aisha", "Henrik", "Lucia",
];

const LAST_NAMES: &[&str] = &[
    "Albrecht",
    "Bauer",
    "Costa",
    "Demir",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Hoffmann",
    "Ivanov",
    "Jansen",
    "Keller",
    "Lindqvist",
    "Moreau",
    "Novak",
    "Okafor",
    "Petersen",
    "Quandt",
    "Rossi",
    "Sandberg",
    "Toth",
    "Ullmann",
    "Vogel",
    "Weber",
    "Yilmaz",
    "Zimmer",
    "Andersen",
    "Brandt",
    "Dubois",
    "Kowalski",
    "Nakamura",
];

const CITIES: &[&str] = &[
    "Bremen", "Lübeck", "Kiel", "Leipzig", "Graz", "Basel", "Utrecht", "Aarhus", "Malmö", "Ghent",
    "Lyon", "Porto", "Turin", "Gdańsk", "Brno",
];

const MAIL_HOSTS: &[&str] = &["example.com", "example.org", "example.net"];

const METHODS: &[&str] = &["card", "paypal", "bank transfer", "invoice"];

/// A shop as it comes out of the generator, before it is in a database.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Stock {
    /// The catalogue.
    pub products: Vec<Product>,
    /// Everybody with an account.
    pub customers: Vec<Customer>,
    /// Every order, oldest number first.
    pub orders: Vec<Order>,
}

/// Makes the shop that belongs to `seed`.
#[must_use]
pub fn generate(seed: u64) -> Stock {
    let mut random = SplitMix64::new(seed);
    let products: Vec<Product> = ARTICLES.iter().map(product).collect();
    let customers: Vec<Customer> = (0..CUSTOMERS).map(|at| customer(at, &mut random)).collect();
    let orders = (0..ORDERS)
        .filter_map(|at| {
            let who = random.pick(&customers)?.clone();
            Some(order(at, &who, &products, &mut random))
        })
        .collect();
    Stock { products, customers, orders }
}

fn product(article: &super::catalogue::Article) -> Product {
    Product {
        id: ProductId::new(article.id),
        name: article.name.to_owned(),
        family: article.family.to_owned(),
        about: article.about.to_owned(),
        price: Cents::new(article.price),
        stock: article.stock,
        takes_back: article.takes_back,
    }
}

fn customer(at: u64, random: &mut SplitMix64) -> Customer {
    let first = random.pick(FIRST_NAMES).copied().unwrap_or_default();
    let last = random.pick(LAST_NAMES).copied().unwrap_or_default();
    let host = random.pick(MAIL_HOSTS).copied().unwrap_or_default();
    let number = 1_000 + at;
    Customer {
        id: CustomerId::new(format!("C-{number}")),
        name: format!("{first} {last}"),
        // The number keeps two people of one name apart.
        email: format!("{}.{}{at}@{host}", plain(first), plain(last)),
        city: random.pick(CITIES).copied().unwrap_or_default().to_owned(),
        since: days_before(TODAY, random.between(120, 1_500)),
    }
}

fn plain(name: &str) -> String {
    name.to_lowercase().replace('á', "a")
}

fn order(at: u64, customer: &Customer, products: &[Product], random: &mut SplitMix64) -> Order {
    let number = 20_000 + at;
    let placed = days_before(TODAY, age(random));
    let way = Way::from(placed, random);
    let discount_percent = if random.below(6) == 0 { 10 } else { 0 };
    let items = items(number, products, random);
    let method = random.pick(METHODS).copied().unwrap_or_default().to_owned();
    let goods: Cents =
        items.iter().map(|i| i.price.times(i.quantity).discounted(discount_percent)).sum();
    let shipping = if goods >= FREE_SHIPPING_FROM { Cents::ZERO } else { SHIPPING };
    let paid = goods.plus(shipping);
    let gone_back = matches!(way.status, OrderStatus::Returned | OrderStatus::Cancelled);
    Order {
        id: OrderId::new(format!("HP-{number}")),
        customer: customer.id.clone(),
        status: way.status,
        placed,
        shipped: way.shipped,
        delivered: way.delivered,
        due: way.due,
        tracking: way.shipped.map(|_| format!("TRK{:09}", random.below(1_000_000_000))),
        discount_percent,
        shipping,
        items,
        payment: Payment {
            id: PaymentId::new(format!("PAY-{number}")),
            method,
            paid,
            refunded: if gone_back { paid } else { Cents::ZERO },
        },
    }
}

/// A fifth of all orders is less than a week old: those are the ones people write about.
fn age(random: &mut SplitMix64) -> i64 {
    let oldest = if random.below(5) == 0 { 6 } else { 90 };
    random.between(0, oldest)
}

fn items(number: u64, products: &[Product], random: &mut SplitMix64) -> Vec<OrderItem> {
    let lines = 1 + random.below(3);
    let mut items: Vec<OrderItem> = Vec::new();
    for _ in 0..lines {
        let Some(product) = random.pick(products) else { continue };
        // Two lines of one article would make "the blue mug" ambiguous in every letter.
        if items.iter().any(|item| item.product == product.id) {
            continue;
        }
        items.push(OrderItem {
            id: ItemId::new(format!("HP-{number}/{}", items.len() + 1)),
            product: product.id.clone(),
            name: product.name.clone(),
            family: product.family.clone(),
            takes_back: product.takes_back,
            quantity: if random.below(5) == 0 { 2 } else { 1 },
            price: product.price,
        });
    }
    items
}

/// How far a parcel has come, which follows from how long ago it was ordered.
struct Way {
    status: OrderStatus,
    shipped: Option<Date>,
    delivered: Option<Date>,
    due: Date,
}

impl Way {
    fn from(placed: Date, random: &mut SplitMix64) -> Self {
        let packing = random.between(1, 3);
        let travel = random.between(1, 4);
        let shipped = days_after(placed, packing);
        let due = days_after(shipped, travel);
        let fate = random.below(100);
        if fate < 4 {
            return Self { status: OrderStatus::Cancelled, shipped: None, delivered: None, due };
        }
        if TODAY < shipped {
            let status = if placed == TODAY { OrderStatus::Paid } else { OrderStatus::Packed };
            return Self { status, shipped: None, delivered: None, due };
        }
        // Some parcels are late: on their way although they were due, which is what people ask about.
        if TODAY <= due || (fate < 12 && TODAY < days_after(due, 10)) {
            let status = OrderStatus::Shipped;
            return Self { status, shipped: Some(shipped), delivered: None, due };
        }
        let status = if fate > 94 { OrderStatus::Returned } else { OrderStatus::Delivered };
        Self { status, shipped: Some(shipped), delivered: Some(due), due }
    }
}

fn days_before(day: Date, days: i64) -> Date {
    day.saturating_sub(days.days())
}

fn days_after(day: Date, days: i64) -> Date {
    day.saturating_add(days.days())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_shop_and_another_seed_another() {
        let bytes = |seed| serde_json::to_vec(&generate(seed)).unwrap();
        assert_eq!(bytes(SEED), bytes(SEED));
        assert_ne!(bytes(SEED), bytes(SEED + 1));
    }

    #[test]
    fn the_shop_is_as_large_as_promised_and_shows_every_status() {
        let stock = generate(SEED);
        assert!(stock.customers.len() >= 200 && stock.orders.len() >= 500);
        for status in OrderStatus::ALL {
            assert!(stock.orders.iter().any(|o| o.status == *status), "no order is {status:?}");
        }
    }

    #[test]
    fn every_order_adds_up_and_its_dates_follow_each_other() {
        for order in generate(SEED).orders {
            assert!(!order.items.is_empty(), "{} is empty", order.id);
            assert_eq!(order.total(), order.payment.paid, "{}", order.id);
            assert!(order.shipped.is_none_or(|day| order.placed < day && day <= TODAY));
            assert!(order.delivered.is_none_or(|day| order.shipped < Some(day) && day <= TODAY));
            assert_eq!(order.tracking.is_some(), order.shipped.is_some());
        }
    }

    #[test]
    fn no_two_customers_share_an_address() {
        let stock = generate(SEED);
        let addresses: std::collections::BTreeSet<_> =
            stock.customers.iter().map(|c| &c.email).collect();
        assert_eq!(addresses.len(), stock.customers.len());
    }
}
