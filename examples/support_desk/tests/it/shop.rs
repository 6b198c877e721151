//! What the shop does to its tables, on each database.

use crate::database;
use jiff::civil::date;
use support_desk::{
    cents::Cents,
    id::{ItemId, OrderId, PaymentId, ProductId, TicketId},
    shop::{
        ActionKind, LOYALTY_REFUSES, Message, OrderStatus, Refusal, SEED, Shop, ShopError, generate,
    },
};

/// One test body, run on each database.
macro_rules! on_each_database {
    ($($name:ident($shop:ident) $body:block)*) => {
        mod sqlite {
            use super::*;
            $(#[tokio::test] async fn $name() {
                let database = database::sqlite();
                let $shop = database.shop().await;
                $body
            })*
        }
        mod postgres {
            use super::*;
            $(#[tokio::test] async fn $name() {
                let database = database::postgres().await;
                let $shop = database.shop().await;
                $body
            })*
        }
    };
}

/// What was performed, of how many arrivals, for one kind and subject.
async fn counted(shop: &Shop, kind: ActionKind, subject: &str) -> (i64, i64) {
    let actions = shop.actions().await.unwrap();
    let found = actions.iter().find(|a| a.action == kind && a.subject == subject);
    found.map_or((0, 0), |action| (action.performed, action.arrivals))
}

fn refusal(error: ShopError) -> Refusal {
    let ShopError::Refused(refusal) = error else { panic!("not refused: {error:?}") };
    refusal
}

fn message(body: &str) -> Message {
    Message {
        ticket: TicketId::new("T-01"),
        to: "anna@example.com".into(),
        subject: "Re: mug".into(),
        body: body.into(),
    }
}

on_each_database! {
    the_tables_hold_exactly_what_the_generator_made(shop) {
        let stock = generate(SEED);
        for customer in &stock.customers {
            let mut generated: Vec<_> =
                stock.orders.iter().filter(|o| o.customer == customer.id).cloned().collect();
            generated.sort_by(|a, b| (b.placed, &b.id).cmp(&(a.placed, &a.id)));
            assert_eq!(shop.orders_of(&customer.id).await.unwrap(), generated);
        }
        let customer = &stock.customers[7];
        let shouted = customer.email.to_uppercase();
        assert_eq!(shop.customer_by_email(&shouted).await.unwrap().as_ref(), Some(customer));
        assert!(shop.customers_named(&customer.name).await.unwrap().contains(customer));
        let product = &stock.products[0];
        assert_eq!(shop.product(&product.id).await.unwrap().as_ref(), Some(product));
        let order = &stock.orders[0];
        assert_eq!(shop.order(&order.id).await.unwrap().as_ref(), Some(order));
        assert_eq!(shop.order(&OrderId::new("HP-1")).await.unwrap(), None);
        let pans = shop.search_products("cast iron pan", 2).await.unwrap();
        assert_eq!(pans.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(), ["P-135", "P-136"]);
    }

    filling_twice_changes_nothing_and_another_seed_is_refused(shop) {
        shop.refund("k", &PaymentId::new("PAY-20482"), Cents::new(100)).await.unwrap();
        shop.create_and_fill(SEED).await.unwrap();
        let order = shop.order(&OrderId::new("HP-20482")).await.unwrap().unwrap();
        assert_eq!(order.payment.refunded, Cents::new(100));
        let error = shop.create_and_fill(SEED + 1).await.unwrap_err();
        assert!(matches!(error, ShopError::FilledOtherwise { .. }), "{error}");
    }

    a_refund_under_one_key_is_performed_once_however_often_it_arrives(shop) {
        let payment = PaymentId::new("PAY-20482");
        let first = shop.refund("key-1", &payment, Cents::new(5_000)).await.unwrap();
        let again = shop.refund("key-1", &payment, Cents::new(5_000)).await.unwrap();
        assert_eq!(first, again);
        assert_eq!(counted(&shop, ActionKind::Refund, "PAY-20482").await, (1, 2));
        let order = shop.order(&OrderId::new("HP-20482")).await.unwrap().unwrap();
        assert_eq!(order.payment.refunded, Cents::new(5_000));
    }

    a_refund_under_a_second_key_shows_as_performed_twice(shop) {
        let payment = PaymentId::new("PAY-20482");
        shop.refund("key-1", &payment, Cents::new(5_000)).await.unwrap();
        shop.refund("key-2", &payment, Cents::new(5_000)).await.unwrap();
        assert_eq!(counted(&shop, ActionKind::Refund, "PAY-20482").await, (2, 2));
    }

    two_refunds_at_the_same_time_under_one_key_are_performed_once(shop) {
        let payment = PaymentId::new("PAY-20482");
        let calls = (0..8).map(|_| {
            let (shop, payment) = (shop.clone(), payment.clone());
            tokio::spawn(async move { shop.refund("key-1", &payment, Cents::new(900)).await })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap().unwrap();
        }
        assert_eq!(counted(&shop, ActionKind::Refund, "PAY-20482").await, (1, 8));
    }

    a_refund_is_refused_above_what_is_left_and_under_a_foreign_key(shop) {
        let payment = PaymentId::new("PAY-20482");
        let much = shop.refund("key-1", &payment, Cents::new(13_901)).await.unwrap_err();
        let (wanted, left) = (Cents::new(13_901), Cents::new(13_900));
        assert_eq!(refusal(much), Refusal::MoreThanPaid { wanted, left });
        shop.refund("key-1", &payment, Cents::new(13_900)).await.unwrap();
        let foreign = shop.refund("key-1", &payment, Cents::new(1)).await.unwrap_err();
        assert_eq!(refusal(foreign), Refusal::KeyReused("key-1".into()));
        let unknown = shop.refund("key-3", &PaymentId::new("PAY-1"), Cents::new(1)).await;
        assert!(matches!(unknown, Err(ShopError::Missing { what: "payment", .. })));
        assert_eq!(counted(&shop, ActionKind::Refund, "PAY-20482").await, (1, 1));
        assert_eq!(counted(&shop, ActionKind::Refund, "PAY-1").await, (0, 0));
    }

    an_exchange_can_be_looked_up_and_a_repeat_sends_a_second_parcel(shop) {
        let (item, product) = (ItemId::new("HP-20161/1"), ProductId::new("P-117"));
        assert_eq!(shop.find_exchange("ref-1").await.unwrap(), None);
        let stock = shop.product(&product).await.unwrap().unwrap().stock;
        let exchange = shop.exchange("ref-1", &item, &product).await.unwrap();
        assert_eq!(shop.find_exchange("ref-1").await.unwrap(), Some(exchange));
        shop.exchange("ref-1", &item, &product).await.unwrap();
        assert_eq!(counted(&shop, ActionKind::Exchange, "HP-20161/1").await, (2, 2));
        assert_eq!(shop.product(&product).await.unwrap().unwrap().stock, stock - 2);
    }

    an_exchange_without_a_piece_is_refused_and_leaves_nothing(shop) {
        let (item, product) = (ItemId::new("HP-20293/1"), ProductId::new("P-118"));
        let gone = shop.exchange("ref-1", &item, &product).await.unwrap_err();
        assert_eq!(refusal(gone), Refusal::OutOfStock("P-118".into()));
        assert_eq!(shop.find_exchange("ref-1").await.unwrap(), None);
        assert!(shop.actions().await.unwrap().is_empty());
    }

    an_order_is_cancelled_once_and_not_after_it_left(shop) {
        let order = OrderId::new("HP-20011");
        let first = shop.cancel_order(&order).await.unwrap();
        assert_eq!(first, shop.cancel_order(&order).await.unwrap());
        assert_eq!(first.refunded, Cents::new(4_531));
        assert_eq!(counted(&shop, ActionKind::CancelOrder, "HP-20011").await, (1, 2));
        let cancelled = shop.order(&order).await.unwrap().unwrap();
        assert_eq!(cancelled.status, OrderStatus::Cancelled);
        assert_eq!(cancelled.payment.refunded, cancelled.payment.paid);
        let late = shop.cancel_order(&OrderId::new("HP-20047")).await.unwrap_err();
        assert_eq!(refusal(late), Refusal::Status(OrderStatus::Shipped));
    }

    every_pickup_sends_a_van(shop) {
        let (order, day) = (OrderId::new("HP-20482"), date(2026, 9, 17));
        let first = shop.book_pickup(&order, day).await.unwrap();
        let second = shop.book_pickup(&order, day).await.unwrap();
        assert_eq!(first.confirmation, "VAN-20482-1");
        assert_eq!(second.confirmation, "VAN-20482-2");
        assert_eq!(counted(&shop, ActionKind::BookPickup, "HP-20482").await, (2, 2));
        let unknown = shop.book_pickup(&OrderId::new("HP-1"), day).await;
        assert!(matches!(unknown, Err(ShopError::Missing { what: "order", .. })));
    }

    a_message_leaves_once_a_key(shop) {
        shop.send("key-1", &message("Hello")).await.unwrap();
        shop.send("key-1", &message("Hello")).await.unwrap();
        assert_eq!(shop.outbox().await.unwrap(), [message("Hello")]);
        assert_eq!(counted(&shop, ActionKind::Send, "T-01").await, (1, 2));
        let other = shop.send("key-1", &message("Goodbye")).await.unwrap_err();
        assert_eq!(refusal(other), Refusal::KeyReused("key-1".into()));
    }

    an_account_the_loyalty_programme_refuses_can_be_taken_back(shop) {
        let email = format!("Paul{LOYALTY_REFUSES}@example.net");
        let account = shop.create_account("key-1", "Paul", &email, "Graz").await.unwrap();
        let again = shop.create_account("key-1", "Paul", &email, "Graz").await.unwrap();
        assert_eq!(account, again);
        let refused = shop.loyalty_enrol(&account.customer).await.unwrap_err();
        assert_eq!(refusal(refused), Refusal::LoyaltyClosed(account.email.clone()));
        shop.delete_account(&account.customer).await.unwrap();
        shop.delete_account(&account.customer).await.unwrap();
        assert_eq!(shop.customer_by_email(&email).await.unwrap(), None);
        assert_eq!(counted(&shop, ActionKind::CreateAccount, &account.email).await, (1, 2));
        let number = account.customer.as_str();
        assert_eq!(counted(&shop, ActionKind::DeleteAccount, number).await, (1, 2));
        assert_eq!(counted(&shop, ActionKind::LoyaltyEnrol, number).await, (0, 0));
    }

    a_member_joins_and_leaves_once(shop) {
        let account = shop.create_account("k", "Marta", "m@example.com", "Kiel").await.unwrap();
        for _ in 0..2 {
            shop.loyalty_enrol(&account.customer).await.unwrap();
        }
        for _ in 0..2 {
            shop.loyalty_withdraw(&account.customer).await.unwrap();
        }
        let number = account.customer.as_str();
        assert_eq!(counted(&shop, ActionKind::LoyaltyEnrol, number).await, (1, 2));
        assert_eq!(counted(&shop, ActionKind::LoyaltyWithdraw, number).await, (1, 2));
        let taken = shop.create_account("other", "M", "M@example.com", "Kiel").await.unwrap_err();
        assert_eq!(refusal(taken), Refusal::AddressTaken("m@example.com".into()));
    }
}

#[tokio::test]
async fn a_shop_needs_a_database_it_knows() {
    let error = Shop::open("mysql://localhost/shop").await.unwrap_err();
    assert!(matches!(error, ShopError::Url(_)), "{error}");
}
