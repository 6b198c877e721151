//! What makes a step due: arrivals, waves, joins.
//!
//! # Waves
//!
//! An arrival is a finished step or a picked route. A join must know which arrivals belong
//! together when cycles bring the same step around again. Two numbers tell: the visit of the
//! *nearest common ancestor* of the join's producers (their nearest common dominator in the graph:
//! the last step that every path to them goes through), and the visit of the join itself on the
//! arrival's own path, which is zero until a cycle leads back to it. Arrivals with equal numbers
//! are one wave.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

pub use super::ancestry::Ancestry;
use super::{Condition, FlowDefinition, StepDefinition, StepKind, StepName, Trigger};
use crate::effect::StepKey;

/// Which arrivals of a join belong together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Wave {
    /// The visit of the producers' nearest common ancestor; 0 where that is the run itself.
    pub anchor: u32,
    /// The visit of the join itself on the way here; 0 at first.
    pub reentry: u32,
}

/// A join that has some of its arrivals, or has fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// The step that waits.
    pub step: StepName,
    /// The wave.
    pub wave: Wave,
    /// Leaves that have arrived, by their number from left to right, with what brought them.
    pub arrived: BTreeMap<u32, StepKey>,
    /// The union of the arrivals' paths.
    pub ancestry: Ancestry,
    /// Whether the step became due.
    pub fired: bool,
}

/// Something that may make steps due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival<'a> {
    /// A step finished.
    Step,
    /// A router picked this variant of this route type.
    Route {
        /// The route type.
        route: &'a str,
        /// The variant.
        variant: &'a str,
    },
}

/// What an arrival did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// Steps that became due, in declaration order, each with the path that led there.
    pub due: Vec<(StepName, Ancestry)>,
    /// Joins that had already fired in this wave.
    pub absorbed: Vec<StepName>,
}

/// A definition with its joins worked out.
#[derive(Debug, Clone)]
pub struct Wiring {
    definition: FlowDefinition,
    /// The definition's steps once more, to be held while a run goes on.
    steps: Vec<Arc<StepDefinition>>,
    /// Where each step stands in declaration order.
    places: BTreeMap<StepName, usize>,
    anchors: BTreeMap<StepName, Option<StepName>>,
    /// For each step that brings arrivals, the places of those that may wait for them.
    listeners: BTreeMap<StepName, BTreeSet<usize>>,
}

impl Wiring {
    /// Works out the nearest common ancestor of every step's producers.
    #[must_use]
    pub fn of(definition: FlowDefinition) -> Self {
        let dominators = dominators(&definition);
        let anchor = |producers: Vec<StepName>| {
            let sets: Vec<_> = producers.iter().filter_map(|p| dominators.get(p)).collect();
            let (first, rest) = sets.split_first()?;
            let common = first.iter().filter(|step| rest.iter().all(|set| set.contains(*step)));
            common.max_by_key(|step| dominators.get(*step).map_or(0, BTreeSet::len)).cloned()
        };
        let anchors = definition
            .steps
            .iter()
            .map(|step| (step.name.clone(), anchor(producers(&definition, &step.trigger))))
            .collect();
        let steps = definition.steps.iter().cloned().map(Arc::new).collect();
        let mut listeners: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (place, step) in definition.steps.iter().enumerate() {
            for producer in producers(&definition, &step.trigger) {
                listeners.entry(producer).or_default().insert(place);
            }
        }
        let names = definition.steps.iter().map(|step| step.name.clone());
        let places = names.zip(0..).collect();
        Self { definition, steps, places, anchors, listeners }
    }

    /// Returns the definition.
    #[must_use]
    pub const fn definition(&self) -> &FlowDefinition {
        &self.definition
    }

    /// Returns a step and its place in declaration order.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<(usize, Arc<StepDefinition>)> {
        let place = self.place(name)?;
        self.steps.get(place).map(|step| (place, Arc::clone(step)))
    }

    /// Returns a step's place in declaration order.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// Returns a step, to be looked at.
    pub(crate) fn look_up(&self, name: &str) -> Option<&StepDefinition> {
        self.definition.steps.get(self.place(name)?)
    }

    /// Returns the nearest common ancestor of a step's producers; `None` where that is the run.
    pub(crate) fn anchor(&self, step: &str) -> Option<&StepName> {
        self.anchors.get(step).and_then(Option::as_ref)
    }

    /// Returns the steps that are due when a run starts, in declaration order.
    #[must_use]
    pub fn starts(&self) -> Vec<StepName> {
        let starts = self.definition.steps.iter().filter(|step| step.trigger == Trigger::Start);
        starts.map(|step| step.name.clone()).collect()
    }

    /// Takes an arrival: `by` is the StepRun it comes from, `path` that StepRun's ancestry with
    /// itself in it. Joins are changed in place.
    pub fn arrive(
        &self,
        joins: &mut Vec<Join>,
        by: &StepKey,
        path: &Ancestry,
        arrival: Arrival<'_>,
    ) -> Effects {
        let mut effects = Effects::default();
        let listeners = self.listeners.get(&by.step).into_iter().flatten();
        for step in listeners.filter_map(|&place| self.definition.steps.get(place)) {
            let Trigger::On(condition) = &step.trigger else { continue };
            if let Condition::Step(_) | Condition::Route { .. } = condition {
                // It fires for every arrival: there is nothing to be joined, and nothing to keep.
                if is_met(condition, by, arrival) {
                    effects.due.push((step.name.clone(), path.clone()));
                }
                continue;
            }
            let leaves = matching_leaves(condition, by, arrival);
            if leaves.is_empty() {
                continue;
            }
            let wave = self.wave(&step.name, path);
            self.fill(joins, (&step.name, wave, condition), by, path, &leaves, &mut effects);
        }
        effects
    }

    fn wave(&self, step: &StepName, path: &Ancestry) -> Wave {
        let visit = |step: &StepName| path.get(step).unwrap_or(0);
        let anchor = self.anchor(step).map_or(0, visit);
        Wave { anchor, reentry: visit(step) }
    }

    fn fill(
        &self,
        joins: &mut Vec<Join>,
        (step, wave, condition): (&StepName, Wave, &Condition),
        by: &StepKey,
        path: &Ancestry,
        leaves: &[u32],
        effects: &mut Effects,
    ) {
        let found = joins.binary_search_by(|j| (&j.step, &j.wave).cmp(&(step, &wave)));
        let mut join = match found {
            Ok(at) => joins.remove(at),
            Err(_) => Join {
                step: step.clone(),
                wave,
                arrived: BTreeMap::new(),
                ancestry: Ancestry::default(),
                fired: false,
            },
        };
        if join.fired {
            effects.absorbed.push(step.clone());
        } else {
            join.take(by, path, leaves);
            if holds(condition, &join.arrived) {
                join.fired = true;
                effects.due.push((step.clone(), std::mem::take(&mut join.ancestry)));
                join.arrived.clear();
            }
        }
        // A step with one leaf fires for every arrival, so its wave need not be remembered.
        if count(condition) > 1 {
            joins.insert(found.unwrap_or_else(|at| at), join);
        }
    }
}

impl Join {
    fn take(&mut self, by: &StepKey, path: &Ancestry, leaves: &[u32]) {
        for &leaf in leaves {
            self.arrived.insert(leaf, by.clone());
        }
        self.ancestry.join(path);
    }
}

fn matching_leaves(condition: &Condition, by: &StepKey, arrival: Arrival<'_>) -> Vec<u32> {
    let (mut number, mut found) = (0, Vec::new());
    condition.leaves(&mut |leaf| {
        if is_met(leaf, by, arrival) {
            found.push(number);
        }
        number += 1;
    });
    found
}

fn is_met(leaf: &Condition, by: &StepKey, arrival: Arrival<'_>) -> bool {
    match (leaf, arrival) {
        (Condition::Step(name), Arrival::Step) => *name == by.step,
        (Condition::Route { route: r, variant: v }, Arrival::Route { route, variant }) => {
            r == route && v == variant
        }
        _ => false,
    }
}

fn count(condition: &Condition) -> u32 {
    let mut leaves = 0;
    condition.leaves(&mut |_| leaves += 1);
    leaves
}

fn holds(condition: &Condition, arrived: &BTreeMap<u32, StepKey>) -> bool {
    fn walk(condition: &Condition, next: &mut u32, arrived: &BTreeMap<u32, StepKey>) -> bool {
        match condition {
            Condition::Step(_) | Condition::Route { .. } => {
                *next += 1;
                arrived.contains_key(&(*next - 1))
            }
            // Every branch is walked, so that the leaves keep their numbers.
            Condition::Any(inner) => inner.iter().filter(|c| walk(c, next, arrived)).count() > 0,
            Condition::All(inner) => inner.iter().filter(|c| !walk(c, next, arrived)).count() == 0,
        }
    }
    walk(condition, &mut 0, arrived)
}

/// Returns the steps that can bring an arrival to a trigger.
fn producers(definition: &FlowDefinition, trigger: &Trigger) -> Vec<StepName> {
    let mut producers = Vec::new();
    let Trigger::On(condition) = trigger else { return producers };
    condition.leaves(&mut |leaf| match leaf {
        Condition::Step(name) => producers.push(name.clone()),
        Condition::Route { route, .. } => {
            let picks = definition
                .steps
                .iter()
                .filter(|step| matches!(&step.kind, StepKind::Router(r) if r.name == *route));
            producers.extend(picks.map(|step| step.name.clone()));
        }
        Condition::Any(_) | Condition::All(_) => {}
    });
    producers
}

/// Returns, for each step, the steps that every path from the run's start to it goes through,
/// itself included. The classic data-flow iteration (Allen and Cocke, 1972).
fn dominators(definition: &FlowDefinition) -> BTreeMap<StepName, BTreeSet<StepName>> {
    let all: BTreeSet<_> = definition.steps.iter().map(|step| step.name.clone()).collect();
    let own = |name: &StepName| BTreeSet::from([name.clone()]);
    let mut sets: BTreeMap<_, _> = definition
        .steps
        .iter()
        .map(|step| {
            let start = step.trigger == Trigger::Start;
            (step.name.clone(), if start { own(&step.name) } else { all.clone() })
        })
        .collect();
    loop {
        let mut changed = false;
        for step in &definition.steps {
            let from = producers(definition, &step.trigger);
            let before = from.iter().filter_map(|p| sets.get(p));
            let Some(mut common) =
                before.cloned().reduce(|a, b| a.intersection(&b).cloned().collect())
            else {
                continue;
            };
            common.extend(own(&step.name));
            if sets.get(&step.name) != Some(&common) {
                sets.insert(step.name.clone(), common);
                changed = true;
            }
        }
        if !changed {
            return sets;
        }
    }
}

#[cfg(test)]
mod tests;
