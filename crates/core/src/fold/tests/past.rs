//! Letting go changes no answer: random flows, folded with and without it.
//!
//! The judge is a fold that lets go of nothing, asked in the way in which a fold was asked when it
//! kept every StepRun. Planted faults show that it would notice.

use proptest::{prelude::*, test_runner::TestRunner};

use super::{
    march::{go_on, input, march, marched, route, undo},
    *,
};
use crate::{
    flow::schedule::{Arrival, Effects},
    journal::HalfFilled,
};

/// Numbers that are drawn from, until there are none.
struct Tape<'a>(std::slice::Iter<'a, u16>);

impl Tape<'_> {
    fn draw(&mut self, below: usize) -> usize {
        self.0.next().map_or(0, |number| usize::from(*number) % below)
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.draw(many) == 0
    }

    fn of<'b, T>(&mut self, all: &'b [T]) -> Option<&'b T> {
        if all.is_empty() { None } else { all.get(self.draw(all.len())) }
    }
}

/// Draws a graph: whatever leads to whatever, round and round. Every other one has rounds in which
/// two branches join, and one of them goes on to the next round.
fn graph(tape: &mut Tape<'_>) -> Wiring {
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

/// What is wrong with a fold that lets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    NoVisits,
    NoFiredJoins,
    NoHalfFilledJoins,
    NoAncestors,
    NoLatest,
    NoFailed,
    NoUndoables,
    NoUndoInputs,
}

const FAULTS: &[Fault] = &[
    Fault::NoVisits,
    Fault::NoFiredJoins,
    Fault::NoHalfFilledJoins,
    Fault::NoAncestors,
    Fault::NoLatest,
    Fault::NoFailed,
    Fault::NoUndoables,
    Fault::NoUndoInputs,
];

impl Fault {
    fn harm(self, run: &mut Projection) {
        let over = |step: &StepRun| step.phase == Phase::Finished;
        let latest: Vec<_> = run.steps.iter().map(|step| step.key.clone()).collect();
        let is_latest = |step: &StepRun| {
            latest.iter().filter(|key| key.step == step.key.step).max() == Some(&step.key)
        };
        match self {
            Self::None => {}
            Self::NoVisits => run.let_go.clear(),
            Self::NoFiredJoins => run.joins.retain(|join| !join.fired),
            Self::NoHalfFilledJoins => run.joins.retain(|join| join.fired),
            Self::NoAncestors => run.steps.retain(|step| !over(step) || is_latest(step)),
            Self::NoLatest => run.steps.retain(|step| !over(step) || !is_latest(step)),
            Self::NoFailed => run.steps.retain(|s| !matches!(s.phase, Phase::Failed(_))),
            Self::NoUndoables => run.undoables.clear(),
            Self::NoUndoInputs => run.undoables.iter_mut().for_each(|done| done.inputs.clear()),
        }
    }
}

/// One journal, folded three ways.
struct Trio {
    wiring: Wiring,
    /// Lets go of nothing.
    whole: Projection,
    /// Lets go of all it can after each entry, and is read back often.
    lean: Projection,
    /// As it is everywhere.
    usual: Projection,
    past: Vec<StepRun>,
    fault: Fault,
}

impl Trio {
    fn new(wiring: Wiring, fault: Fault) -> Self {
        let whole = Projection::begin(run_id(), &created(&wiring), at(1), &wiring);
        let (lean, usual) = (whole.clone(), whole.clone());
        Self { wiring, whole, lean, usual, past: Vec::new(), fault }
    }

    fn take(&mut self, entry: &Entry) -> Result<(), FoldError> {
        let position = self.whole.position + 1;
        let now = at(i64::try_from(position).unwrap());
        self.whole.follow(&self.wiring, position, now, entry)?;
        self.lean.follow(&self.wiring, position, now, entry)?;
        self.lean.let_go(&self.wiring, &mut |step| self.past.push(step));
        self.fault.harm(&mut self.lean);
        self.usual.apply(&self.wiring, position, now, entry)
    }

    /// Draws what happens next and lets it happen.
    fn act(&mut self, tape: &mut Tape<'_>) -> Result<(), FoldError> {
        let entries = match tape.draw(24) {
            0..10 => self.begin(tape),
            10..18 => self.end(tape),
            18 => self.fail(tape),
            19 => self.settle(tape),
            20 => vec![claimed()],
            21 => {
                let wait = WaitSet { mode: WaitMode::Any, waits: Vec::new() };
                vec![Entry::Parked { wait }, claimed()]
            }
            22 => {
                let text = serde_json::to_string(&self.lean).unwrap();
                self.lean = serde_json::from_str(&text).unwrap();
                vec![Entry::Checkpoint { fold: value(json!({})) }]
            }
            _ if tape.one_in(4) => self.unwinding(),
            _ => Vec::new(),
        };
        entries.iter().try_for_each(|entry| self.take(entry))
    }

    fn begin(&self, tape: &mut Tape<'_>) -> Vec<Entry> {
        if self.whole.unwinding {
            let next = self.whole.next_undo(&self.wiring);
            let key = next.map(|(_, undo)| StepKey::new(undo.clone(), visits(&self.whole, &undo)));
            return key.map(|key| started(&key.to_string(), 1)).into_iter().collect();
        }
        let ready = self.whole.startable(&self.wiring, at(9_999), &|_| true);
        let Some(step) = tape.of(&ready).cloned() else { return Vec::new() };
        if self.is_router(&step) {
            let variant = if tape.one_in(2) { "A" } else { "B" }.to_owned();
            return vec![Entry::Routed { step, variant, absorbed: Vec::new() }];
        }
        let attempt = self.whole.step(&step).map_or(0, |step| step.attempt) + 1;
        vec![started(&step.to_string(), attempt)]
    }

    fn is_router(&self, key: &StepKey) -> bool {
        let step = self.wiring.definition().step(&key.step);
        step.is_some_and(|step| matches!(step.kind, StepKind::Router(_)))
    }

    fn open(&self, tape: &mut Tape<'_>) -> Option<StepKey> {
        let open = self.whole.steps.iter().filter(|step| step.phase == Phase::Open);
        let open: Vec<_> = open.map(|step| step.key.clone()).collect();
        tape.of(&open).cloned()
    }

    fn end(&self, tape: &mut Tape<'_>) -> Vec<Entry> {
        let Some(key) = self.open(tape) else { return Vec::new() };
        let writes = self.wiring.definition().step(&key.step).map(|step| step.access);
        let state = (writes == Some(Access::Writes)).then(|| json!({ "by": key.to_string() }));
        vec![finished(&key.to_string(), state)]
    }

    fn fail(&self, tape: &mut Tape<'_>) -> Vec<Entry> {
        let Some(step) = self.open(tape) else { return Vec::new() };
        let failure = Failure::permanent(crate::code::Code::StepFailed, "no");
        let retry_at = (!tape.one_in(4)).then(|| at(5));
        let cause = Cause::Failed { step: step.clone(), failure: failure.clone() };
        let is_last = retry_at.is_none() && !self.whole.unwinding;
        let failed = Entry::StepFailed { step, attempt: 1, failure, retry_at };
        let unwinding = is_last.then_some(Entry::Unwinding { cause });
        [failed].into_iter().chain(unwinding).collect()
    }

    fn settle(&self, tape: &mut Tape<'_>) -> Vec<Entry> {
        let Some(key) = self.open(tape) else { return Vec::new() };
        let ordinal = self.whole.step(&key).map_or(0, |step| step.effects.len());
        vec![settled(&format!("{key}:{ordinal}"))]
    }

    fn unwinding(&self) -> Vec<Entry> {
        let cause = Cause::Cancelled { reason: "enough".into() };
        if self.whole.unwinding { Vec::new() } else { vec![Entry::Unwinding { cause }] }
    }

    /// Compares all answers, of the runs themselves and of forks of them.
    fn judge(&self) -> Result<(), String> {
        let forked = |run: &Projection| {
            let mut fork = run.clone();
            fork.detach();
            fork
        };
        for detached in [false, true] {
            let as_is = |run: &Projection| if detached { forked(run) } else { run.clone() };
            let whole = as_is(&self.whole);
            let wanted = Answers::of(&whole, &whole, &self.wiring, &Old);
            for run in [&self.lean, &self.usual] {
                let found = Answers::of(&as_is(run), &whole, &self.wiring, &Today);
                if found != wanted {
                    return Err(format!("{found:#?}\nis not\n{wanted:#?}"));
                }
            }
        }
        self.nothing_is_lost()
    }

    /// Every StepRun is either past or there.
    fn nothing_is_lost(&self) -> Result<(), String> {
        let mut all: Vec<_> = self.past.iter().chain(&self.lean.steps).collect();
        let mut wanted: Vec<_> = self.whole.steps.iter().collect();
        all.sort_by_key(|step| &step.key);
        wanted.sort_by_key(|step| &step.key);
        (all == wanted).then_some(()).ok_or_else(|| "a StepRun is lost or differs".to_owned())
    }
}

/// How a fold is asked.
trait Asked {
    fn next_visit(&self, run: &Projection, step: &str) -> u32;
    fn producer(&self, run: &Projection, key: &StepKey, from: &StepName) -> Option<Held>;
    fn next_undo(&self, run: &Projection, wiring: &Wiring) -> Option<(StepKey, StepName)>;
}

struct Today;

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
struct Old;

fn visits(run: &Projection, step: &str) -> u32 {
    let all = run.steps.iter().filter(|run| &*run.key.step == step);
    u32::try_from(all.count()).unwrap() + 1
}

impl Asked for Old {
    fn next_visit(&self, run: &Projection, step: &str) -> u32 {
        visits(run, step)
    }

    fn producer(&self, run: &Projection, key: &StepKey, from: &StepName) -> Option<Held> {
        let visit = run.step(key).and_then(|step| step.ancestry.get(from)).copied();
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
struct Answers {
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
    fn of(run: &Projection, whole: &Projection, wiring: &Wiring, by: &dyn Asked) -> Self {
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

/// Plays what the numbers say, to the last one.
fn play(numbers: &[u16], fault: Fault) -> Result<(), String> {
    let mut tape = Tape(numbers.iter());
    let mut trio = Trio::new(graph(&mut tape), fault);
    trio.take(&claimed()).map_err(|e| e.to_string())?;
    while tape.0.len() > 0 {
        let before = trio.whole.position;
        trio.act(&mut tape).map_err(|e| e.to_string())?;
        if trio.whole.position != before {
            trio.judge()?;
        }
    }
    Ok(())
}

fn numbers() -> impl Strategy<Value = Vec<u16>> {
    proptest::collection::vec(any::<u16>(), 40..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_fold_that_lets_go_answers_like_one_that_keeps_everything(numbers in numbers()) {
        prop_assert_eq!(play(&numbers, Fault::None), Ok(()));
    }
}

#[test]
fn a_fold_that_forgets_what_it_needs_is_found() {
    for fault in FAULTS {
        let mut runner = TestRunner::new(ProptestConfig {
            cases: 4_000,
            max_shrink_iters: 0,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let found =
            runner.run(&numbers(), |numbers| play(&numbers, *fault).map_err(TestCaseError::fail));
        assert!(found.is_err(), "{fault:?} was not noticed");
    }
}

/// The march without its compensations: what is to be undone grows with the run.
fn plain_march() -> Wiring {
    let mut plain = march().definition().clone();
    plain.steps.iter_mut().for_each(|step| step.options.compensate = None);
    flow(plain.steps)
}

#[test]
fn the_fold_of_a_long_run_is_no_larger_than_that_of_a_short_one() {
    let wiring = plain_march();
    let size = |rounds| {
        let mut run = fold(&wiring, &marched(rounds)).unwrap();
        run.let_go(&wiring, &mut drop);
        (run.steps.len(), run.joins.len(), serde_json::to_string(&run).unwrap().len())
    };
    let ((steps, joins, bytes), (more_steps, more_joins, more_bytes)) = (size(10), size(3_000));
    assert_eq!((more_steps, more_joins), (steps, joins));
    assert!(more_bytes < bytes + 100, "{bytes} bytes became {more_bytes}: longer numbers alone");
}

#[test]
fn a_fold_never_holds_much_more_than_it_needs() {
    let wiring = plain_march();
    let mut run = fold(&wiring, &[]).unwrap();
    for entry in marched(300) {
        go_on(&mut run, &wiring, &[entry]);
        let room = 17 + 2 * wiring.definition().steps.len();
        assert!(run.steps.len() <= room && run.joins.len() <= room, "{}", run.steps.len());
    }
}
