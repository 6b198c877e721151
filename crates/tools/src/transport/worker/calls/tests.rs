//! A call's life, second by second.

use mainstay_core::{failure::Retryability, tool::TookEffect};
use serde_json::json;

use super::*;
use crate::testing::call;

const fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Leases last 15 seconds, and a call waits 10 to be taken.
fn shop() -> Settings {
    Settings { lease: at(15), patience: at(10), ..Settings::new("shop") }
}

fn work(name: &str) -> Work {
    work_of(Kind::Tool, name)
}

fn work_of(kind: Kind, name: &str) -> Work {
    let (worker, name) = ("shop".to_owned(), name.to_owned());
    Work { worker, kind, name, call: call(json!({"q": 1})), span: at(60) }
}

/// Puts a call of `pay` at second 0 and hands it out.
fn handed_out() -> (Calls, String) {
    let mut calls = Calls::new(&[7; 32]);
    let (id, _) = calls.put(work("pay"), at(10), at(0));
    assert_eq!(calls.hand_out(&shop(), &["pay"], 8, at(0)).len(), 1);
    (calls, id)
}

fn failure(look: Look) -> ToolFailure {
    match look {
        Look::Over(result) => result.unwrap_err(),
        Look::Wait(span) => panic!("it still waits for {span:?}"),
    }
}

#[test]
fn a_call_is_handed_out_once_and_the_oldest_first() {
    let mut calls = Calls::new(&[7; 32]);
    let put: Vec<_> = (0..3).map(|_| calls.put(work("pay"), at(10), at(0)).0).collect();
    let mut taken = calls.hand_out(&shop(), &["pay"], 2, at(1));
    taken.extend(calls.hand_out(&shop(), &["pay"], 8, at(2)));
    assert!(calls.hand_out(&shop(), &["pay"], 8, at(3)).is_empty());
    let ids: Vec<_> = taken.iter().map(|assignment| assignment.id.clone()).collect();
    assert_eq!(ids, put);
    assert_eq!(taken.last().map(|last| last.left), Some(at(58)), "the wait is no gift");
}

#[test]
fn a_worker_gets_its_own_calls_of_the_tools_it_serves() {
    let mut calls = Calls::new(&[7; 32]);
    calls.put(work("pay"), at(10), at(0));
    assert!(calls.hand_out(&shop(), &["search"], 8, at(1)).is_empty());
    assert!(calls.hand_out(&Settings::new("bank"), &["pay"], 8, at(1)).is_empty());
    assert!(calls.hand_out(&shop(), &["pay"], 0, at(1)).is_empty());
    assert_eq!(calls.hand_out(&shop(), &["pay"], 8, at(1)).len(), 1);
}

#[test]
fn a_step_is_handed_out_as_one_and_its_late_answer_is_refused_like_a_tools() {
    let mut calls = Calls::new(&[7; 32]);
    let (id, _) = calls.put(work_of(Kind::Step, "score"), at(10), at(0));
    let taken = calls.hand_out(&shop(), &["pay", "score"], 8, at(0));
    assert_eq!((taken[0].kind, taken[0].name.as_str()), (Kind::Step, "score"));
    assert_eq!(calls.end(&shop(), &id, Ok(json!(1)), at(15)), Err(Closed::Lapsed));
    let lapsed = failure(calls.look(&id, at(15)));
    assert_eq!((lapsed.code, lapsed.took_effect), (Code::WorkerLost, TookEffect::Unknown));
}

#[test]
fn the_first_answer_counts_and_the_second_is_refused() {
    let (mut calls, id) = handed_out();
    calls.end(&shop(), &id, Ok(json!(1)), at(1)).unwrap();
    assert_eq!(calls.end(&shop(), &id, Ok(json!(2)), at(2)), Err(Closed::Answered));
    assert!(matches!(calls.look(&id, at(3)), Look::Over(Ok(value)) if value == json!(1)));
    assert_eq!(calls.end(&shop(), &id, Ok(json!(3)), at(4)), Err(Closed::Answered));
}

#[test]
fn an_answer_after_the_lease_is_refused_whether_or_not_the_caller_has_looked() {
    for looks in [false, true] {
        let (mut calls, id) = handed_out();
        if looks {
            assert_eq!(failure(calls.look(&id, at(15))).code, Code::WorkerLost);
        }
        assert_eq!(calls.end(&shop(), &id, Ok(json!(1)), at(15)), Err(Closed::Lapsed));
        assert_eq!(calls.end(&shop(), &id, Ok(json!(1)), at(16)), Err(Closed::Lapsed));
        if !looks {
            assert_eq!(failure(calls.look(&id, at(16))).code, Code::WorkerLost);
        }
    }
}

#[test]
fn what_nobody_took_did_not_act_and_what_somebody_had_may_have() {
    let mut calls = Calls::new(&[7; 32]);
    let (id, _) = calls.put(work("pay"), at(10), at(0));
    assert!(matches!(calls.look(&id, at(9)), Look::Wait(span) if span == at(1)));
    let waited = failure(calls.look(&id, at(10)));
    assert_eq!((waited.code, waited.took_effect), (Code::ToolUnavailable, TookEffect::No));
    assert!(calls.hand_out(&shop(), &["pay"], 8, at(11)).is_empty());

    let (mut calls, id) = handed_out();
    let lapsed = failure(calls.look(&id, at(15)));
    assert_eq!((lapsed.code, lapsed.took_effect), (Code::WorkerLost, TookEffect::Unknown));
    assert_eq!(lapsed.retry, Retryability::Retryable);
}

#[test]
fn a_call_that_waited_too_long_is_not_handed_out_before_its_caller_looks() {
    let mut calls = Calls::new(&[7; 32]);
    let (id, _) = calls.put(work("pay"), at(10), at(0));
    assert!(calls.hand_out(&shop(), &["pay"], 8, at(10)).is_empty());
    assert_eq!(failure(calls.look(&id, at(10))).took_effect, TookEffect::No);
}

#[test]
fn heartbeats_keep_a_call_and_one_that_comes_too_late_does_not() {
    let (mut calls, id) = handed_out();
    let beat =
        |calls: &mut Calls, second| calls.beat(&shop(), std::slice::from_ref(&id), at(second));
    for second in [14, 28, 42] {
        assert_eq!(beat(&mut calls, second).held, std::slice::from_ref(&id));
    }
    assert!(matches!(calls.look(&id, at(56)), Look::Wait(_)));
    assert_eq!(beat(&mut calls, 57).lost, std::slice::from_ref(&id));
    assert_eq!(failure(calls.look(&id, at(57))).took_effect, TookEffect::Unknown);
}

#[test]
fn a_heartbeat_says_for_which_calls_nobody_waits() {
    let (mut calls, id) = handed_out();
    calls.abandon(&id);
    let stranger = "call_0_1".to_owned();
    let beat = calls.beat(&shop(), &[id.clone(), stranger.clone()], at(1));
    let expected = Beat { held: vec![], cancelled: vec![id.clone()], lost: vec![stranger] };
    assert_eq!(beat, expected);
    assert_eq!(calls.end(&shop(), &id, Ok(json!(1)), at(2)), Err(Closed::Abandoned));
}

#[test]
fn nobody_answers_another_workers_call() {
    let (mut calls, id) = handed_out();
    let bank = Settings::new("bank");
    assert_eq!(calls.end(&bank, &id, Ok(json!(1)), at(1)), Err(Closed::Unknown));
    assert_eq!(calls.beat(&bank, std::slice::from_ref(&id), at(1)).lost, std::slice::from_ref(&id));
    assert!(matches!(calls.look(&id, at(2)), Look::Wait(_)));
    calls.end(&shop(), &id, Ok(json!(1)), at(3)).unwrap();
    assert_eq!(calls.end(&bank, &id, Ok(json!(1)), at(4)), Err(Closed::Unknown));
}

#[test]
fn what_was_not_handed_out_takes_no_answer() {
    let mut calls = Calls::new(&[7; 32]);
    let (id, _) = calls.put(work("pay"), at(10), at(0));
    assert_eq!(calls.end(&shop(), &id, Ok(json!(1)), at(1)), Err(Closed::Unknown));
    let other = Calls::new(&[8; 32]).put(work("pay"), at(10), at(0)).0;
    assert_ne!(other, id, "the calls of an earlier process are not this one's");
}

#[test]
fn what_is_over_does_not_pile_up() {
    let mut calls = Calls::new(&[7; 32]);
    for _ in 0..REMEMBERED + 9 {
        let (id, _) = calls.put(work("pay"), at(10), at(0));
        calls.hand_out(&shop(), &["pay"], 1, at(0));
        calls.end(&shop(), &id, Ok(json!(1)), at(0)).unwrap();
        calls.look(&id, at(0));
    }
    assert_eq!((calls.held.len(), calls.over.len()), (0, REMEMBERED));
}
