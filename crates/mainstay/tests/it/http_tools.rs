//! Tools over HTTP by configuration alone: what a job calls, what a failure means, and a secret that
//! is sent to its server and seen nowhere else.

use std::{
    fs,
    hash::{BuildHasher, RandomState},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
};

use mainstay_core::secret::Secret;
use mainstay_tools::secret::Scrub;
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
  /refusals: {post: {operationId: refuse}}
  /losses: {post: {operationId: lose}}
"#;

/// A server that tells back all it was told, the secret in many forms among it.
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

/// Reads a request and returns its head; what was in it goes back.
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
    let secret = field("authorization: Bearer ");
    let status = match head.split(' ').nth(1).unwrap() {
        "/refusals" => "400 Bad Request",
        "/losses" => "500 Internal Server Error",
        _ => "200 OK",
    };
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let escaped: String = secret.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    let backwards: String = secret.chars().rev().collect();
    // Large enough to be stored apart from its row, compressed.
    let padding = "told back ".repeat(2_000);
    let told = format!(
        r#"{{"marker": "told-back", "plain": "{secret}", "hex": "{hex}", "backwards": "{backwards}",
            "escaped": "{escaped}", "{secret}": "key", "padding": "{padding}"}}"#
    );
    let length = told.len();
    let reply = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nx-echo: {secret}\r\n\
         retry-after: 0\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{told}"
    );
    stream.write_all(reply.as_bytes()).unwrap();
    head
}

const RUN: [&str; 5] = ["jobs", "run", "--plan", "plan.json", "--yes"];

/// Runs a command with the secret in the environment and everything logged.
fn with_secret(place: &Place, secret: &str, arguments: &[&str]) -> Ended {
    let mut command = place.command(arguments);
    command.env("MAINSTAY_SECRET_CRM", secret).env("MAINSTAY_LOG", "trace");
    Ended::of(command.output().unwrap())
}

/// A value that stands nowhere but where this test put it.
fn canary() -> String {
    let random = || RandomState::new().hash_one("canary");
    format!("canary+/{:016x}{:016x}", random(), random())
}

/// Returns everything a run left behind: files, and what commands tell of it, payloads included.
fn left_behind(place: &Place, secret: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let commands: [&[&str]; 6] = [
        &["runs", "export"],
        &["runs", "show", "--json"],
        &["runs", "show"],
        &["runs", "cassette"],
        &["usage", "--json"],
        &["reviews", "ls", "--json"],
    ];
    for arguments in commands {
        let Ended { out, err, .. } = with_secret(place, secret, arguments);
        found.push((format!("output of {arguments:?}"), out.into_bytes()));
        found.push((format!("errors of {arguments:?}"), err.into_bytes()));
    }
    files(place.path(), &mut found);
    found
}

fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if let Ok(bytes) = fs::read(&path) {
            found.push((path.display().to_string(), bytes));
        }
    }
}

/// The forms in which the server tells it back, written down without the product's own list.
fn forms(secret: &str) -> [String; 4] {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
    [secret.to_owned(), secret.chars().rev().collect(), hex, percent]
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
fn a_secret_is_seen_by_its_server_and_by_nobody_else() {
    let secret = canary();
    let mut scan = Scrub::default();
    let reference = "secret:crm".to_owned().try_into().unwrap();
    scan.add(&reference, &Secret::new(secret.clone())).unwrap();
    let api = Api::start();
    let (mut looked_at, mut kept, mut places) = (0, 0, Vec::new());
    for (tool, arguments) in [
        ("crm.getCustomer", json!({"id": "7"})),
        ("crm.charge", json!({"body": {"cents": 1}})),
        ("crm.refuse", json!({})),
        ("crm.lose", json!({})),
    ] {
        let place = api.place(&json!([{"id": "only", "tool": tool, "args": arguments}]));
        let ended = with_secret(&place, &secret, &RUN);
        assert!(ended.err.contains("DEBUG"), "the log is at its finest: {}", ended.err);
        let mut found = left_behind(&place, &secret);
        found.push(("output of the run".to_owned(), ended.out.into_bytes()));
        found.push(("errors of the run".to_owned(), ended.err.into_bytes()));
        for (what, bytes) in &found {
            looked_at += bytes.len();
            kept += usize::from(String::from_utf8_lossy(bytes).contains("told-back"));
            let text = String::from_utf8_lossy(bytes);
            if scan.finds(bytes) || forms(&secret).iter().any(|form| text.contains(form)) {
                places.push(format!("{tool}: {what}"));
            }
        }
    }
    let sent = format!("authorization: Bearer {secret}");
    let arrived = api.seen.lock().unwrap().iter().filter(|head| head.contains(&sent)).count();
    assert!(arrived >= 4, "each server got it: {arrived}");
    assert!(kept >= 4, "what was told back was kept, without it: {kept}");
    assert!(looked_at > 100_000, "only {looked_at} bytes were looked at");
    println!("{looked_at} bytes looked at");
    println!("figure secrets_found={} places", places.len());
    assert_eq!(places, [] as [String; 0]);
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
