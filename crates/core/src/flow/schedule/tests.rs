//! Waves and joins, played step by step.

use expect_test::{Expect, expect};

use super::*;
use crate::flow::{
    StepDefinition,
    check::sample::{after, desk, lane, lanes, node, step},
};

/// A run reduced to its arrivals: what finished, and what that made due.
struct Play {
    wiring: Wiring,
    joins: Vec<Join>,
    due: Vec<(StepKey, Ancestry)>,
    visits: BTreeMap<StepName, u32>,
}

impl Play {
    fn of(definition: FlowDefinition) -> Self {
        let wiring = Wiring::of(definition);
        let starts = wiring.starts();
        let (joins, due, visits) = (Vec::new(), Vec::new(), BTreeMap::new());
        let mut play = Self { wiring, joins, due, visits };
        starts.into_iter().for_each(|step| drop(play.make_due(step, Ancestry::default())));
        play
    }

    fn make_due(&mut self, step: StepName, mut path: Ancestry) -> StepKey {
        let visit = self.visits.entry(step.clone()).or_default();
        *visit += 1;
        path.go_on(step.clone(), *visit);
        let key = StepKey { step, visit: *visit };
        self.due.push((key.clone(), path));
        key
    }

    /// Finishes the step of `a#1`, or picks a route with `lane#1=Refund`, and tells what follows.
    fn play(&mut self, act: &str) -> String {
        let (key, variant) = act.split_once('=').unwrap_or((act, ""));
        let key: StepKey = key.parse().unwrap();
        let at = self.due.iter().position(|(due, _)| *due == key);
        let (key, path) = self.due.remove(at.unwrap_or_else(|| panic!("{key} is not due")));
        let arrival = match variant {
            "" => Arrival::Step,
            variant => Arrival::Route { route: "Lane", variant },
        };
        let effects = self.wiring.arrive(&mut self.joins, &key, &path, arrival);
        let due: Vec<_> =
            effects.due.into_iter().map(|(s, p)| self.make_due(s, p).to_string()).collect();
        let mut told =
            format!("{act} -> {}", if due.is_empty() { "nothing".into() } else { due.join(", ") });
        if !effects.absorbed.is_empty() {
            told += &format!(" (absorbed by {})", effects.absorbed.join(", "));
        }
        told
    }
}

fn flow(steps: Vec<StepDefinition>) -> FlowDefinition {
    FlowDefinition { steps, ..desk() }
}

fn start(name: &str) -> StepDefinition {
    node(name, StepKind::Step, Trigger::Start)
}

fn all(inner: &[&str]) -> Condition {
    Condition::All(inner.iter().map(|name| after(name)).collect())
}

fn any(inner: &[&str]) -> Condition {
    Condition::Any(inner.iter().map(|name| after(name)).collect())
}

fn check(definition: FlowDefinition, acts: &[&str], expect: &Expect) {
    let mut play = Play::of(definition);
    let told: Vec<_> = acts.iter().map(|act| play.play(act)).collect();
    expect.assert_eq(&told.join("\n"));
}

#[test]
fn a_join_fires_with_its_last_arrival_in_whatever_order() {
    let joined =
        || flow(vec![start("a"), start("b"), start("c"), step("end", all(&["a", "b", "c"]))]);
    check(
        joined(),
        &["a#1", "b#1", "c#1"],
        &expect![[r#"
        a#1 -> nothing
        b#1 -> nothing
        c#1 -> end#1"#]],
    );
    check(
        joined(),
        &["c#1", "a#1", "b#1"],
        &expect![[r#"
        c#1 -> nothing
        a#1 -> nothing
        b#1 -> end#1"#]],
    );
}

#[test]
fn an_alternative_fires_once_and_absorbs_the_rest() {
    let either = flow(vec![start("a"), start("b"), start("c"), step("end", any(&["a", "b", "c"]))]);
    check(
        either,
        &["b#1", "a#1", "c#1"],
        &expect![[r#"
        b#1 -> end#1
        a#1 -> nothing (absorbed by end)
        c#1 -> nothing (absorbed by end)"#]],
    );
}

#[test]
fn conditions_nest_either_way() {
    let starts = || vec![start("a"), start("b"), start("c")];
    let pair_or_one = Condition::Any(vec![all(&["a", "b"]), after("c")]);
    let outer_any = || flow([starts(), vec![step("end", pair_or_one.clone())]].concat());
    check(
        outer_any(),
        &["a#1", "b#1", "c#1"],
        &expect![[r#"
        a#1 -> nothing
        b#1 -> end#1
        c#1 -> nothing (absorbed by end)"#]],
    );
    check(
        outer_any(),
        &["a#1", "c#1", "b#1"],
        &expect![[r#"
        a#1 -> nothing
        c#1 -> end#1
        b#1 -> nothing (absorbed by end)"#]],
    );
    let one_and_either = Condition::All(vec![any(&["a", "b"]), after("c")]);
    let outer_all = flow([starts(), vec![step("end", one_and_either)]].concat());
    check(
        outer_all,
        &["a#1", "b#1", "c#1"],
        &expect![[r#"
        a#1 -> nothing
        b#1 -> nothing
        c#1 -> end#1"#]],
    );
}

#[test]
fn a_step_named_twice_in_a_condition_arrives_in_both_places() {
    let twice = Condition::All(vec![after("a"), any(&["a", "b"])]);
    check(
        flow(vec![start("a"), start("b"), step("end", twice)]),
        &["a#1", "b#1"],
        &expect![[r#"
        a#1 -> end#1
        b#1 -> nothing (absorbed by end)"#]],
    );
}

#[test]
fn a_router_makes_every_listener_of_its_variant_due_in_declaration_order() {
    let acts = ["receive#1", "classify#1", "lane#1=Refund", "policy#1", "look_up#1", "pay#1"];
    check(
        desk(),
        &acts,
        &expect![[r#"
        receive#1 -> classify#1
        classify#1 -> lane#1
        lane#1=Refund -> look_up#1, policy#1
        policy#1 -> nothing
        look_up#1 -> pay#1
        pay#1 -> answer#1"#]],
    );
}

#[test]
fn a_variant_that_ends_makes_nothing_due() {
    check(
        desk(),
        &["receive#1", "classify#1", "lane#1=Spam"],
        &expect![[r#"
        receive#1 -> classify#1
        classify#1 -> lane#1
        lane#1=Spam -> nothing"#]],
    );
}

#[test]
fn a_cycle_enters_its_steps_again_and_again() {
    let acts = [
        "receive#1",
        "classify#1",
        "lane#1=Unclear",
        "ask#1",
        "classify#2",
        "lane#2=Unclear",
        "ask#2",
        "classify#3",
        "lane#3=Question",
    ];
    check(
        desk(),
        &acts,
        &expect![[r#"
        receive#1 -> classify#1
        classify#1 -> lane#1
        lane#1=Unclear -> ask#1
        ask#1 -> classify#2
        classify#2 -> lane#2
        lane#2=Unclear -> ask#2
        ask#2 -> classify#3
        classify#3 -> lane#3
        lane#3=Question -> answer#1"#]],
    );
}

/// Each turn starts two readers; the quick one decides whether there is another turn.
fn turns() -> FlowDefinition {
    flow(vec![
        start("begin"),
        step("turn", Condition::Any(vec![after("begin"), lane("Again")])),
        step("quick", after("turn")),
        step("slow", after("turn")),
        node("lane", lanes(&[("Again", false), ("Enough", true)]), Trigger::On(after("quick"))),
        step("both", all(&["quick", "slow"])),
        step("first", any(&["quick", "slow"])),
    ])
}

#[test]
fn a_join_never_takes_arrivals_of_two_waves() {
    let acts =
        ["begin#1", "turn#1", "quick#1", "lane#1=Again", "turn#2", "quick#2", "slow#1", "slow#2"];
    check(
        turns(),
        &acts,
        &expect![[r#"
        begin#1 -> turn#1
        turn#1 -> quick#1, slow#1
        quick#1 -> lane#1, first#1
        lane#1=Again -> turn#2
        turn#2 -> quick#2, slow#2
        quick#2 -> lane#2, first#2
        slow#1 -> both#1 (absorbed by first)
        slow#2 -> both#2 (absorbed by first)"#]],
    );
}

#[test]
fn a_joined_step_knows_the_paths_of_all_its_arrivals() {
    let mut play = Play::of(turns());
    ["begin#1", "turn#1", "slow#1", "quick#1"].iter().for_each(|act| drop(play.play(act)));
    let (_, path) = play.due.iter().find(|(key, _)| &*key.step == "both").unwrap();
    let path: Vec<_> =
        path.visits().into_iter().map(|(step, visit)| format!("{step}#{visit}")).collect();
    assert_eq!(path, ["begin#1", "both#1", "quick#1", "slow#1", "turn#1"]);
}

#[test]
fn starts_are_due_together_in_declaration_order() {
    let play = Play::of(flow(vec![start("b"), step("end", after("a")), start("a")]));
    let due: Vec<_> = play.due.iter().map(|(key, _)| key.to_string()).collect();
    assert_eq!(due, ["b#1", "a#1"]);
}
