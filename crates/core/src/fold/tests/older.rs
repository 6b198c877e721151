//! Folds that older programs wrote, when a fold kept every StepRun: they are read, and go on.
//!
//! Both files were written by such a program from the same journal of [`march`](super::march):
//! three rounds, and the fourth has begun. The second is the first one standing alone.

use super::{
    march::{done, go_on, march, marched, way},
    *,
};

const KEPT_ALL: &str = include_str!("kept_all.json");
const STOOD_ALONE: &str = include_str!("stood_alone.json");

fn older(text: &str, past: &mut Vec<String>) -> Projection {
    let run: Projection = serde_json::from_str(text).unwrap();
    run.brought_up(&march(), &mut |step| past.push(step.key.to_string()))
}

/// What stands in it, without the order of places that a fold that stands alone has lost.
fn undoables(run: &Projection) -> Vec<(String, Vec<String>)> {
    let inputs = |done: &Undoable| done.inputs.keys().map(ToString::to_string).collect();
    run.undoables.iter().map(|done| (done.key.to_string(), inputs(done))).collect()
}

#[test]
fn a_fold_that_kept_every_step_is_read_and_keeps_what_can_be_referred_to() {
    let mut past = Vec::new();
    let run = older(KEPT_ALL, &mut past);
    let kept: Vec<_> = run.steps.iter().map(|step| step.key.to_string()).collect();
    assert_eq!(kept, ["set_out#1", "go#3", "go#4"]);
    assert_eq!(past, ["go#1", "way#1", "go#2", "way#2", "way#3"]);
    assert_eq!((run.next_visit("go"), run.next_visit("way")), (5, 4));
    assert_eq!(run.joins, [], "no wave it was in can come again");
}

#[test]
fn it_equals_the_fold_of_its_journal_by_this_program() {
    let wiring = march();
    let begun = [vec![started("go#4", 1)], vec![settled("go#4:0")]].concat();
    let journal = [marched(3), begun].concat();
    let mut whole = fold(&wiring, &journal).unwrap();
    whole.let_go(&wiring, &mut drop);
    assert_eq!(older(KEPT_ALL, &mut Vec::new()), whole);
}

#[test]
fn what_it_did_is_undone_last_first_wherever_it_was_written() {
    let wiring = march();
    for text in [KEPT_ALL, STOOD_ALONE] {
        let mut run = older(text, &mut Vec::new());
        let both = vec!["go".to_owned(), "set_out".to_owned()];
        let go = |visit: u32| (format!("go#{visit}"), both.clone());
        let first = ("set_out#1".to_owned(), Vec::new());
        assert_eq!(undoables(&run), [first, go(1), go(2), go(3)]);
        let reason = "enough".to_owned();
        let mut undone = vec![Entry::Unwinding { cause: Cause::Cancelled { reason } }];
        undone.extend((1..=3).flat_map(|visit| done(&format!("go_back#{visit}"))));
        undone.extend(done("come_home#1"));
        go_on(&mut run, &wiring, &undone);
        let order: Vec<_> = run.undone.iter().map(|(step, _)| step.as_str()).collect();
        assert_eq!(order, ["go#3", "go#2", "go#1", "set_out#1"]);
        assert_eq!(run.next_undo(&wiring), None);
    }
}

#[test]
fn it_goes_on_to_its_end() {
    let wiring = march();
    let mut run = older(KEPT_ALL, &mut Vec::new());
    go_on(&mut run, &wiring, &[finished("go#4", None), way(4, "There")]);
    let rest: StepKey = "rest#1".parse().unwrap();
    let taken = |from: &str| run.producer(&rest, &from.into()).unwrap().payload.clone();
    assert_eq!(taken("go"), value(json!("go#4")));
    assert_eq!(taken("set_out"), value(json!("set_out#1")));
}

#[test]
fn an_older_program_refuses_a_fold_of_today_rather_than_misread_it() {
    let run = fold(&march(), &marched(3)).unwrap();
    let written = serde_json::to_value(&run).unwrap();
    assert_eq!(written.get("steps"), None, "the name under which it looked for all of them");
}

/// As an older program would have written it.
fn as_older(run: &Projection) -> String {
    let mut written = serde_json::to_value(run).unwrap();
    let fields = written.as_object_mut().unwrap();
    for name in ["past", "undoables", "form"] {
        fields.remove(name);
    }
    let mut steps = fields.remove("step_runs").unwrap();
    for step in steps.as_array_mut().unwrap() {
        step.as_object_mut().unwrap().remove("inputs");
    }
    fields.insert("steps".into(), steps);
    written.to_string()
}

#[test]
fn what_an_older_program_had_begun_to_undo_finds_what_it_takes() {
    let wiring = march();
    let mut run = Projection::begin(run_id(), &created(&wiring), at(1), &wiring);
    let cause = Cause::Cancelled { reason: "enough".into() };
    let mut journal = [marched(3), vec![Entry::Unwinding { cause }]].concat();
    journal.extend(done("go_back#1"));
    journal.push(started("go_back#2", 1));
    for (entry, position) in journal.iter().zip(2..) {
        run.follow(&wiring, position, at(9), entry).unwrap();
    }
    let run = older(&as_older(&run), &mut Vec::new());
    let key: StepKey = "go_back#2".parse().unwrap();
    let taken = |from: &str| run.producer(&key, &from.into()).unwrap().payload.clone();
    assert_eq!(taken("go"), value(json!("go#2")));
    assert_eq!(undoables(&run).len(), 2, "the one that was tried and the one under way are not");
}
