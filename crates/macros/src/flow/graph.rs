//! What must, may and cannot happen in the graph, from the triggers alone.

use std::collections::BTreeSet;

use super::{
    condition::Condition,
    node::{Node, Role, Trigger},
};

/// A set of nodes by their place in the flow.
pub(crate) type Nodes = BTreeSet<usize>;

/// The nodes of one flow and how they hear each other.
pub(crate) struct Graph<'a> {
    pub(crate) nodes: &'a [Node],
}

impl<'a> Graph<'a> {
    /// Returns the place of a node.
    pub(crate) fn place(&self, name: impl PartialEq<proc_macro2::Ident>) -> Option<usize> {
        self.nodes.iter().position(|node| name == node.name)
    }

    /// Returns the steps and routers with their places: everything but compensations.
    pub(crate) fn triggered(&self) -> impl Iterator<Item = (usize, &'a Node)> + '_ {
        self.nodes.iter().enumerate().filter(|(_, node)| node.role != Role::Compensation)
    }

    /// Returns the routers that return a route type.
    pub(crate) fn routers(&self, route: &proc_macro2::Ident) -> Vec<usize> {
        let returns =
            |(place, node): (usize, &Node)| (node.route() == Some(route)).then_some(place);
        self.nodes.iter().enumerate().filter_map(returns).collect()
    }

    /// Returns the nodes that can become due at all.
    pub(crate) fn reachable(&self) -> Nodes {
        let mut reached = Nodes::new();
        loop {
            let due = |(place, node): (usize, &Node)| {
                let due = match &node.trigger {
                    Trigger::Start | Trigger::Unreadable => true,
                    Trigger::On(condition) => self.holds(condition, &reached, Routes::MayBePicked),
                    Trigger::Never => false,
                };
                due.then_some(place)
            };
            let next: Nodes = self.nodes.iter().enumerate().filter_map(due).collect();
            if next == reached {
                return reached;
            }
            reached = next;
        }
    }

    /// Returns for each node the nodes that have run whenever it becomes due.
    pub(crate) fn certain(&self) -> Vec<Nodes> {
        let all: Nodes = (0..self.nodes.len()).collect();
        self.flow_of_arrivals(&vec![all; self.nodes.len()], Merge::Intersection)
    }

    /// Returns for each node the nodes that may have run when it becomes due.
    pub(crate) fn possible(&self) -> Vec<Nodes> {
        self.flow_of_arrivals(&vec![Nodes::new(); self.nodes.len()], Merge::Union)
    }

    /// Returns one node of each cycle that no router can leave.
    pub(crate) fn endless(&self) -> Vec<usize> {
        let steps: Vec<usize> = self.triggered().map(|(place, _)| place).collect();
        let returns = |place: usize| {
            let follows = self.follows(place);
            let condition = self.nodes.get(place).and_then(Node::condition);
            condition
                .is_some_and(|condition| self.holds(condition, &follows, Routes::NeverPicked))
                .then_some(follows)
        };
        let mut found: Vec<(usize, Nodes)> = Vec::new();
        for place in steps {
            let known = found.iter().any(|(_, cycle)| cycle.contains(&place));
            if let (false, Some(cycle)) = (known, returns(place)) {
                found.push((place, cycle));
            }
        }
        found.into_iter().map(|(place, _)| place).collect()
    }

    /// Returns what becomes due after `start` whatever routers pick, and `start` itself.
    fn follows(&self, start: usize) -> Nodes {
        let mut follows = Nodes::from([start]);
        loop {
            let due = |(place, node): (usize, &Node)| {
                let condition = node.condition()?;
                self.holds(condition, &follows, Routes::NeverPicked).then_some(place)
            };
            let mut next: Nodes = self.triggered().filter_map(due).collect();
            next.insert(start);
            if next == follows {
                return follows;
            }
            follows = next;
        }
    }

    fn holds(&self, condition: &Condition, arrived: &Nodes, routes: Routes) -> bool {
        match condition {
            // An unknown name is reported where it stands; what follows from it is not.
            Condition::Step(name) => {
                let unknown = routes == Routes::MayBePicked;
                self.place(name.clone()).map_or(unknown, |place| arrived.contains(&place))
            }
            Condition::Route(route) => {
                let routers = self.routers(&route.route);
                routes == Routes::MayBePicked
                    && (routers.is_empty() || routers.iter().any(|place| arrived.contains(place)))
            }
            Condition::Any(inner) => inner.iter().any(|part| self.holds(part, arrived, routes)),
            Condition::All(inner) => inner.iter().all(|part| self.holds(part, arrived, routes)),
        }
    }

    fn flow_of_arrivals(&self, start: &[Nodes], merge: Merge) -> Vec<Nodes> {
        let mut before = start.to_vec();
        loop {
            let next: Vec<Nodes> =
                self.nodes.iter().map(|node| self.arrivals(node, &before, merge)).collect();
            if next == before {
                return before;
            }
            before = next;
        }
    }

    fn arrivals(&self, node: &Node, before: &[Nodes], merge: Merge) -> Nodes {
        match &node.trigger {
            Trigger::Start => Nodes::new(),
            Trigger::On(condition) => self.through(condition, before, merge),
            Trigger::Unreadable => (0..self.nodes.len()).collect(),
            Trigger::Never => {
                let undone = self.nodes.iter().enumerate().filter(|(_, step)| {
                    step.options.compensate.as_ref().is_some_and(|name| *name == node.name)
                });
                merge.of(undone.map(|(place, _)| with(place, before)))
            }
        }
    }

    fn through(&self, condition: &Condition, before: &[Nodes], merge: Merge) -> Nodes {
        let all = || (0..self.nodes.len()).collect();
        match condition {
            Condition::Step(name) => {
                self.place(name.clone()).map_or_else(all, |place| with(place, before))
            }
            Condition::Route(route) => {
                let routers = self.routers(&route.route);
                let arrivals = routers.iter().map(|place| with(*place, before));
                if routers.is_empty() { all() } else { merge.of(arrivals) }
            }
            Condition::Any(inner) => {
                merge.of(inner.iter().map(|part| self.through(part, before, merge)))
            }
            Condition::All(inner) => {
                inner.iter().flat_map(|part| self.through(part, before, merge)).collect()
            }
        }
    }
}

/// How a route counts while it is asked whether a condition holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Routes {
    /// Its router may pick it.
    MayBePicked,
    /// Its router may pick another one for ever.
    NeverPicked,
}

/// What two ways to the same node have in common, or have together.
#[derive(Clone, Copy)]
enum Merge {
    Intersection,
    Union,
}

impl Merge {
    fn of(self, sets: impl Iterator<Item = Nodes>) -> Nodes {
        let merged = sets.reduce(|a, b| match self {
            Self::Intersection => a.intersection(&b).copied().collect(),
            Self::Union => a.union(&b).copied().collect(),
        });
        merged.unwrap_or_default()
    }
}

fn with(place: usize, before: &[Nodes]) -> Nodes {
    let mut nodes = before.get(place).cloned().unwrap_or_default();
    nodes.insert(place);
    nodes
}
