//! Databases that are away, of another version or held by somebody, and a port in use.

use std::{net::TcpListener, process::Stdio, time::Duration};

use crate::program::{Ended, Place};

#[test]
fn a_database_that_does_not_answer_exits_6_and_names_no_password() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://ann:secret@127.0.0.1:{port}/shop");
    let ended = Place::new().run(&["run", "greet", "--db", &url]);
    ended.refused(6, "MS-3001", "mainstay doctor");
    assert!(!ended.err.contains("secret"), "{ended:?}");
}

#[test]
fn an_address_of_no_database_is_a_wrong_use() {
    Place::new().run(&["runs", "ls", "--db", "shop.db"]).refused(2, "MS-1010", "sqlite://PATH");
}

#[test]
fn a_port_in_use_exits_5() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    Place::new().run(&["worker", "--health", &address]).refused(5, "MS-1103", "--health");
}

#[test]
fn a_worker_answers_its_supervisor_and_stops_when_asked() {
    use std::io::{Read, Write};
    let place = Place::new();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    place.json(0, &["run", "greet", "--detach", "--input", "name=Ann"]);
    let mut command = place.command(&["worker", "--health", &address.to_string()]);
    let worker = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let ask = |path: &str| {
        let mut stream = std::net::TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: worker\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    };
    until(|| ask("/readyz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200")));
    assert!(ask("/livez").unwrap().contains("alive"));
    assert!(ask("/").unwrap().starts_with("HTTP/1.1 404"));
    until(|| place.json(0, &["runs", "show"])["status"] == "completed");
    let pid = rustix::process::Pid::from_child(&worker);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let ended = Ended::of(worker.wait_with_output().unwrap());
    assert_eq!(ended.exit, 0, "{ended:?}");
    assert!(ended.err.contains("claimed 1 runs"), "{ended:?}");
}

/// Looks until it is so; each look starts a process or a connection, which is pause enough.
fn until(is_so: impl Fn() -> bool) {
    assert!((0..2_000).any(|_| is_so()), "it never came");
}

#[test]
fn a_file_of_a_newer_program_is_left_alone() {
    let place = Place::new();
    place.run(&["run", "greet", "--input", "name=Ann"]);
    place.sql(&["INSERT INTO mainstay_schema (version) VALUES (99)"]);
    let refused = place.run(&["run", "greet"]);
    refused.refused(5, "MS-3002", "has version 99");
    assert!(refused.err.contains("newer program"), "{refused:?}");
    place.run(&["migrate"]).refused(5, "MS-3002", "has version 99");
    place.json(21, &["doctor"]);
    place.sql(&["DELETE FROM mainstay_schema WHERE version = 99"]);
    assert_eq!(place.json(0, &["runs", "ls"])["runs"].as_array().unwrap().len(), 1);
}

#[test]
fn a_file_that_somebody_holds_exits_6_and_loses_nothing() {
    let place = Place::new();
    place.run(&["run", "greet", "--input", "name=Ann"]);
    let held = place.hold();
    place.run(&["run", "greet", "--input", "name=Bob"]).refused(6, "MS-3003", "locked");
    drop(held);
    assert_eq!(place.json(0, &["runs", "ls"])["runs"].as_array().unwrap().len(), 1);
}

#[test]
fn a_file_that_is_no_database_is_not_written_over() {
    let place = Place::new();
    let text = "a letter, not a database ".repeat(80);
    std::fs::write(place.path().join("letter.db"), &text).unwrap();
    let refused = place.run(&["run", "greet", "--db", "sqlite://letter.db"]);
    refused.refused(1, "MS-3006", "letter.db");
    assert_eq!(std::fs::read_to_string(place.path().join("letter.db")).unwrap(), text);
}
