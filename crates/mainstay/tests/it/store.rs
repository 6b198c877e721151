//! Addresses and files that are no database, and a worker's doors.

use std::{net::TcpListener, process::Stdio, time::Duration};

use crate::program::{Ended, Place, until};

#[test]
fn an_address_of_no_database_is_a_wrong_use() {
    Place::new().run(&["runs", "ls", "--db", "shop.db"]).refused(2, "MS-1010", "sqlite://PATH");
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
    assert!(ended.err.contains("claimed 1 run,"), "{ended:?}");
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
