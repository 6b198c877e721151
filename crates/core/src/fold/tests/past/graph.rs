//! Graphs and acts, drawn from numbers.

use super::{
    super::march::{input, route, undo},
    *,
};

/// Numbers that are drawn from, until there are none.
pub(super) struct Tape<'a>(pub(super) std::slice::Iter<'a, u16>);

impl Tape<'_> {
    pub(super) fn draw(&mut self, below: usize) -> usize {
        self.0.next().map_or(0, |number| usize::from(*number) % below)
    }

    pub(super) fn one_in(&mut self, many: usize) -> bool {
        self.draw(many) == 0
    }

    pub(super) fn of<'b, T>(&mut self, all: &'b [T]) -> Option<&'b T> {
        if all.is_empty() { None } else { all.get(self.draw(all.len())) }
    }
}

/// Draws a graph: whatever leads to whatever, round and round. Every other one has rounds in which
/// two branches join, and one of them goes on to the next round.
pub(super) fn graph(tape: &mut Tape<'_>) -> Wiring {
    let rounds = if tape.one_in(2) { rounds() } else { Vec::new() };
    let count = rounds.len() + 2 + tape.draw(5);
    let is_router = |n| rounds.get(n).is_some_and(|step| matches!(step, Round::Router(_)));
    let routers: Vec<_> =
        (0..count).map(|n| is_router(n) || n > rounds.len() && tape.one_in(3)).collect();
    let inputs = |tape: &mut Tape<'_>| {
        let from: Vec<_> = (0..tape.draw(3)).map(|_| format!("s{}", tape.draw(count))).collect();
        from
    };
    let mut steps = Vec::new();
    for (n, router) in routers.iter().enumerate() {
        let starts = n == rounds.len() || tape.one_in(8);
        let on = match rounds.get(n) {
            Some(Round::Step(on) | Round::Router(on)) => on.clone(),
            None if starts => Trigger::Start,
            None => Trigger::On(condition(tape, &routers, 0)),
        };
        let access = if tape.one_in(3) { Access::Writes } else { Access::Reads };
        let mut step = node(&format!("s{n}"), access, on);
        step.inputs = inputs(tape).iter().map(|from| input(from)).collect();
        if *router {
            step.kind = StepKind::Router(route(&format!("R{n}"), &["A", "B"]));
        } else if tape.one_in(2) {
            let name = format!("undo{n}");
            step.options.compensate = Some(name.as_str().into());
            let from = inputs(tape);
            steps.push(undo(&name, &from.iter().map(String::as_str).collect::<Vec<_>>()));
        }
        steps.push(step);
    }
    flow(steps)
}

enum Round {
    Step(Trigger),
    Router(Trigger),
}

/// The round begins with `s1`; `s2` and `s3` join in `s5`, and `s4` may lead on from `s2`.
fn rounds() -> Vec<Round> {
    let on = |step: &str| Condition::Step(step.into());
    let again = Condition::Route { route: "R4".into(), variant: "A".into() };
    let both = Condition::All(vec![on("s2"), on("s3")]);
    vec![
        Round::Step(Trigger::Start),
        Round::Step(Trigger::On(Condition::Any(vec![on("s0"), again]))),
        Round::Step(Trigger::On(on("s1"))),
        Round::Step(Trigger::On(on("s1"))),
        Round::Router(Trigger::On(on("s2"))),
        Round::Step(Trigger::On(both)),
    ]
}

fn condition(tape: &mut Tape<'_>, routers: &[bool], depth: usize) -> Condition {
    let inner = |tape: &mut Tape<'_>| {
        (0..2 + tape.draw(2)).map(|_| condition(tape, routers, depth + 1)).collect()
    };
    match tape.draw(if depth < 2 { 4 } else { 2 }) {
        2 => Condition::All(inner(tape)),
        3 => Condition::Any(inner(tape)),
        _ => {
            let from = tape.draw(routers.len());
            let variant = if tape.one_in(2) { "A" } else { "B" }.to_owned();
            match routers.get(from) {
                Some(true) => Condition::Route { route: format!("R{from}"), variant },
                _ => Condition::Step(format!("s{from}").into()),
            }
        }
    }
}
