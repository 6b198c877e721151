//! What is drawn: the text of each node, and the edges between them.

use crate::flow::{Condition, FlowDefinition, StepDefinition, StepKind, Trigger};

/// A line from one step to another, by their places in the definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    /// The route, or `undo`.
    pub(super) label: Option<String>,
    pub(super) kind: EdgeKind,
}

/// What a line means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EdgeKind {
    /// The one makes the other due.
    Leads,
    /// The other undoes the one.
    Undoes,
}

/// Returns every edge, in the order of the listeners.
pub(super) fn edges(flow: &FlowDefinition) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (to, step) in flow.steps.iter().enumerate() {
        if let Trigger::On(condition) = &step.trigger {
            condition.leaves(&mut |leaf| edges.extend(heard(flow, leaf, to)));
        }
        let undo = step.options.compensate.as_ref().and_then(|name| flow.index(name));
        edges.extend(undo.map(|undo| Edge {
            from: to,
            to: undo,
            label: Some("undo".to_owned()),
            kind: EdgeKind::Undoes,
        }));
    }
    let mut unique: Vec<Edge> = Vec::new();
    for edge in edges {
        if !unique.contains(&edge) {
            unique.push(edge);
        }
    }
    unique
}

fn heard(flow: &FlowDefinition, leaf: &Condition, to: usize) -> Vec<Edge> {
    match leaf {
        Condition::Step(name) => {
            let from = flow.index(name).into_iter();
            from.map(|from| Edge { from, to, label: None, kind: EdgeKind::Leads }).collect()
        }
        Condition::Route { route, variant } => {
            let picks = |step: &StepDefinition| matches!(&step.kind, StepKind::Router(picked) if picked.name == *route);
            let routers = flow.steps.iter().enumerate().filter(|(_, step)| picks(step));
            let label = || Some(variant.clone());
            routers
                .map(|(from, _)| Edge { from, to, label: label(), kind: EdgeKind::Leads })
                .collect()
        }
        Condition::Any(_) | Condition::All(_) => Vec::new(),
    }
}

/// Returns the lines of a node: its name, how it joins what leads to it, and the routes that end.
pub(super) fn lines(flow: &FlowDefinition, place: usize) -> Vec<String> {
    let Some(step) = flow.steps.get(place) else { return Vec::new() };
    let mut lines = vec![step.name.to_string()];
    if let Trigger::On(condition @ (Condition::All(_) | Condition::Any(_))) = &step.trigger
        && joins(condition)
    {
        lines.push(condition.to_string());
    }
    if let StepKind::Router(route) = &step.kind {
        let ends = route.variants.iter().filter(|variant| variant.ends);
        let ends: Vec<&str> = ends.map(|variant| variant.name.as_str()).collect();
        if !ends.is_empty() {
            lines.push(format!("ends: {}", ends.join(", ")));
        }
    }
    lines
}

/// Several arrows into a node read as "any of these"; only a join needs its condition in words.
fn joins(condition: &Condition) -> bool {
    match condition {
        Condition::All(_) => true,
        Condition::Any(inner) => inner.iter().any(joins),
        Condition::Step(_) | Condition::Route { .. } => false,
    }
}

/// What a node is, for its shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Start,
    Step,
    Finish,
    Router,
    Compensation,
}

/// Returns the shape of a node.
pub(super) fn shape(flow: &FlowDefinition, step: &StepDefinition) -> Shape {
    let finishes = flow.finish().is_some_and(|finish| finish.name == step.name);
    match (&step.kind, &step.trigger) {
        (StepKind::Router(_), _) => Shape::Router,
        (StepKind::Compensation, _) => Shape::Compensation,
        (StepKind::Step, _) if finishes => Shape::Finish,
        (StepKind::Step, Trigger::Start) => Shape::Start,
        (StepKind::Step, Trigger::On(_) | Trigger::Never) => Shape::Step,
    }
}
