//! One sound flow, and one planted mistake for each rule.

use std::sync::Arc;

use expect_test::{Expect, expect};

use super::{
    check as findings,
    sample::{after, desk, lane, node, step},
};
use crate::flow::{Access, Condition, FlowDefinition, Input, StepDefinition, StepKind, Trigger};

fn check(change: impl FnOnce(&mut FlowDefinition), expected: Expect) {
    let mut flow = desk();
    change(&mut flow);
    let shown: Vec<String> = findings(&flow).iter().map(ToString::to_string).collect();
    expected.assert_eq(&shown.join("\n"));
}

fn at<'a>(flow: &'a mut FlowDefinition, name: &str) -> &'a mut StepDefinition {
    let place = flow.index(name).unwrap();
    &mut flow.steps[place]
}

#[test]
fn a_sound_flow_has_no_findings() {
    check(|_| {}, expect![""]);
}

#[test]
fn two_steps_of_one_name() {
    check(
        |flow| flow.steps.push(step("ask", after("receive"))),
        expect![
            "ask: `ask` is the name of another step too; a step's name is its place in the journal; give each its own"
        ],
    );
}

#[test]
fn a_listener_to_a_step_that_does_not_exist() {
    check(
        |flow| at(flow, "policy").trigger = Trigger::On(after("clasify")),
        expect!["policy: no step is called `clasify`; did you mean `classify`?"],
    );
}

#[test]
fn a_listener_to_a_router_and_to_a_compensation() {
    let change = |flow: &mut FlowDefinition| {
        at(flow, "policy").trigger = Trigger::On(after("lane"));
        at(flow, "look_up").trigger = Trigger::On(after("undo_pay"));
    };
    check(
        change,
        expect![[r#"
        look_up: `undo_pay` is a compensation; it runs only to undo a step, so `look_up` would never be due
        policy: `lane` is a router; listen to what it picks, such as `Lane::…`
        lane: nobody listens to `Lane::Refund`; add a listener, or mark the route as one that ends the branch
        look_up: the step `look_up` can never become due; no start leads to it
        pay: the step `pay` can never become due; no start leads to it"#]],
    );
}

#[test]
fn a_route_that_no_router_returns_and_one_that_the_type_lacks() {
    let change = |flow: &mut FlowDefinition| {
        at(flow, "look_up").trigger = Trigger::On(lane("Refnd"));
        let lanes = Condition::Route { route: "Lanes".to_owned(), variant: "Refund".to_owned() };
        at(flow, "policy").trigger = Trigger::On(lanes);
    };
    check(
        change,
        expect![[r#"
        look_up: `Lane` has no route `Refnd`; did you mean `Refund`?
        policy: no router returns `Lanes`; did you mean `Lane`?
        lane: nobody listens to `Lane::Refund`; add a listener, or mark the route as one that ends the branch"#]],
    );
}

#[test]
fn two_routes_of_one_router_do_not_arrive_together() {
    let both = Condition::All(vec![lane("Refund"), lane("Question")]);
    check(
        |flow| at(flow, "policy").trigger = Trigger::On(both),
        expect![
            "policy: `Lane::Refund` and `Lane::Question` never arrive together; a router picks one route; did you mean `or_`?"
        ],
    );
}

#[test]
fn a_group_of_one() {
    let one = Condition::Any(vec![lane("Refund")]);
    check(
        |flow| at(flow, "policy").trigger = Trigger::On(one),
        expect![
            "policy: `or_(Lane::Refund)` joins fewer than two conditions; one condition stands without `or_` and `and_`"
        ],
    );
}

#[test]
fn a_variant_nobody_hears() {
    check(
        |flow| at(flow, "ask").trigger = Trigger::On(lane("Question")),
        expect![
            "lane: nobody listens to `Lane::Unclear`; add a listener, or mark the route as one that ends the branch"
        ],
    );
}

#[test]
fn steps_that_wait_for_each_other_are_unreachable() {
    let change = |flow: &mut FlowDefinition| {
        at(flow, "look_up").trigger = Trigger::On(after("policy"));
        at(flow, "policy").trigger =
            Trigger::On(Condition::All(vec![after("look_up"), lane("Refund")]));
    };
    check(
        change,
        expect![[r#"
        look_up: the step `look_up` can never become due; no start leads to it
        policy: the step `policy` can never become due; no start leads to it
        pay: the step `pay` can never become due; no start leads to it"#]],
    );
}

#[test]
fn a_flow_without_a_start() {
    check(
        |flow| at(flow, "receive").trigger = Trigger::On(after("answer")),
        expect!["no step starts this flow; mark one as the start"],
    );
}

#[test]
fn a_cycle_that_no_router_can_leave() {
    let back = Condition::Any(vec![after("receive"), after("policy")]);
    let change = |flow: &mut FlowDefinition| {
        at(flow, "classify").trigger = Trigger::On(back);
        at(flow, "policy").trigger =
            Trigger::On(Condition::Any(vec![after("classify"), lane("Unclear")]));
    };
    check(
        change,
        expect![
            "classify: `classify` leads back to itself without a router in between; the run would never end; let a router decide whether to go round again"
        ],
    );
}

#[test]
fn inputs_that_do_not_exist_come_later_or_may_be_missing() {
    let change = |flow: &mut FlowDefinition| {
        let input = |from: &str, optional| Input { from: Arc::from(from), optional };
        at(flow, "answer").inputs =
            vec![input("pay", false), input("pay", true), input("py", false), input("lane", true)];
        at(flow, "ask").inputs = vec![input("pay", true)];
        at(flow, "undo_pay").inputs = vec![input("pay", false), input("policy", false)];
    };
    check(
        change,
        expect![[r#"
        ask: `pay` never runs before `ask`; before it runs `receive`, `classify` and `ask`
        answer: `pay` may not have run when `answer` does; make the input optional
        answer: no step is called `py`; did you mean `pay`?
        answer: the router `lane` hands on no value; take the value of a step"#]],
    );
}

#[test]
fn compensations_that_cannot_undo() {
    let change = |flow: &mut FlowDefinition| {
        at(flow, "ask").options.compensate = Some(Arc::from("undo_pey"));
        at(flow, "policy").options.compensate = Some(Arc::from("look_up"));
        at(flow, "undo_pay").options.compensate = Some(Arc::from("undo_pay"));
    };
    check(
        change,
        expect![[r#"
        ask: no compensation is called `undo_pey`; did you mean `undo_pay`?
        policy: `look_up` cannot undo `policy`: it is a step; name a compensation, which has no trigger
        undo_pay: `undo_pay` is itself a compensation; it is not undone"#]],
    );
}

#[test]
fn kinds_that_do_not_fit_their_triggers() {
    let change = |flow: &mut FlowDefinition| {
        at(flow, "undo_pay").trigger = Trigger::On(after("pay"));
        at(flow, "lane").access = Access::Writes;
        flow.steps.push(node("lost", StepKind::Step, Trigger::Never));
    };
    check(
        change,
        expect![[r#"
        lane: the router `lane` writes the state; a router only looks; change the state in a step
        undo_pay: the compensation `undo_pay` has a trigger; a compensation runs only to undo a step; take the trigger away
        lost: nothing makes `lost` due; let it start the flow or listen to a step"#]],
    );
}

#[test]
fn two_outputs_and_none() {
    check(
        |flow| at(flow, "ask").finish = true,
        expect![
            "answer: `ask` is marked as the output already; a run has one output; let both lead to one step by `or_`"
        ],
    );
    let none = |flow: &mut FlowDefinition| {
        at(flow, "answer").finish = false;
        flow.steps.push(step("log", after("receive")));
    };
    check(
        none,
        expect![
            "several steps, or none, lead nowhere, so it is not known whose output is the run's; mark that step as the one that finishes"
        ],
    );
}
