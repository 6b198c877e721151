//! What is asked of a fold, today and when it kept every StepRun.

use super::*;
use crate::{
    flow::schedule::{Arrival, Effects},
    journal::HalfFilled,
};

/// How a fold is asked.
pub(super) trait Asked {
    fn next_visit(&self, run: &Projection, step: &str) -> u32;
    fn producer(&self, run: &Projection, key: &StepKey, from: &StepName) -> Option<Held>;
    fn next_undo(&self, run: &Projection, wiring: &Wiring) -> Option<(StepKey, StepName)>;
}

pub(super) struct Today;

impl Asked for Today {
    fn next_visit(&self, run: &Projection, step: &str) -> u32 {
        run.next_visit(step)
    }

    fn producer(&self, run: &Projection, key: &StepKey, from: &StepName) -> Option<Held> {
        run.producer(key, from).cloned()
    }

    fn next_undo(&self, run: &Projection, wiring: &Wiring) -> Option<(StepKey, StepName)> {
        run.next_undo(wiring)
    }
}

/// From all StepRuns alone.
pub(super) struct Old;

pub(super) fn visits(run: &Projection, step: &str) -> u32 {
    let all = run.steps.iter().filter(|run| &*run.key.step == step);
    u32::try_from(all.count()).unwrap() + 1
}

impl Asked for Old {
    fn next_visit(&self, run: &Projection, step: &str) -> u32 {
        visits(run, step)
    }

    fn producer(&self, run: &Projection, key: &StepKey, from: &StepName) -> Option<Held> {
        let visit = run.step(key).and_then(|step| step.ancestry.get(from));
        let outputs = run.steps.iter().rev().filter(|step| step.output.is_some());
        let mut fitting = outputs.filter(|step| {
            step.key.step == *from && visit.is_none_or(|visit| step.key.visit == visit)
        });
        fitting.next().and_then(|step| step.output.clone())
    }

    fn next_undo(&self, run: &Projection, wiring: &Wiring) -> Option<(StepKey, StepName)> {
        let tried = |key: &StepKey| run.steps.iter().any(|s| s.undoes.as_ref() == Some(key));
        let finished = |step: &&StepRun| step.phase == Phase::Finished && !tried(&step.key);
        let undo =
            |step: &StepRun| wiring.definition().step(&step.key.step)?.options.compensate.clone();
        let done = run.steps.iter().filter(finished);
        let done = done.filter_map(|step| Some((step.output.as_ref()?.at, step, undo(step)?)));
        let last = done.max_by_key(|(at, ..)| *at);
        last.map(|(_, step, undo)| (step.key.clone(), undo))
    }
}

/// Everything an owner or a reader asks of a fold, but for StepRuns that are past.
#[derive(Debug, PartialEq)]
pub(super) struct Answers {
    status: (RunStatus, bool, Held, Vec<(String, Option<Failure>)>),
    open: Vec<StepRun>,
    startable: [Vec<StepKey>; 2],
    at_rest: bool,
    next_visits: Vec<u32>,
    inputs: Vec<Option<Held>>,
    labels: Vec<Label>,
    arrivals: Vec<Effects>,
    half_filled: Vec<HalfFilled>,
    outputs: Vec<Option<Held>>,
    next_undo: Option<(StepKey, StepName)>,
}

impl Answers {
    pub(super) fn of(
        run: &Projection,
        whole: &Projection,
        wiring: &Wiring,
        by: &dyn Asked,
    ) -> Self {
        let names: Vec<_> = wiring.definition().steps.iter().map(|s| s.name.clone()).collect();
        let open = |run: &Projection| {
            let open: Vec<_> = run.steps.iter().filter(|step| !step.is_over()).cloned().collect();
            open.into_iter().map(|step| StepRun { inputs: BTreeMap::new(), ..step }).collect()
        };
        let open_of_whole: Vec<StepRun> = open(whole);
        let keys: Vec<_> = open_of_whole.iter().map(|step| step.key.clone()).collect();
        let startable = |rests| run.startable(wiring, at(9_999), &|_| rests);
        let latest = |name: &StepName| {
            let mut outputs = run.steps.iter().rev().filter(|step| step.output.is_some());
            outputs.find(|step| step.key.step == *name)?.output.clone()
        };
        let taken = |step: &StepRun| -> Vec<_> {
            let names = match step.undoes {
                // Only what it takes is kept for it.
                Some(_) => taken(wiring, &step.key.step),
                None => names.clone(),
            };
            names.into_iter().map(|from| (step.key.clone(), from)).collect()
        };
        let inputs = open_of_whole.iter().flat_map(taken);
        Self {
            status: (run.status, run.unwinding, run.state.clone(), run.undone.clone()),
            open: open(run),
            startable: [startable(false), startable(true)],
            at_rest: run.is_at_rest(),
            next_visits: names.iter().map(|name| by.next_visit(run, name)).collect(),
            inputs: inputs.map(|(key, from)| by.producer(run, &key, &from)).collect(),
            labels: keys.iter().map(|key| run.label_of(wiring, key)).collect(),
            arrivals: keys.iter().flat_map(|key| arrivals(run, wiring, key)).collect(),
            half_filled: run.half_filled(),
            outputs: names.iter().map(latest).collect(),
            next_undo: by.next_undo(run, wiring),
        }
    }
}

fn taken(wiring: &Wiring, step: &StepName) -> Vec<StepName> {
    let inputs = wiring.definition().step(step).map(|step| step.inputs.as_slice());
    inputs.unwrap_or_default().iter().map(|input| input.from.clone()).collect()
}

/// What the end of a step would do, whichever way it goes.
fn arrivals(run: &Projection, wiring: &Wiring, key: &StepKey) -> Vec<Effects> {
    let Some(step) = run.step(key).filter(|step| step.undoes.is_none()) else { return Vec::new() };
    let arrive = |arrival| wiring.arrive(&mut run.joins.clone(), key, &step.ancestry, arrival);
    let routes = wiring.definition().step(&key.step).map(|step| step.kind.clone());
    let Some(StepKind::Router(route)) = routes else { return vec![arrive(Arrival::Step)] };
    let picks = route.variants.iter();
    let arrival = |variant| Arrival::Route { route: &route.name, variant };
    picks.map(|variant| arrive(arrival(&variant.name))).collect()
}
