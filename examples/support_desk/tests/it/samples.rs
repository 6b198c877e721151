//! Every sample letter belongs to the shop, and the scripted model's reading of it leads, through
//! the policy, to exactly what the letter expects.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use support_desk::{
    rules::{self, Approval, Decision},
    shop::{Order, SEED, Stock, TODAY, generate},
    ticket::{Outcome, Sample, samples, sign_ups},
    wish::{Category, Wish, Wishes},
};

const SCRIPT: &str = include_str!("../../model.yaml");

/// The replies of the rules for one output, by the letter each rule names; repairs apart.
fn replies(output: &str) -> BTreeMap<String, Value> {
    let script: Value = serde_saphyr::from_str(SCRIPT).unwrap();
    let mut replies = BTreeMap::new();
    for rule in script["rules"].as_array().unwrap() {
        if rule["when"]["output"] == output && rule["when"]["turn"].is_null() {
            let named = rule["when"]["all"][0].as_str().unwrap();
            let ticket = named.trim_start_matches("Letter ").chars().take(4).collect();
            let earlier = replies.insert(ticket, rule["reply"]["json"].clone());
            assert!(earlier.is_none(), "{output}: two rules for {named}");
        }
    }
    replies
}

fn wishes(sample: &Sample) -> Vec<Wish> {
    match replies("extract").remove(sample.ticket.id.as_str()) {
        Some(json) => serde_json::from_value::<Wishes>(json).unwrap().wishes,
        None => Vec::new(),
    }
}

fn own_orders(stock: &Stock, sample: &Sample) -> Vec<Order> {
    let writer = stock.customers.iter().find(|c| c.email == sample.ticket.from);
    let writer = writer.unwrap_or_else(|| panic!("{} has an unknown writer", sample.ticket.id));
    stock.orders.iter().filter(|order| order.customer == writer.id).cloned().collect()
}

fn outcome(decision: &Decision) -> Outcome {
    match decision {
        Decision::Refund(refund) => match rules::approval(refund.cents) {
            Approval::Needed => Outcome::Review(refund.cents),
            Approval::NotNeeded => Outcome::Refund(refund.cents),
        },
        Decision::Exchange(swap) => Outcome::Exchange(swap.product.clone()),
        Decision::Cancel { order } => Outcome::Cancelled(order.clone()),
        Decision::Describe { .. } | Decision::Suggest { .. } | Decision::Ask { .. } => {
            Outcome::Answered
        }
        Decision::Refuse(_) => Outcome::Refused,
    }
}

#[test]
fn there_are_enough_letters_numbered_in_order_and_all_kinds_are_among_them() {
    let samples = samples().unwrap();
    assert!(samples.len() >= 44, "only {} letters", samples.len());
    for (sample, number) in samples.iter().zip(1..) {
        assert_eq!(sample.ticket.id.as_str(), format!("T-{number:02}"));
        assert!(sample.ticket.arrived_at <= TODAY);
    }
    for category in Category::ALL {
        assert!(
            samples.iter().any(|s| s.expect.category == *category),
            "no letter is {category:?}"
        );
    }
}

#[test]
fn every_writer_has_an_account_and_every_order_in_a_wish_is_theirs_but_the_one_misquoted() {
    let stock = generate(SEED);
    let mut misquoted = Vec::new();
    for sample in samples().unwrap() {
        let own = own_orders(&stock, &sample);
        for order in wishes(&sample).into_iter().filter_map(|wish| wish.order) {
            if !own.iter().any(|o| o.id == order) {
                misquoted.push(sample.ticket.id.to_string());
            }
        }
    }
    assert_eq!(misquoted, ["T-38"], "T-38 quotes a number that does not exist");
}

#[test]
fn the_policy_makes_of_every_letter_what_it_expects() {
    let stock = generate(SEED);
    for sample in samples().unwrap() {
        let own = own_orders(&stock, &sample);
        let on = sample.ticket.arrived_at;
        let decided: Vec<_> = wishes(&sample)
            .iter()
            .map(|wish| outcome(&rules::decide(wish, &own, &stock.products, on)))
            .collect();
        let expected = match (sample.expect.category, sample.expect.outcomes.as_slice()) {
            // Letters that are only abuse are not read for wishes.
            (Category::Abuse, [Outcome::Refused]) => Vec::new(),
            // The budget ends before anything is decided; a topped-up run would answer.
            (_, [Outcome::BudgetStop]) => vec![Outcome::Answered],
            (_, outcomes) => outcomes.to_vec(),
        };
        assert_eq!(decided, expected, "{}", sample.ticket.id);
    }
}

#[test]
fn the_scripted_model_sorts_every_letter_as_expected_and_the_main_wish_agrees() {
    let sorted = replies("classify");
    for sample in samples().unwrap() {
        let category = &sorted[sample.ticket.id.as_str()]["category"];
        assert_eq!(category, sample.expect.category.word(), "{}", sample.ticket.id);
        if let Some(first) = wishes(&sample).first() {
            assert_eq!(first.kind, sample.expect.category, "{}", sample.ticket.id);
        }
    }
}

#[test]
fn exactly_one_letter_waits_for_a_person_and_one_stops_at_its_budget() {
    let samples = samples().unwrap();
    let count = |is: fn(&Outcome) -> bool| {
        samples.iter().flat_map(|s| &s.expect.outcomes).filter(|o| is(o)).count()
    };
    assert_eq!(count(|o| matches!(o, Outcome::Review(_))), 1);
    assert_eq!(count(|o| matches!(o, Outcome::BudgetStop)), 1);
}

#[test]
fn the_rambling_letter_is_far_longer_than_any_other() {
    let samples = samples().unwrap();
    let length = |stops: bool| {
        let stop = |s: &&Sample| s.expect.outcomes.contains(&Outcome::BudgetStop) == stops;
        samples.iter().filter(stop).map(|s| s.ticket.body.chars().count()).max().unwrap()
    };
    assert!(length(true) > 6_000, "{}", length(true));
    assert!(length(false) < 1_000, "{}", length(false));
}

#[test]
fn no_two_letters_move_the_same_thing() {
    let stock = generate(SEED);
    let mut moved = BTreeSet::new();
    for sample in samples().unwrap() {
        let own = own_orders(&stock, &sample);
        for wish in wishes(&sample) {
            let subject = match rules::decide(&wish, &own, &stock.products, TODAY) {
                Decision::Refund(refund) => refund.payment.to_string(),
                Decision::Exchange(swap) => swap.item.to_string(),
                Decision::Cancel { order } => order.to_string(),
                Decision::Describe { .. }
                | Decision::Suggest { .. }
                | Decision::Ask { .. }
                | Decision::Refuse(_) => continue,
            };
            assert!(moved.insert(subject.clone()), "{}: {subject} moves twice", sample.ticket.id);
        }
    }
    assert!(moved.len() > 20);
}

#[test]
fn one_sign_up_fails_at_the_second_system() {
    let refused = support_desk::shop::LOYALTY_REFUSES;
    let sign_ups = sign_ups().unwrap();
    assert_eq!(sign_ups.iter().filter(|s| s.email.contains(refused)).count(), 1);
}
