//! Tools over HTTP by configuration alone: what a job calls, and what a failure means.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use crate::program::{Ended, Place};

const DOCUMENT: &str = r#"
openapi: 3.1.0
paths:
  /customers/{id}:
    get:
      operationId: getCustomer
      parameters: [{name: id, in: path, required: true, schema: {type: string}}]
  /charges:
    post:
      operationId: charge
      requestBody: {required: true, content: {application/json: {schema: {
        type: object, required: [cents], properties: {cents: {type: integer}}}}}}
  /losses: {post: {operationId: lose}}
"#;

/// A server that notes what it was asked.
struct Api {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Api {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&seen);
        // It ends with the process of the test.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let head = answer(stream.unwrap());
                noted.lock().unwrap().push(head);
            }
        });
        Self { port, seen }
    }

    fn place(&self, steps: &Value) -> Place {
        let place = Place::new();
        let write = |name: &str, text: String| fs::write(place.path().join(name), text).unwrap();
        write("crm.yaml", DOCUMENT.to_owned());
        write("plan.json", json!({"goal": "charge a customer", "steps": steps}).to_string());
        let port = self.port;
        write(
            "mainstay.toml",
            format!(
                "[http.crm]\ndocument = \"crm.yaml\"\nbase_url = \"http://127.0.0.1:{port}\"\n\
                 auth = {{ bearer = \"secret:crm\" }}\nallow = [\"127.0.0.1:{port}\"]\n\
                 [http.crm.operations.charge]\neffect = \"idempotent\"\nkey_valid_for = \"24h\"\n"
            ),
        );
        place
    }
}

/// Answers a request and returns its head.
fn answer(mut stream: TcpStream) -> String {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0);
    }
    let field = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    };
    let mut body = vec![0; field("content-length:").parse().unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    let status = match head.split(' ').nth(1).unwrap() {
        "/losses" => "500 Internal Server Error",
        _ => "200 OK",
    };
    let reply = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nretry-after: 0\r\n\
         content-length: 14\r\nconnection: close\r\n\r\n{{\"done\": true}}"
    );
    stream.write_all(reply.as_bytes()).unwrap();
    head
}

const RUN: [&str; 5] = ["jobs", "run", "--plan", "plan.json", "--yes"];

/// Runs a command with the secret in the environment.
fn with_secret(place: &Place, secret: &str, arguments: &[&str]) -> Ended {
    let mut command = place.command(arguments);
    command.env("MAINSTAY_SECRET_CRM", secret);
    Ended::of(command.output().unwrap())
}

#[test]
fn a_job_calls_operations_with_the_key_of_its_journal() {
    let api = Api::start();
    let place = api.place(&json!([
        {"id": "find", "tool": "crm.getCustomer", "args": {"id": "c 7"}, "expect": "found"},
        {"id": "pay", "tool": "crm.charge", "args": {"body": {"cents": 700}}},
    ]));
    let ended = with_secret(&place, "a-secret-of-the-crm", &[&RUN[..], &["--json"]].concat());
    assert_eq!(ended.exit, 0, "{ended:?}");
    let document: Value = serde_json::from_str(&ended.out).unwrap();
    let seen = api.seen.lock().unwrap().clone();
    assert!(seen[0].starts_with("GET /customers/c%207 HTTP/1.1\r\n"), "{seen:?}");
    assert!(seen[1].contains("authorization: Bearer a-secret-of-the-crm\r\n"), "{seen:?}");
    let key = document["actions"][1]["idempotency_key"].as_str().unwrap();
    assert!(seen[1].contains(&format!("idempotency-key: {key}\r\n")), "{seen:?}");
    assert!(!seen[0].contains("idempotency-key"), "a question has no key");
    let effects: Vec<_> =
        document["actions"].as_array().unwrap().iter().map(|a| a["effect"].clone()).collect();
    assert_eq!(effects, ["read", "idempotent"]);
}

#[test]
fn a_server_that_fails_after_a_write_leaves_the_action_in_doubt() {
    let api = Api::start();
    let place = api.place(&json!([{"id": "lose", "tool": "crm.lose", "args": {}}]));
    let ended = with_secret(&place, "a-secret-of-the-crm", &[&RUN[..], &["--json"]].concat());
    assert_eq!(ended.exit, 10, "{ended:?}");
    let document: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(document["waiting_for"][0], "review", "{document}");
    assert_eq!(document["actions"][0]["outcome"], "in_doubt");
    assert_eq!(api.seen.lock().unwrap().len(), 1, "it is not sent again");
}

#[test]
fn what_cannot_be_reached_or_read_is_told_before_anything_is_called() {
    let api = Api::start();
    let place = api.place(&json!([{"id": "a", "tool": "crm.lose", "args": {}}]));
    let change = |from: &str, to: &str| {
        let path = place.path().join("mainstay.toml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text.replace(from, to)).unwrap();
    };
    let run = || with_secret(&place, "a-secret-of-the-crm", &RUN);
    change("crm.yaml", "none.yaml");
    run().refused(2, "MS-5021", "none.yaml");
    change("none.yaml", "crm.yaml");
    change("operations.charge", "operations.chrage");
    run().refused(2, "MS-5021", "did you mean `charge`?");
    change("operations.chrage", "operations.charge");
    change("bearer = \"secret:crm\"", "bearer = \"sk-live-4711\"");
    let ended = run();
    ended.refused(2, "MS-1101", "mainstay.toml:4:");
    assert!(!ended.err.contains("4711"), "{ended:?}");
    assert!(api.seen.lock().unwrap().is_empty());
}
