//! What must, may and cannot happen in a graph, from the triggers alone.

use std::collections::BTreeSet;

use crate::flow::{Condition, FlowDefinition, StepDefinition, StepKind, Trigger};

/// A set of steps by their place in the definition.
pub(super) type Places = BTreeSet<usize>;

/// Returns the condition of a step that has one.
pub(super) const fn condition(step: &StepDefinition) -> Option<&Condition> {
    match &step.trigger {
        Trigger::On(condition) => Some(condition),
        Trigger::Start | Trigger::Never => None,
    }
}

/// Returns the places of the routers that return a route type.
pub(super) fn routers(flow: &FlowDefinition, route: &str) -> Vec<usize> {
    let returns = |step: &StepDefinition| match &step.kind {
        StepKind::Router(definition) => definition.name == route,
        StepKind::Step | StepKind::Compensation => false,
    };
    let steps = flow.steps.iter().enumerate();
    steps.filter(|(_, step)| returns(step)).map(|(place, _)| place).collect()
}

/// Returns the steps that can become due at all.
pub(super) fn reachable(flow: &FlowDefinition) -> Places {
    grow(Places::new(), |reached| due(flow, reached, Routes::MayBePicked))
}

/// Returns what becomes due after `start` whatever routers pick, and `start` itself.
pub(super) fn follows(flow: &FlowDefinition, start: usize) -> Places {
    grow(Places::from([start]), |follows| {
        let on = |step: &StepDefinition| {
            condition(step).is_some_and(|on| holds(flow, on, follows, Routes::NeverPicked))
        };
        let steps = flow.steps.iter().enumerate();
        steps.filter(|(place, step)| *place == start || on(step)).map(|(place, _)| place).collect()
    })
}

/// Returns whether a step is due again by nothing but what follows from itself.
pub(super) fn returns_to_itself(
    flow: &FlowDefinition,
    step: &StepDefinition,
    follows: &Places,
) -> bool {
    condition(step).is_some_and(|on| holds(flow, on, follows, Routes::NeverPicked))
}

/// Returns for each step those that have run whenever it becomes due.
pub(super) fn certain(flow: &FlowDefinition) -> Vec<Places> {
    let all: Places = (0..flow.steps.len()).collect();
    settle(flow, vec![all; flow.steps.len()], Merge::Intersection)
}

/// Returns for each step those that may have run when it becomes due.
pub(super) fn possible(flow: &FlowDefinition) -> Vec<Places> {
    settle(flow, vec![Places::new(); flow.steps.len()], Merge::Union)
}

/// How a route counts while it is asked whether a condition holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Routes {
    MayBePicked,
    NeverPicked,
}

#[derive(Clone, Copy)]
enum Merge {
    Intersection,
    Union,
}

impl Merge {
    fn of(self, sets: impl Iterator<Item = Places>) -> Places {
        let merged = sets.reduce(|a, b| match self {
            Self::Intersection => a.intersection(&b).copied().collect(),
            Self::Union => a.union(&b).copied().collect(),
        });
        merged.unwrap_or_default()
    }
}

fn grow(mut places: Places, next: impl Fn(&Places) -> Places) -> Places {
    loop {
        let grown = next(&places);
        if grown == places {
            return places;
        }
        places = grown;
    }
}

fn due(flow: &FlowDefinition, arrived: &Places, routes: Routes) -> Places {
    let due = |step: &StepDefinition| match &step.trigger {
        Trigger::Start => true,
        Trigger::On(on) => holds(flow, on, arrived, routes),
        Trigger::Never => false,
    };
    let steps = flow.steps.iter().enumerate();
    steps.filter(|(_, step)| due(step)).map(|(place, _)| place).collect()
}

/// An unknown name may arrive, but does not lead in circles: it is found by its own rule, and what follows from it is not
/// a second mistake.
fn holds(flow: &FlowDefinition, on: &Condition, arrived: &Places, routes: Routes) -> bool {
    match on {
        Condition::Step(name) => {
            let unknown = routes == Routes::MayBePicked;
            flow.index(name).map_or(unknown, |place| arrived.contains(&place))
        }
        Condition::Route { route, .. } => {
            let routers = routers(flow, route);
            routes == Routes::MayBePicked
                && (routers.is_empty() || routers.iter().any(|place| arrived.contains(place)))
        }
        Condition::Any(inner) => inner.iter().any(|part| holds(flow, part, arrived, routes)),
        Condition::All(inner) => inner.iter().all(|part| holds(flow, part, arrived, routes)),
    }
}

fn settle(flow: &FlowDefinition, mut before: Vec<Places>, merge: Merge) -> Vec<Places> {
    loop {
        let next: Vec<Places> =
            flow.steps.iter().map(|step| arrivals(flow, step, &before, merge)).collect();
        if next == before {
            return before;
        }
        before = next;
    }
}

fn arrivals(
    flow: &FlowDefinition,
    step: &StepDefinition,
    before: &[Places],
    merge: Merge,
) -> Places {
    match &step.trigger {
        Trigger::Start => Places::new(),
        Trigger::On(on) => through(flow, on, before, merge),
        Trigger::Never => {
            let undone = flow
                .steps
                .iter()
                .enumerate()
                .filter(|(_, other)| other.options.compensate.as_ref() == Some(&step.name));
            merge.of(undone.map(|(place, _)| with(place, before)))
        }
    }
}

fn through(flow: &FlowDefinition, on: &Condition, before: &[Places], merge: Merge) -> Places {
    let all = || (0..flow.steps.len()).collect();
    match on {
        Condition::Step(name) => flow.index(name).map_or_else(all, |place| with(place, before)),
        Condition::Route { route, .. } => {
            let routers = routers(flow, route);
            let arrivals = routers.iter().map(|place| with(*place, before));
            if routers.is_empty() { all() } else { merge.of(arrivals) }
        }
        Condition::Any(inner) => {
            merge.of(inner.iter().map(|part| through(flow, part, before, merge)))
        }
        Condition::All(inner) => {
            inner.iter().flat_map(|part| through(flow, part, before, merge)).collect()
        }
    }
}

fn with(place: usize, before: &[Places]) -> Places {
    let mut places = before.get(place).cloned().unwrap_or_default();
    places.insert(place);
    places
}
