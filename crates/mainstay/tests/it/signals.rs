//! A command that somebody interrupts: it ends at once, and its run goes on later.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::program::{Ended, Place, until};

/// Starts a run that sleeps for days, interrupts its command once it sleeps, and returns how the
/// command ended.
fn interrupted(place: &Place, signal: Signal) -> Ended {
    let mut command = place.command(&["run", "parcel", "--json", "--input", "days=3"]);
    let run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until(|| {
        let listed = place.run(&["runs", "ls", "--json", "-q", "waiting_for:timer"]);
        listed.exit == 0 && listed.out.contains("run_")
    });
    kill_process(Pid::from_child(&run), signal).unwrap();
    Ended::of(run.wait_with_output().unwrap())
}

#[test]
fn an_interrupted_run_exits_130_and_loses_nothing() {
    for signal in [Signal::INT, Signal::TERM] {
        let place = Place::new();
        let ended = interrupted(&place, signal);
        assert_eq!(ended.exit, 130, "{ended:?}");
        assert!(ended.err.contains("interrupted; nothing is lost"), "{ended:?}");
        let document: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
        assert_eq!(document["status"], "parked", "{document}");
        let shown = place.json(0, &["runs", "show"]);
        assert_eq!(
            (&shown["status"], &shown["run_id"]),
            (&document["status"], &document["run_id"])
        );
        assert_eq!(place.json(0, &["doctor"])["healthy"], true);
    }
}

#[test]
fn an_interrupted_look_exits_130() {
    let place = Place::new();
    place.json(0, &["run", "parcel", "--detach"]);
    let mut command = place.command(&["runs", "tail"]);
    let mut tail = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("created"));
    kill_process(Pid::from_child(&tail), Signal::INT).unwrap();
    assert_eq!(tail.wait().unwrap().code(), Some(130));
}
