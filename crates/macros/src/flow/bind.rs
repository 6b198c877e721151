//! Binds parameters to the steps that produce their values.

use syn::Ident;

use super::{
    condition::Condition,
    graph::{Graph, Nodes},
    node::{Node, Parameter, Role, Wanted},
    wiring,
};
use crate::{report::Report, suggest};

/// Where a parameter's value comes from.
#[derive(Clone, Copy)]
pub(crate) struct Bound {
    /// The producer's place.
    pub(crate) producer: usize,
    /// Whether the parameter is an `Option<&T>`.
    pub(crate) optional: bool,
}

/// Returns for each node the producers of its values, in parameter order.
pub(crate) fn bind(graph: &Graph<'_>, report: &mut Report) -> Vec<Vec<Bound>> {
    let (certain, possible) = (graph.certain(), graph.possible());
    let of_node = |(node, (certain, possible)): (&Node, (&Nodes, &Nodes))| {
        let mut binder = Binder { graph, node, certain, possible, guessed: false };
        let values = node.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::Context => None,
            Parameter::Value(wanted) => Some(wanted),
        });
        values.filter_map(|wanted| binder.bind(wanted, report)).collect()
    };
    graph.nodes.iter().zip(certain.iter().zip(&possible)).map(of_node).collect()
}

struct Binder<'a> {
    graph: &'a Graph<'a>,
    node: &'a Node,
    certain: &'a Nodes,
    possible: &'a Nodes,
    /// Whether a parameter without `#[from]` took the trigger's producer already.
    guessed: bool,
}

impl Binder<'_> {
    fn bind(&mut self, wanted: &Wanted, report: &mut Report) -> Option<Bound> {
        let producer = match &wanted.from {
            Some(name) => self.named(name, report)?,
            None => self.guessed(wanted, report)?,
        };
        self.check_order(producer, wanted, report);
        Some(Bound { producer, optional: wanted.optional })
    }

    fn named(&self, name: &Ident, report: &mut Report) -> Option<usize> {
        let place = self.graph.place(name.clone());
        match place.and_then(|place| self.graph.nodes.get(place)) {
            None => report.at(name, wiring::unknown_step(self.graph, name)),
            Some(node) if node.role == Role::Step => return place,
            Some(node) => report.at(
                name,
                format!(
                    "the {} `{name}` hands on no value; name the step that does",
                    node.role.noun()
                ),
            ),
        }
        None
    }

    fn guessed(&mut self, wanted: &Wanted, report: &mut Report) -> Option<usize> {
        let candidates = self.candidates();
        if let ([only], false) = (candidates.as_slice(), self.guessed) {
            self.guessed = true;
            return Some(*only);
        }
        let names: Vec<String> = self.names(self.possible);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let message = if names.is_empty() {
            "no step runs before this one, so this parameter has no value; read the input from the state".to_owned()
        } else {
            let may = suggest::list(&names, "or");
            format!("name the step this value comes from with `#[from(…)]`: {may}")
        };
        report.at(&wanted.shown, message);
        None
    }

    /// Returns the producers that need no name: that of the only step in the trigger, of the only
    /// step behind the trigger's router, or of the step a compensation undoes.
    fn candidates(&self) -> Vec<usize> {
        let Some(condition) = self.node.condition() else {
            return self.undone();
        };
        let condition = match condition.leaves().as_slice() {
            [Condition::Route(route)] => match self.graph.routers(&route.route).as_slice() {
                [router] => self.graph.nodes.get(*router).and_then(Node::condition),
                _ => None,
            },
            _ => Some(condition),
        };
        match condition.map(Condition::leaves).as_deref() {
            Some([Condition::Step(name)]) => self.graph.place(name.clone()).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn undone(&self) -> Vec<usize> {
        let undoes = |(place, step): (usize, &Node)| {
            (step.options.compensate.as_ref() == Some(&self.node.name)).then_some(place)
        };
        self.graph.nodes.iter().enumerate().filter_map(undoes).collect()
    }

    fn check_order(&self, producer: usize, wanted: &Wanted, report: &mut Report) {
        let Some(step) = self.graph.nodes.get(producer) else { return };
        let (here, from) = (&self.node.name, &step.name);
        if !self.possible.contains(&producer) {
            let names = self.names(self.possible);
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let may = match names.as_slice() {
                [] => String::new(),
                names => format!("; before it runs {}", suggest::list(names, "and")),
            };
            report.at(&wanted.shown, format!("`{from}` never runs before `{here}`{may}"));
        } else if !wanted.optional && !self.certain.contains(&producer) {
            let shown = crate::fingerprint::compact(&wanted.shown);
            report.at(
                &wanted.shown,
                format!("`{from}` may not have run when `{here}` does: take `Option<{shown}>`"),
            );
        }
    }

    fn names(&self, places: &Nodes) -> Vec<String> {
        let steps = places.iter().filter_map(|place| self.graph.nodes.get(*place));
        steps.filter(|node| node.role == Role::Step).map(Node::text_name).collect()
    }
}
