//! The state machine as a table, journals that do not fold, and what the borrow rule lets start.

mod march;
mod older;
mod past;

use std::sync::Arc;

use expect_test::expect;
use serde_json::{Value, json};

use super::*;
use crate::{
    budget::{Limits, Settlement, Spend},
    effect::{EffectHead, EffectKind, EffectOutcome, StepKey},
    flow::{Access, Condition, FlowDefinition, StepDefinition, StepKind, StepOptions, Trigger},
    id::SessionId,
    journal::{EffectSettled, Ending},
    label::Label,
    payload::{Payload, PayloadRef},
    wait::{Wait, WaitMode},
};

fn value(value: Value) -> PayloadRef {
    Payload::of(&value).unwrap().reference(Label::default())
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

fn run_id() -> RunId {
    RunId::new(at(1), [1; 10])
}

fn node(name: &str, access: Access, trigger: Trigger) -> StepDefinition {
    StepDefinition {
        name: Arc::from(name),
        kind: StepKind::Step,
        access,
        trigger,
        inputs: Vec::new(),
        options: StepOptions::default(),
        finish: false,
        output_schema: Value::Null,
        body: Digest::ZERO,
        before: Vec::new(),
    }
}

fn flow(steps: Vec<StepDefinition>) -> Wiring {
    Wiring::of(FlowDefinition {
        name: "desk".to_owned(),
        version: 1,
        description: String::new(),
        state_schema: Value::Null,
        steps,
    })
}

fn created(wiring: &Wiring) -> Created {
    Created {
        flow: wiring.definition().flow_version(),
        tenant: "default".to_owned(),
        input: value(json!({})),
        state: value(json!({})),
        key_root: Digest::of(b"root"),
        limits: Limits::none(),
        requested_by: None,
        tags: BTreeMap::new(),
        parent: None,
        forked: None,
    }
}

fn claimed() -> Entry {
    Entry::Claimed { session: SessionId::new(at(1), [2; 10]), nonce: String::new() }
}

fn started(step: &str, attempt: u32) -> Entry {
    Entry::StepStarted { step: step.parse().unwrap(), attempt, body: Digest::ZERO }
}

fn finished(step: &str, state: Option<Value>) -> Entry {
    Entry::StepFinished {
        step: step.parse().unwrap(),
        began: None,
        output: value(json!(step)),
        state: state.map(value),
        absorbed: Vec::new(),
    }
}

fn settled(position: &str) -> Entry {
    Entry::EffectSettled(Box::new(EffectSettled {
        position: position.parse().unwrap(),
        head: EffectHead { kind: EffectKind::Now, name: String::new(), arguments: Digest::ZERO },
        attempt: 1,
        failed: Vec::new(),
        outcome: EffectOutcome::Completed(value(json!(1))),
        spend: Settlement::NOTHING,
        seen: 0,
        started_at: at(1),
        arguments: None,
        reasoning: None,
        scope: None,
        about: Value::Null,
    }))
}

fn end(ending: Ending) -> Entry {
    let half_filled = Vec::new();
    Entry::Finished(Box::new(Finished { ending, output: None, failure: None, half_filled }))
}

/// One entry of each kind, and an end of each ending.
fn samples() -> Vec<Entry> {
    let wiring = flow(vec![node("a", Access::Reads, Trigger::Start)]);
    let position = || "a#1:0".parse().unwrap();
    let head = || EffectHead { kind: EffectKind::Tool, name: "t".into(), arguments: Digest::ZERO };
    let step = || "a#1".parse::<StepKey>().unwrap();
    let failure = || Failure::permanent(crate::code::Code::StepFailed, "no");
    let version = || wiring.definition().flow_version();
    let timer = Wait::Timer { due: at(9) };
    vec![
        Entry::Created(Box::new(created(&wiring))),
        claimed(),
        started("a#1", 1),
        finished("a#1", None),
        Entry::StepFailed { step: step(), attempt: 1, failure: failure(), retry_at: None },
        Entry::Routed { step: step(), variant: "Left".into(), absorbed: Vec::new() },
        Entry::EffectIntended {
            position: position(),
            head: head(),
            attempt: 1,
            first_sent_at: at(1),
            not_after: at(2),
            seen: 0,
            arguments: value(json!({})),
        },
        Entry::EffectAttempted {
            position: position(),
            head: head(),
            attempts: Vec::new(),
            spend: Settlement::NOTHING,
        },
        settled("a#1:0"),
        Entry::WaitOpened {
            position: position(),
            head: head(),
            wait: timer.clone(),
            arguments: value(json!({})),
            seen: 0,
            input: None,
        },
        Entry::Advanced { amount: Spend::ZERO },
        Entry::Allotted { child: run_id(), limits: Limits::none() },
        Entry::Received {
            inbox: 1,
            message: InboxBody::TimerFired { key: "a#1:0".into(), due: Some(at(5)) },
        },
        Entry::Migrated { from: version(), to: version(), state: value(json!({})) },
        Entry::Unwinding { cause: Cause::Cancelled { reason: "enough".into() } },
        Entry::Released,
        Entry::Parked { wait: WaitSet { mode: WaitMode::Any, waits: vec![timer] } },
        Entry::Checkpoint { fold: value(json!({})) },
        end(Ending::Completed),
        end(Ending::Failed),
        end(Ending::Cancelled),
        end(Ending::Partial),
    ]
}

#[test]
fn the_whole_state_machine() {
    let statuses = RunStatus::ALL.iter().copied().map(Some);
    let mut table = String::new();
    for status in std::iter::once(None).chain(statuses) {
        let name = status.map_or("(none)", RunStatus::as_str);
        let next = |entry: &Entry| {
            let next = RunStatus::after(status, entry).ok()?;
            Some(format!("{} -> {next}", entry.kind()))
        };
        let allowed: Vec<_> = samples().iter().filter_map(next).collect();
        table += &format!("{name}: {}\n", allowed.join(", "));
    }
    expect![[r#"
        (none): created -> queued
        queued: claimed -> running
        running: claimed -> running, step_started -> running, step_finished -> running, step_failed -> running, routed -> running, effect_intended -> running, effect_attempted -> running, effect_settled -> running, wait_opened -> running, advanced -> running, allotted -> running, received -> running, migrated -> running, unwinding -> running, released -> queued, parked -> parked, checkpoint -> running, finished -> completed, finished -> failed, finished -> cancelled, finished -> partial
        parked: claimed -> running
        completed: 
        failed: 
        cancelled: 
        partial: 
    "#]].assert_eq(&table);
}

/// Folds entries after `created`, a second apart.
fn fold(wiring: &Wiring, entries: &[Entry]) -> Result<Projection, FoldError> {
    let mut run = Projection::begin(run_id(), &created(wiring), at(1), wiring);
    for (entry, position) in entries.iter().zip(2..) {
        let now = at(i64::try_from(position).unwrap());
        run.apply(wiring, position, now, entry)?;
    }
    Ok(run)
}

fn pair() -> Wiring {
    let joined = Condition::All(vec![Condition::Step("a".into()), Condition::Step("b".into())]);
    flow(vec![
        node("a", Access::Reads, Trigger::Start),
        node("b", Access::Reads, Trigger::Start),
        node("end", Access::Reads, Trigger::On(joined)),
    ])
}

#[test]
fn a_position_left_out_or_used_twice_does_not_fold() {
    let wiring = pair();
    for found in [1, 3] {
        let mut run = fold(&wiring, &[]).unwrap();
        let refused = run.apply(&wiring, found, at(2), &claimed()).unwrap_err();
        assert_eq!(refused, FoldError::Gap { wanted: 2, found });
    }
}

#[test]
fn what_the_journal_does_not_know_does_not_fold() {
    let wiring = pair();
    let refused = |entries: &[Entry]| fold(&wiring, entries).unwrap_err().to_string();
    assert_eq!(
        refused(&[started("a#1", 1)]),
        "a run that is queued cannot take the entry `step_started`"
    );
    assert_eq!(refused(&[claimed(), started("a#2", 1)]), "the journal does not know the step a#2");
    assert_eq!(
        refused(&[claimed(), started("a#1", 1), settled("a#1:0"), settled("a#1:0")]),
        "the journal does not know a second outcome of a#1:0"
    );
    assert_eq!(
        refused(&[claimed(), end(Ending::Completed), claimed()]),
        "a run that is completed cannot take the entry `claimed`"
    );
}

#[test]
fn a_join_that_never_fired_is_named_with_what_had_arrived() {
    let run = fold(&pair(), &[claimed(), started("a#1", 1), finished("a#1", None)]).unwrap();
    let half = run.half_filled();
    assert_eq!((&*half[0].step, half[0].arrived.as_slice()), ("end", &["a#1".to_owned()][..]));
}

#[test]
fn running_time_is_what_lies_between_the_entries_of_a_claim() {
    let wiring = pair();
    let open = [claimed(), started("a#1", 1), Entry::Released, claimed(), started("b#1", 1)];
    let run = fold(&wiring, &open).unwrap();
    assert_eq!(run.wall_ms(), 3_000, "two seconds of the first claim, one of the second");
    let mut crashed = run.clone();
    crashed.apply(&wiring, 7, at(6_000), &claimed()).unwrap();
    assert_eq!(crashed.wall_ms(), 23_000, "of a crash's gap no more than a lease is counted");
    assert_eq!(crashed.recoveries, 1);
}

#[test]
fn the_latest_timer_that_fired_says_what_has_passed() {
    let fired = |inbox: u64, due: Option<Timestamp>| {
        let message = InboxBody::TimerFired { key: format!("retry:{inbox}"), due };
        Entry::Received { inbox, message }
    };
    let mut run = fold(&pair(), &[claimed()]).unwrap();
    assert_eq!(run.passed, Timestamp::default(), "nothing is known yet");
    for (inbox, due, passed) in [(1, Some(70), 70), (2, Some(60), 70), (3, None, 70)] {
        run.apply(&pair(), run.position + 1, at(9), &fired(inbox, due.map(at))).unwrap();
        assert_eq!(run.passed, at(passed));
    }
    let text = serde_json::to_string(&run).unwrap();
    assert_eq!(serde_json::from_str::<Projection>(&text).unwrap().passed, at(70));
}

fn ready(wiring: &Wiring, entries: &[Entry], resting: &str) -> Vec<String> {
    let run = fold(wiring, entries).unwrap();
    let rests = |key: &StepKey| &*key.step == resting;
    run.startable(wiring, at(1_000), &rests).iter().map(ToString::to_string).collect()
}

#[test]
fn readers_run_together_and_a_writer_alone_in_declaration_order() {
    let wiring = flow(vec![
        node("one", Access::Reads, Trigger::Start),
        node("two", Access::Reads, Trigger::Start),
        node("write", Access::Writes, Trigger::Start),
        node("late", Access::Reads, Trigger::Start),
    ]);
    let begun = vec![claimed(), started("one#1", 1)];
    assert_eq!(ready(&wiring, &[claimed()], ""), ["one#1", "two#1"], "not past the writer");
    assert_eq!(ready(&wiring, &begun, ""), ["two#1"]);
    let both = [begun.clone(), vec![started("two#1", 1), finished("two#1", None)]].concat();
    assert_eq!(ready(&wiring, &both, ""), [""; 0], "the writer waits for who reads");
    assert_eq!(ready(&wiring, &both, "one"), ["write#1"], "and not for who only waits");
    let writing = [both, vec![started("write#1", 1)]].concat();
    assert_eq!(ready(&wiring, &writing, "write"), [""; 0], "a writer that waits holds the state");
    let written = [writing, vec![finished("write#1", Some(json!({"n": 1})))]].concat();
    assert_eq!(ready(&wiring, &written, "one"), ["late#1"]);
}

#[test]
fn a_step_sees_the_state_of_its_first_start() {
    let wiring = flow(vec![
        node("read", Access::Reads, Trigger::Start),
        node("write", Access::Writes, Trigger::Start),
    ]);
    let entries = [
        claimed(),
        started("read#1", 1),
        started("write#1", 1),
        finished("write#1", Some(json!({"n": 1}))),
        started("read#1", 2),
    ];
    let run = fold(&wiring, &entries).unwrap();
    let pinned = run.step(&"read#1".parse().unwrap()).unwrap().pinned.clone().unwrap();
    assert_eq!(pinned.payload, value(json!({})), "every attempt sees the first one's state");
    assert_eq!(run.state.payload, value(json!({"n": 1})));
}

#[test]
fn one_row_tells_of_an_attempts_beginning_and_end_as_two_do() {
    let wiring = pair();
    let began = Began { at: at(3), attempt: 2, body: Digest::of(b"body") };
    let step: StepKey = "a#1".parse().unwrap();
    let (attempt, body) = (began.attempt, began.body);
    let mut two = fold(&wiring, &[claimed()]).unwrap();
    let begins = Entry::StepStarted { step: step.clone(), attempt, body };
    two.apply(&wiring, 3, began.at, &begins).unwrap();
    two.apply(&wiring, 4, at(5), &finished("a#1", None)).unwrap();

    let Entry::StepFinished { step: of, output, state, absorbed, .. } = finished("a#1", None)
    else {
        unreachable!("a finished step")
    };
    let end = Entry::StepFinished { step: of, began: Some(began), output, state, absorbed };
    let mut one = fold(&wiring, &[claimed()]).unwrap();
    let mut live = one.clone();
    live.begin_step(&wiring, &step, began).unwrap();
    live.apply(&wiring, 3, at(5), &end).unwrap();
    one.apply(&wiring, 3, at(5), &end).unwrap();
    assert_eq!(live, one, "what the live run knew before the row changes nothing");

    one.position = two.position;
    one.steps[0].output.as_mut().unwrap().at = 4;
    assert_eq!(one, two);
}

#[test]
fn a_fold_reads_back_what_it_wrote() {
    let entries = [claimed(), started("a#1", 1), settled("a#1:0")];
    let run = fold(&pair(), &entries).unwrap();
    let written = Payload::of(&run).unwrap();
    assert_eq!(written.read::<Projection>().unwrap(), run);
}
