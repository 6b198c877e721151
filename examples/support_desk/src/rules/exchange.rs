//! Goods for other goods of the same family, at no higher price, if there is a piece.

use jiff::civil::Date;

use super::{Decision, No, Swap, find, returns};
use crate::{
    shop::{Order, OrderItem, Product},
    wish::{Reason, Wish},
};

pub(super) fn decide(wish: &Wish, orders: &[Order], products: &[Product], on: Date) -> Decision {
    let reason = wish.reason.unwrap_or(Reason::ChangedMind);
    let fits = |order: &Order| returns::can_go_back(order, reason, on).is_ok();
    let order = match find::order(wish, orders, fits) {
        Ok(order) => order,
        Err(ask) => return ask,
    };
    match swap(wish, order, products, reason, on) {
        Ok(swap) => Decision::Exchange(swap),
        Err(no) => Decision::Refuse(no),
    }
}

fn swap(
    wish: &Wish,
    order: &Order,
    products: &[Product],
    reason: Reason,
    on: Date,
) -> Result<Swap, No> {
    returns::can_go_back(order, reason, on)?;
    let name = wish.instead.clone().unwrap_or_default();
    let items = find::items(wish, order);
    let Some(item) = items.first() else { return Err(No::NoSuchArticle { name }) };
    if !returns::taken_back(item, reason) {
        return Err(No::NotTakenBack { order: order.id.clone(), name: item.name.clone() });
    }
    let product = wanted(&name, item, products).ok_or(No::NoSuchArticle { name })?;
    if product.stock < item.quantity {
        return Err(No::OutOfStock { name: product.name.clone() });
    }
    let paid = order.paid_for(item);
    // A discount counted once for the old piece counts for the new one as well.
    let price = product.price.times(item.quantity).discounted(order.discount_percent);
    if price > paid {
        return Err(No::CostsMore { name: product.name.clone(), price, paid });
    }
    Ok(Swap { order: order.id.clone(), item: item.id.clone(), product: product.id.clone() })
}

/// The same article, if they ask for a new piece of it; otherwise the one of its family they name.
fn wanted<'p>(name: &str, item: &OrderItem, products: &'p [Product]) -> Option<&'p Product> {
    if name.is_empty() {
        return products.iter().find(|product| product.id == item.product);
    }
    let mut family = products.iter().filter(|product| product.family == item.family);
    family.find(|product| find::fits_name(name, &product.name))
}
