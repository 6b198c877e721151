//! A flow that goes round until it is there, for tests of runs that go round often.

use super::*;
use crate::flow::{Input, RouteDefinition, VariantDefinition};

/// `set_out`, then `go` round by round, then `rest`; what each does can be undone.
pub(super) fn march() -> Wiring {
    let way = |variant: &str| Condition::Route { route: "Way".into(), variant: variant.into() };
    let on = |conditions: Vec<Condition>| Trigger::On(Condition::Any(conditions));
    let mut set_out = node("set_out", Access::Reads, Trigger::Start);
    set_out.options.compensate = Some("come_home".into());
    let mut go = node("go", Access::Writes, on(vec![Condition::Step("set_out".into()), way("On")]));
    go.options.compensate = Some("go_back".into());
    let mut router = node("way", Access::Reads, on(vec![Condition::Step("go".into())]));
    router.kind = StepKind::Router(route("Way", &["On", "There"]));
    router.inputs = vec![input("go")];
    let mut rest = node("rest", Access::Reads, on(vec![way("There")]));
    rest.inputs = vec![input("go"), input("set_out")];
    rest.finish = true;
    let go_back = undo("go_back", &["go", "set_out"]);
    flow(vec![set_out, go, router, rest, go_back, undo("come_home", &[])])
}

pub(super) fn route(name: &str, variants: &[&str]) -> RouteDefinition {
    let variant = |name: &&str| VariantDefinition { name: (*name).to_owned(), ends: false };
    RouteDefinition { name: name.to_owned(), variants: variants.iter().map(variant).collect() }
}

pub(super) fn undo(name: &str, inputs: &[&str]) -> StepDefinition {
    let mut undo = node(name, Access::Reads, Trigger::Never);
    undo.kind = StepKind::Compensation;
    undo.inputs = inputs.iter().map(|from| input(from)).collect();
    undo
}

pub(super) fn input(from: &str) -> Input {
    Input { from: from.into(), optional: false }
}

/// A step, from its beginning to its end.
pub(super) fn done(step: &str) -> [Entry; 2] {
    [started(step, 1), finished(step, Some(json!({ "gone": step })))]
}

pub(super) fn way(visit: u32, variant: &str) -> Entry {
    let step = StepKey::new("way", visit);
    Entry::Routed { step, variant: variant.into(), absorbed: Vec::new() }
}

/// So many times round.
pub(super) fn marched(rounds: u32) -> Vec<Entry> {
    let mut entries = vec![claimed()];
    entries.extend(done("set_out#1"));
    for visit in 1..=rounds {
        entries.extend(done(&format!("go#{visit}")));
        entries.push(way(visit, "On"));
    }
    entries
}

/// Folds on.
pub(super) fn go_on(run: &mut Projection, wiring: &Wiring, entries: &[Entry]) {
    for entry in entries {
        let position = run.position + 1;
        run.apply(wiring, position, at(i64::try_from(position).unwrap()), entry).unwrap();
    }
}
