//! Checks the graph as a whole: names, reachability, cycles, compensations, the output.

use syn::Ident;

use super::{
    condition::{Condition, RoutePath},
    graph::Graph,
    node::{Node, Role},
};
use crate::{report::Report, suggest};

/// Reports everything about the graph that cannot work; returns the place of the step whose output
/// is the run's.
pub(crate) fn check(graph: &Graph<'_>, this: &Ident, report: &mut Report) -> Option<usize> {
    for node in graph.nodes {
        if let Some(condition) = node.condition() {
            check_names(graph, node, condition, report);
            check_together(graph, condition, report);
        }
        check_options(graph, node, report);
    }
    check_reachable(graph, this, report);
    check_endless(graph, report);
    find_finish(graph, this, report)
}

fn check_names(graph: &Graph<'_>, node: &Node, condition: &Condition, report: &mut Report) {
    for name in condition.steps() {
        match graph.place(name.clone()).and_then(|place| graph.nodes.get(place)) {
            None => report.at(name, unknown_step(graph, name)),
            Some(heard) if heard.role == Role::Router => {
                let route = heard.route().map_or_else(|| "Route".to_owned(), ToString::to_string);
                report.at(name, format!("`{name}` is a router: listen to what it picks, such as `{route}::…`"));
            }
            Some(heard) if heard.role == Role::Compensation => report.at(
                name,
                format!("`{name}` is a compensation: it runs only to undo a step, so `{}` would never be due", node.name),
            ),
            Some(_) => {}
        }
    }
    for route in condition.routes() {
        if graph.routers(&route.route).is_empty() {
            report.at(&route.route, unreturned_route(graph, route));
        }
    }
}

/// Returns what to say about a name that is no step.
pub(crate) fn unknown_step(graph: &Graph<'_>, name: &Ident) -> String {
    let steps: Vec<String> = graph
        .triggered()
        .filter(|(_, node)| node.role == Role::Step)
        .map(|(_, node)| node.text_name())
        .collect();
    format!(
        "no step is called `{name}`; {}",
        suggest::among(&name.to_string(), steps.iter().map(String::as_str))
    )
}

fn unreturned_route(graph: &Graph<'_>, route: &RoutePath) -> String {
    let returned: Vec<String> =
        graph.nodes.iter().filter_map(Node::route).map(ToString::to_string).collect();
    let name = route.route.to_string();
    if returned.is_empty() {
        return format!(
            "no router returns `{name}`; add one: `#[router(step)] fn …(&self) -> {name}`"
        );
    }
    let near = suggest::among(&name, returned.iter().map(String::as_str));
    format!("no router returns `{name}`; {near}")
}

/// A router picks one route, so two of its routes never arrive in one wave.
fn check_together(graph: &Graph<'_>, condition: &Condition, report: &mut Report) {
    let (Condition::Any(inner) | Condition::All(inner)) = condition else { return };
    inner.iter().for_each(|part| check_together(graph, part, report));
    let Condition::All(inner) = condition else { return };
    let routes: Vec<&RoutePath> = inner
        .iter()
        .filter_map(|part| match part {
            Condition::Route(route) => Some(route),
            Condition::Step(_) | Condition::Any(_) | Condition::All(_) => None,
        })
        .collect();
    for (first, second) in routes.iter().zip(routes.iter().skip(1)) {
        if first.route == second.route && graph.routers(&first.route).len() == 1 {
            report.at(
                &second.path,
                format!(
                    "a router picks one route, so `{0}::{1}` and `{0}::{2}` never arrive together; did you mean `or_`?",
                    first.route, first.variant, second.variant
                ),
            );
        }
    }
}

fn check_options(graph: &Graph<'_>, node: &Node, report: &mut Report) {
    let Some(target) = &node.options.compensate else { return };
    if node.role == Role::Compensation {
        report.at(target, format!("`{}` is itself a compensation and is not undone", node.name));
        return;
    }
    match graph.place(target.clone()).and_then(|place| graph.nodes.get(place)) {
        None => report.at(
            target,
            format!("no function of this flow is called `{target}`; add `async fn {target}(&self, cx: &StepContext) -> Result<()>`"),
        ),
        Some(undo) if undo.role != Role::Compensation => report.at(
            target,
            format!("`{target}` cannot undo `{}`: it is a {} with a trigger of its own, and a compensation has none", node.name, undo.role.noun()),
        ),
        Some(_) => {}
    }
}

fn check_reachable(graph: &Graph<'_>, this: &Ident, report: &mut Report) {
    let reachable = graph.reachable();
    if reachable.is_empty() {
        report.at(this, "no step starts this flow: mark one with `#[start]`");
        return;
    }
    for (place, node) in graph.triggered() {
        if !reachable.contains(&place) {
            report.at(
                &node.name,
                format!(
                    "the {} `{}` can never become due: no `#[start]` leads to it",
                    node.role.noun(),
                    node.name
                ),
            );
        }
    }
}

fn check_endless(graph: &Graph<'_>, report: &mut Report) {
    let reachable = graph.reachable();
    let endless = graph.endless().into_iter().filter(|place| reachable.contains(place));
    for node in endless.filter_map(|place| graph.nodes.get(place)) {
        report.at(
            &node.name,
            format!("`{}` leads back to itself without a router in between, so the run would never end; let a router decide whether to go round again", node.name),
        );
    }
}

fn find_finish(graph: &Graph<'_>, this: &Ident, report: &mut Report) -> Option<usize> {
    let marked: Vec<(usize, &Node)> = graph.triggered().filter(|(_, node)| node.finish).collect();
    if let [(place, first), rest @ ..] = marked.as_slice() {
        for (_, node) in rest {
            report.at(
                &node.name,
                format!("`#[finish]` stands at `{}` already, and a run has one output; let both lead to one step by `or_({0}, {})`", first.name, node.name),
            );
        }
        return Some(*place);
    }
    let leaves = leaves(graph);
    match leaves.as_slice() {
        [] => {
            report.at(this, "every step leads to another one: mark the step whose output is the run's with `#[finish]`");
            None
        }
        [(place, _)] => Some(*place),
        [.., (_, last)] => {
            let names: Vec<String> = leaves.iter().map(|(_, node)| node.text_name()).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            report.at(
                &last.name,
                format!("nothing listens to {}: mark the one whose output is the run's with `#[finish]`", suggest::list(&names, "and")),
            );
            None
        }
    }
}

fn leaves<'a>(graph: &Graph<'a>) -> Vec<(usize, &'a Node)> {
    let heard = |node: &Node| {
        graph
            .nodes
            .iter()
            .filter_map(Node::condition)
            .any(|condition| condition.steps().any(|name| *name == node.name))
    };
    graph.triggered().filter(|(_, node)| node.role == Role::Step && !heard(node)).collect()
}
