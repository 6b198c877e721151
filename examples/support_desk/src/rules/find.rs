//! Which of the writer's own orders, and which line of it, a wish means.

use super::Decision;
use crate::{
    shop::{Order, OrderItem},
    wish::Wish,
};

/// Candidates an answer lists when it has to ask.
const CANDIDATES: usize = 5;

/// Returns the one order that `wish` can mean: the one it names, or the only one that has the
/// article and stands where the wish can be granted (`fits`).
///
/// # Errors
/// The question to ask, if none or several could be meant. A number that is not among the writer's
/// own orders counts as no number at all: it may be somebody else's.
pub(super) fn order<'o>(
    wish: &Wish,
    orders: &'o [Order],
    fits: impl Fn(&Order) -> bool,
) -> Result<&'o Order, Decision> {
    if let Some(number) = &wish.order {
        return orders.iter().find(|order| order.id == *number).ok_or_else(|| ask(orders.iter()));
    }
    let has_article = |order: &&Order| {
        wish.item.as_deref().is_none_or(|name| order.items.iter().any(|item| names(name, item)))
    };
    let all: Vec<&Order> = orders.iter().filter(has_article).collect();
    let fitting: Vec<&Order> = all.iter().copied().filter(|order| fits(order)).collect();
    match (fitting.as_slice(), all.as_slice()) {
        // With nothing that fits, the only one there is says best why not.
        ([one], _) | ([], [one]) => Ok(one),
        ([], []) => Err(ask(orders.iter())),
        ([], many) | (many, _) => Err(ask(many.iter().copied())),
    }
}

/// Returns the lines of `order` that `wish` means; all of them if it names no article.
pub(super) fn items<'o>(wish: &Wish, order: &'o Order) -> Vec<&'o OrderItem> {
    let meant = |item: &&OrderItem| wish.item.as_deref().is_none_or(|name| names(name, item));
    order.items.iter().filter(meant).collect()
}

/// Returns whether every word of `name` is in the article's name.
pub(super) fn fits_name(name: &str, article: &str) -> bool {
    let article = article.to_lowercase();
    let mut words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.all(|word| article.contains(&word.to_lowercase()))
}

fn names(name: &str, item: &OrderItem) -> bool {
    fits_name(name, &item.name)
}

fn ask<'o>(orders: impl Iterator<Item = &'o Order>) -> Decision {
    Decision::Ask { orders: orders.take(CANDIDATES).map(|order| order.id.clone()).collect() }
}
