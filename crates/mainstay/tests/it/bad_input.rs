//! Seven things that go wrong before a run begins: each is a coded error with a hint and an exit code
//! of its own, and nothing is lost by it.

use std::{fs, net::TcpListener};

use crate::program::Place;

/// A place where somebody has already worked.
fn worked() -> Place {
    let place = Place::new();
    assert_eq!(place.run(&["run", "greet", "--input", "name=Ann"]).exit, 0);
    place
}

/// Checks that the work is still there, and nothing else.
fn kept(place: &Place) {
    let listed = place.json(0, &["runs", "ls"]);
    assert_eq!(listed["runs"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(place.json(0, &["runs", "show"])["output"], "hello Ann");
}

#[test]
fn an_unknown_flow_exits_3_and_names_the_nearest() {
    let place = worked();
    place.run(&["run", "gret"]).refused(3, "MS-1001", "did you mean `greet`?");
    kept(&place);
}

#[test]
fn broken_json_exits_2_with_its_file_line_and_column() {
    let place = worked();
    fs::write(place.path().join("in.json"), "{\n  \"name\": \"Ann\",\n}\n").unwrap();
    let refused = place.run(&["run", "greet", "--input", "in.json"]);
    refused.refused(2, "MS-1003", "in.json is not JSON: trailing comma, line 3 column 1");
    kept(&place);
}

#[test]
fn broken_yaml_of_a_scripted_model_exits_2_with_its_file_line_and_column() {
    let place = worked();
    fs::write(place.path().join("clerk.yaml"), "model: clerk\nrules:\n  - reply: [\n").unwrap();
    let run = ["run", "refund", "--input", "order=A-1", "--model", "scripted:clerk.yaml"];
    place.run(&run).refused(2, "MS-4008", "clerk.yaml:");
    fs::write(place.path().join("clerk.yaml"), "model: clerk\nruls: []\n").unwrap();
    place.run(&run).refused(2, "MS-4008", "clerk.yaml:2:1: ");
    kept(&place);
}

#[test]
fn a_database_that_does_not_answer_exits_6_and_names_no_password() {
    let place = worked();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://ann:secret@127.0.0.1:{port}/shop");
    let ended = place.run(&["run", "greet", "--db", &url]);
    ended.refused(6, "MS-3001", "mainstay doctor");
    assert!(!ended.err.contains("secret"), "{ended:?}");
    kept(&place);
}

#[test]
fn a_file_of_a_newer_program_exits_5_and_is_left_alone() {
    let place = worked();
    place.sql(&["INSERT INTO mainstay_schema (version) VALUES (99)"]);
    let refused = place.run(&["run", "greet"]);
    refused.refused(5, "MS-3002", "has version 99");
    assert!(refused.err.contains("newer program"), "{refused:?}");
    place.run(&["migrate"]).refused(5, "MS-3002", "has version 99");
    place.json(21, &["doctor"]);
    place.sql(&["DELETE FROM mainstay_schema WHERE version = 99"]);
    kept(&place);
}

#[test]
fn a_port_in_use_exits_5() {
    let place = worked();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    place.run(&["worker", "--health", &address]).refused(5, "MS-1103", "--health");
    kept(&place);
}

#[test]
fn a_file_that_somebody_holds_exits_6() {
    let place = worked();
    let held = place.hold();
    place.run(&["run", "greet", "--input", "name=Bob"]).refused(6, "MS-3003", "locked");
    drop(held);
    kept(&place);
}
