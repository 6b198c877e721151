//! Letting go changes no answer: random flows, folded with and without it.
//!
//! The judge is a fold that lets go of nothing, asked in the way in which a fold was asked when it
//! kept every StepRun. Planted faults show that it would notice.

mod answers;
mod graph;

use answers::{Answers, Old, Today, visits};
use graph::{Tape, graph};
use proptest::{prelude::*, test_runner::TestRunner};

use super::{
    march::{go_on, march, marched},
    *,
};

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
            Self::NoVisits => run.past.clear(),
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
    #![proptest_config(ProptestConfig::with_cases(200))]

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
