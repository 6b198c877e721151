//! No order of calls, outcomes and crashes passes a limit.

use super::*;
use crate::code::Code;

fn usd(micros: u64) -> Spend {
    Spend { usd: micros, ..Spend::ZERO }
}

fn limited(text: &str) -> Ledger {
    Ledger::new(text.parse().unwrap())
}

/// Reserves with an advance of exactly what is missing, as an intent's commit does.
fn advance_and_reserve(ledger: &mut Ledger, worst: &Spend) -> Result<Reservation, Refusal> {
    ledger.advance(worst, &Spend::ZERO).map_err(Refusal::Exhausted)?;
    ledger.reserve(worst)
}

#[test]
fn a_call_that_could_pass_the_limit_is_refused_before_it_starts() {
    let mut ledger = limited("tool_calls=20");
    ledger.charge(&Settlement::known(Spend { tool_calls: 20, ..Spend::ZERO }));
    let refusal = ledger.reserve(&Spend { tool_calls: 1, ..Spend::ZERO }).unwrap_err();
    let Refusal::Exhausted(exhausted) = refusal else { panic!("{refusal:?}") };
    assert_eq!(exhausted.to_string(), "budget reached: 20 of 20 tool calls");
    assert_eq!(exhausted.code(), Code::BudgetReached);
}

#[test]
fn a_ten_token_budget_refuses_a_call_that_could_return_more() {
    let mut ledger = limited("tokens=10");
    let worst = Spend { input_tokens: 3, output_tokens: 8, ..Spend::ZERO };
    let exhausted = ledger.advance(&worst, &Spend::ZERO).unwrap_err();
    assert_eq!(
        exhausted.to_string(),
        "budget reached: 0 of 10 tokens, and the next effect could use 11"
    );
    assert_eq!(ledger, limited("tokens=10"), "a refusal changes nothing");
}

#[test]
fn money_is_shown_as_people_write_it() {
    let mut ledger = limited("usd=0.50");
    ledger.charge(&Settlement::known(usd(500_000)));
    let exhausted = ledger.advance(&usd(1), &Spend::ZERO).unwrap_err();
    assert_eq!(exhausted.to_string(), "budget reached: 0.50 of 0.50 usd");
}

#[test]
fn a_call_beyond_the_advance_needs_a_commit_first_and_a_small_one_needs_none() {
    let mut ledger = limited("usd=1");
    assert_eq!(ledger.reserve(&usd(100)).unwrap_err(), Refusal::AdvanceFirst);
    assert_eq!(ledger.advance(&usd(100), &usd(1_000)), Ok(usd(1_000)));
    for _ in 0..10 {
        let call = ledger.reserve(&usd(100)).unwrap();
        ledger.settle(call, &Settlement::known(usd(100)));
    }
    assert_eq!(ledger.reserve(&usd(100)).unwrap_err(), Refusal::AdvanceFirst);
}

#[test]
fn what_a_call_did_not_use_serves_the_next_call() {
    let mut ledger = limited("usd=1");
    ledger.advance(&usd(100), &Spend::ZERO).unwrap();
    let call = ledger.reserve(&usd(100)).unwrap();
    ledger.settle(call, &Settlement::known(usd(40)));
    assert_eq!(ledger.standing_advance(), usd(60));
    assert!(ledger.reserve(&usd(60)).is_ok());
}

#[test]
fn a_wish_that_does_not_fit_still_gets_what_is_needed() {
    let mut ledger = limited("usd=0.000100");
    assert_eq!(ledger.advance(&usd(60), &usd(1_000)), Ok(usd(60)));
}

#[test]
fn two_calls_in_flight_cannot_draw_the_same_advance() {
    let mut ledger = limited("usd=1");
    ledger.advance(&usd(100), &Spend::ZERO).unwrap();
    let _first = ledger.reserve(&usd(60)).unwrap();
    assert_eq!(ledger.reserve(&usd(60)).unwrap_err(), Refusal::AdvanceFirst);
    assert_eq!(ledger.advance(&usd(60), &Spend::ZERO), Ok(usd(20)));
    assert!(ledger.reserve(&usd(60)).is_ok());
}

#[test]
fn after_a_crash_the_advance_counts_as_spent() {
    let mut live = limited("usd=0.000100");
    live.advance(&usd(70), &Spend::ZERO).unwrap();
    let durable = serde_json::to_value(&live).unwrap();
    let _in_flight = live.reserve(&usd(70)).unwrap();

    let mut recovered: Ledger = serde_json::from_value(durable).unwrap();
    assert_eq!(recovered.charge_unknown(), usd(70));
    assert_eq!(recovered.spent_unknown(), usd(70));
    assert_eq!(recovered.remaining(Dimension::Usd), Some(30));
    assert!(advance_and_reserve(&mut recovered, &usd(31)).is_err());
}

#[test]
fn a_vendor_that_bills_more_than_asked_is_counted_and_stops_what_follows() {
    let mut ledger = limited("usd=0.000100");
    let call = advance_and_reserve(&mut ledger, &usd(50)).unwrap();
    ledger.settle(call, &Settlement::known(usd(170)));
    assert_eq!(ledger.spent(), usd(170));
    assert_eq!(ledger.remaining(Dimension::Usd), Some(0));
    let exhausted = ledger.advance(&usd(1), &Spend::ZERO).unwrap_err();
    assert_eq!(exhausted.to_string(), "budget reached: 0.00017 of 0.0001 usd");
}

#[test]
fn an_overcharge_takes_from_the_advance_before_it_passes_the_limit() {
    let mut ledger = limited("usd=0.000100");
    ledger.advance(&usd(50), &usd(100)).unwrap();
    let call = ledger.reserve(&usd(50)).unwrap();
    ledger.settle(call, &Settlement::known(usd(80)));
    assert_eq!(ledger.standing_advance(), usd(20));
    assert!(ledger.reserve(&usd(21)).is_err());
}

#[test]
fn a_call_whose_usage_is_unknown_counts_with_its_worst_case() {
    let mut ledger = limited("usd=1");
    let call = advance_and_reserve(&mut ledger, &usd(50)).unwrap();
    let worst = call.worst();
    ledger.settle(call, &Settlement::unknown(worst));
    assert_eq!((ledger.spent(), ledger.spent_unknown()), (Spend::ZERO, usd(50)));
}

#[test]
fn the_fold_of_the_journal_equals_the_live_ledger() {
    let mut live = limited("usd=1");
    let advanced = live.advance(&usd(10), &usd(90)).unwrap();
    let call = live.reserve(&usd(10)).unwrap();
    let settlement = Settlement::known(usd(7));
    live.settle(call, &settlement);

    let mut fold = limited("usd=1");
    fold.record_advance(&advanced);
    fold.charge(&settlement);
    assert_eq!(fold, live);
}

#[test]
fn releasing_keeps_what_calls_in_flight_have_drawn() {
    let mut ledger = limited("usd=1");
    ledger.advance(&usd(10), &usd(90)).unwrap();
    let call = ledger.reserve(&usd(10)).unwrap();
    ledger.release_advance();
    assert_eq!(ledger.standing_advance(), usd(10));
    ledger.settle(call, &Settlement::NOTHING);
    ledger.release_advance();
    assert_eq!(ledger.remaining(Dimension::Usd), Some(1_000_000));
}

#[test]
fn an_allotment_is_carved_out_and_what_is_left_of_it_comes_back() {
    let mut parent = limited("usd=1,tool_calls=10");
    let child = parent.allot("child", &"usd=0.40".parse().unwrap()).unwrap();
    assert_eq!((child.usd, child.tool_calls), (Some(400_000), Some(10)));
    assert_eq!(parent.remaining(Dimension::Usd), Some(600_000));
    let used = Spend { usd: 100_000, tool_calls: 3, ..Spend::ZERO };
    parent.settle_allotment("child", &Settlement::known(used));
    assert_eq!(parent.remaining(Dimension::Usd), Some(900_000));
    assert_eq!(parent.remaining(Dimension::ToolCalls), Some(7));
    assert_eq!(parent.allotment("child"), None);
}

#[test]
fn a_child_cannot_be_given_more_than_remains() {
    let mut parent = limited("usd=1");
    parent.allot("first", &"usd=0.70".parse().unwrap()).unwrap();
    let exhausted = parent.allot("second", &"usd=0.40".parse().unwrap()).unwrap_err();
    assert_eq!((exhausted.spent, exhausted.asked), (700_000, 400_000));
    assert!(parent.advance(&usd(300_001), &Spend::ZERO).is_err());
}

#[test]
fn a_total_is_carved_once_and_not_once_for_each_of_its_parts() {
    let mut parent = limited("tokens=20k,input_tokens=15k");
    let child = parent.allot("child", &"tokens=10k".parse().unwrap()).unwrap();
    assert_eq!((child.tokens, child.input_tokens), (Some(10_000), Some(10_000)));
    assert_eq!(parent.remaining(Dimension::Tokens), Some(10_000));
    let child =
        parent.allot("other", &"input_tokens=1k,output_tokens=2k".parse().unwrap()).unwrap();
    assert_eq!(child.tokens, Some(3_000));
}

#[test]
fn a_child_inherits_the_stricter_deadline_and_depth() {
    let now = Timestamp::from_millis(0);
    let mut parent = Ledger::new(Limits::read("deadline=1h,depth=3", now).unwrap());
    let child = parent.allot("child", &Limits::read("deadline=2h,depth=2", now).unwrap()).unwrap();
    assert_eq!(child.deadline, Some(Timestamp::from_millis(3_600_000)));
    assert_eq!(child.depth, Some(2));
}

#[test]
fn a_top_up_raises_what_is_limited_and_nothing_else() {
    let now = Timestamp::from_millis(0);
    let mut ledger = Ledger::new(Limits::read("usd=0.50,deadline=2h", now).unwrap());
    ledger.charge(&Settlement::known(usd(500_000)));
    ledger.top_up(&Limits::read_top_up("+usd=0.25,+tool_calls=3,+deadline=1h", now).unwrap());
    assert_eq!(ledger.remaining(Dimension::Usd), Some(250_000));
    assert_eq!(ledger.remaining(Dimension::ToolCalls), None);
    assert_eq!(ledger.limits().deadline, Some(Timestamp::from_millis(7_200_000)));
}

#[test]
fn depth_is_a_level_and_deadline_a_time() {
    let now = Timestamp::from_millis(0);
    let ledger = Ledger::new(Limits::read("depth=2,deadline=1h", now).unwrap());
    assert_eq!(ledger.enter(2), Ok(()));
    assert_eq!(ledger.enter(3).unwrap_err().to_string(), "budget reached: 2 of 2 levels of depth");
    assert_eq!(ledger.start_at(Timestamp::from_millis(3_599_999)), Ok(()));
    let late = ledger.start_at(Timestamp::from_millis(3_660_000)).unwrap_err();
    assert_eq!(
        (late.to_string().as_str(), late.code()),
        ("deadline passed 1m ago", Code::DeadlinePassed)
    );
}

#[test]
fn what_no_limit_speaks_of_needs_no_advance() {
    let spend = Spend { usd: 5, input_tokens: 6, tool_calls: 7, ..Spend::ZERO };
    assert_eq!(limited("depth=3").limits().limited(&spend), Spend::ZERO);
    assert_eq!(limited("usd=1").limits().limited(&spend), usd(5));
    let tokens = limited("tokens=10").limits().limited(&spend);
    assert_eq!(tokens, Spend { input_tokens: 6, ..Spend::ZERO });
}
