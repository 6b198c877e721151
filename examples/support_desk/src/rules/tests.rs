//! The policy as a table: what is wanted, of which order, and what comes of it.

use jiff::civil::date;

use super::*;
use crate::{
    id::CustomerId,
    shop::{OrderItem, Payment, SEED, TakesBack, generate},
    wish::Reason,
};

const TODAY: Date = date(2026, 9, 14);

fn item(line: u8, product: &str, family: &str, cents: i64) -> OrderItem {
    OrderItem {
        id: ItemId::new(format!("HP-1/{line}")),
        product: ProductId::new(product),
        name: name_of(product),
        family: family.into(),
        takes_back: TakesBack::Always,
        quantity: 1,
        price: Cents::new(cents),
    }
}

fn name_of(product: &str) -> String {
    let found = generate(SEED).products.into_iter().find(|p| p.id.as_str() == product);
    found.map(|p| p.name).unwrap()
}

/// An order of one mug for 14.90 and one casserole for 139.00, delivered on 1 September.
fn delivered() -> Order {
    Order {
        id: OrderId::new("HP-1"),
        customer: CustomerId::new("C-1"),
        status: OrderStatus::Delivered,
        placed: date(2026, 8, 28),
        shipped: Some(date(2026, 8, 30)),
        delivered: Some(date(2026, 9, 1)),
        due: date(2026, 9, 1),
        tracking: None,
        discount_percent: 0,
        shipping: Cents::new(490),
        items: vec![item(1, "P-144", "tableware", 1_490), item(2, "P-137", "kitchen", 13_900)],
        payment: Payment {
            id: PaymentId::new("PAY-1"),
            method: "card".into(),
            paid: Cents::new(15_880),
            refunded: Cents::ZERO,
        },
    }
}

fn wish(kind: Category, item: Option<&str>, reason: Reason) -> Wish {
    Wish {
        kind,
        order: Some(OrderId::new("HP-1")),
        item: item.map(str::to_owned),
        instead: None,
        reason: Some(reason),
    }
}

fn on(wish: &Wish, order: Order, day: Date) -> Decision {
    decide(wish, &[order], &generate(SEED).products, day)
}

fn refunded(reason: Reason, item: Option<&str>, change: impl FnOnce(&mut Order)) -> (i64, Goods) {
    let mut order = delivered();
    change(&mut order);
    let decision = on(&wish(Category::Return, item, reason), order, TODAY);
    let Decision::Refund(refund) = decision else { panic!("no refund: {decision:?}") };
    (refund.cents.get(), refund.goods)
}

fn refused(wish: &Wish, order: Order, day: Date) -> No {
    let decision = on(wish, order, day);
    let Decision::Refuse(no) = decision else { panic!("not refused: {decision:?}") };
    no
}

#[test]
fn a_refund_is_what_was_paid_less_or_plus_the_way() {
    use Goods::{Fetched, Kept};
    use Reason::{ChangedMind, Faulty, WrongItem};
    let as_it_is = |_: &mut Order| {};
    assert_eq!(refunded(ChangedMind, Some("casserole"), as_it_is), (13_900, Fetched));
    assert_eq!(refunded(ChangedMind, Some("mug"), as_it_is), (1_000, Fetched));
    assert_eq!(refunded(Faulty, Some("mug"), as_it_is), (1_490, Kept));
    assert_eq!(refunded(WrongItem, Some("mug"), as_it_is), (1_490, Fetched));
    assert_eq!(refunded(Faulty, None, as_it_is), (15_880, Fetched));
    assert_eq!(refunded(Faulty, Some("casserole"), |o| o.discount_percent = 10), (12_510, Fetched));
}

#[test]
fn a_refund_never_exceeds_what_is_left_of_the_payment() {
    let left = |o: &mut Order| o.payment.refunded = Cents::new(15_000);
    assert_eq!(refunded(Reason::Faulty, Some("casserole"), left).0, 880);
    let mut order = delivered();
    order.payment.refunded = order.payment.paid;
    let wish = wish(Category::Return, None, Reason::Faulty);
    assert!(matches!(refused(&wish, order, TODAY), No::AlreadyRefunded { .. }));
}

#[test]
fn the_window_includes_its_last_day() {
    let changed = wish(Category::Return, None, Reason::ChangedMind);
    let until = date(2026, 10, 1);
    assert!(matches!(on(&changed, delivered(), until), Decision::Refund(_)));
    let late = refused(&changed, delivered(), date(2026, 10, 2));
    assert_eq!(late, No::TooLate { order: OrderId::new("HP-1"), until });
    let faulty = wish(Category::Return, None, Reason::Faulty);
    assert!(matches!(on(&faulty, delivered(), date(2027, 9, 1)), Decision::Refund(_)));
    assert!(matches!(on(&faulty, delivered(), date(2027, 9, 2)), Decision::Refuse(_)));
}

#[test]
fn some_goods_go_back_only_if_they_arrived_broken() {
    let mut order = delivered();
    order.items[0].takes_back = TakesBack::OnlyFaulty;
    let changed = wish(Category::Return, Some("mug"), Reason::ChangedMind);
    assert!(matches!(refused(&changed, order.clone(), TODAY), No::NotTakenBack { .. }));
    let faulty = wish(Category::Return, Some("mug"), Reason::Faulty);
    assert!(matches!(on(&faulty, order, TODAY), Decision::Refund(_)));
}

#[test]
fn only_a_refund_above_the_limit_waits_for_a_person() {
    assert_eq!(approval(REVIEW_ABOVE), Approval::NotNeeded);
    assert_eq!(approval(REVIEW_ABOVE.plus(Cents::new(1))), Approval::Needed);
}

#[test]
fn an_order_can_be_called_off_until_the_courier_has_it() {
    for status in OrderStatus::ALL {
        let mut order = delivered();
        order.status = *status;
        let wish = wish(Category::Cancel, None, Reason::ChangedMind);
        let decision = on(&wish, order, TODAY);
        let early = matches!(status, OrderStatus::Paid | OrderStatus::Packed);
        assert_eq!(matches!(decision, Decision::Cancel { .. }), early, "{status:?}");
    }
}

#[test]
fn an_exchange_stays_in_the_family_and_within_what_was_paid() {
    let instead = |name: &str| Wish {
        instead: Some(name.into()),
        ..wish(Category::Exchange, Some("mug"), Reason::ChangedMind)
    };
    let swap = |name| on(&instead(name), delivered(), TODAY);
    assert!(matches!(swap("mug white"), Decision::Exchange(s) if s.product.as_str() == "P-145"));
    assert!(matches!(swap("plate"), Decision::Refuse(No::CostsMore { .. })));
    assert!(matches!(swap("desk lamp"), Decision::Refuse(No::NoSuchArticle { .. })));
    assert!(
        matches!(swap("Dal mug, blue"), Decision::Exchange(s) if s.product.as_str() == "P-144")
    );
}

#[test]
fn an_exchange_needs_a_piece_in_the_warehouse() {
    let mut order = delivered();
    order.items = vec![item(1, "P-117", "jacket", 9_900)];
    let wish = Wish {
        instead: Some("jacket XL".into()),
        ..wish(Category::Exchange, Some("jacket"), Reason::ChangedMind)
    };
    assert!(matches!(refused(&wish, order, TODAY), No::OutOfStock { .. }));
}

#[test]
fn the_number_of_somebody_elses_order_is_no_number() {
    let mut foreign = wish(Category::Return, None, Reason::Faulty);
    foreign.order = Some(OrderId::new("HP-2"));
    let asked = on(&foreign, delivered(), TODAY);
    assert_eq!(asked, Decision::Ask { orders: vec![OrderId::new("HP-1")] });
}

#[test]
fn without_a_number_the_article_decides_and_two_candidates_are_asked_about() {
    let mut nameless = wish(Category::Return, Some("mug"), Reason::Faulty);
    nameless.order = None;
    assert!(matches!(on(&nameless, delivered(), TODAY), Decision::Refund(_)));
    let twin = Order { id: OrderId::new("HP-2"), ..delivered() };
    let products = generate(SEED).products;
    let asked = decide(&nameless, &[delivered(), twin.clone()], &products, TODAY);
    assert!(matches!(asked, Decision::Ask { orders } if orders.len() == 2));
    let gone = Order { status: OrderStatus::Returned, ..twin };
    let decided = decide(&nameless, &[delivered(), gone], &products, TODAY);
    assert!(matches!(decided, Decision::Refund(refund) if refund.order.as_str() == "HP-1"));
}
