//! The routes over real sockets, with a port behind them that remembers what it was given.

use std::{net::SocketAddr, sync::Mutex, time::Duration};

use async_trait::async_trait;
use axum::body::Body;
use mainstay_core::{
    digest::Digest,
    effect::EffectPosition,
    failure::Retryability,
    id::RunId,
    remote::{Assignment, Beat, Closed, Kind, Poll, RemoteFailure, RemoteRefusal},
    time::Timestamp,
    tool::TookEffect,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};

use super::*;
use crate::listen;

#[derive(Default)]
struct Remembers(Mutex<Vec<String>>);

impl Remembers {
    fn note(&self, worker: &RemoteWorker, what: String) {
        let token = worker.token.as_ref().map_or("none", |token| token.expose());
        self.0.lock().unwrap().push(format!("{}/{token}: {what}", worker.name));
    }
}

fn assignment() -> Assignment {
    let position: EffectPosition = "pay#1:0".parse().unwrap();
    Assignment {
        id: "call_1".to_owned(),
        kind: Kind::Tool,
        name: "pay".to_owned(),
        arguments: json!({"q": "x"}),
        key: position.key(Digest::of(b"root")),
        attempt: 2,
        deadline: Timestamp::from_millis(60_000),
        left: Duration::from_secs(9),
        lease: Duration::from_secs(15),
        run_id: RunId::new(Timestamp::from_millis(1), [0; 10]),
    }
}

#[async_trait]
impl RemoteWork for Remembers {
    async fn poll(
        &self,
        worker: &RemoteWorker,
        poll: Poll,
    ) -> Result<Vec<Assignment>, RemoteRefusal> {
        self.note(worker, format!("poll {} of {:?}", poll.take, poll.offers));
        match poll.take {
            0 => std::future::pending().await,
            1 => Ok(vec![assignment()]),
            3 => Ok(vec![Assignment { kind: Kind::Step, ..assignment() }]),
            _ => Err(RemoteRefusal::Undeclared(vec!["`pay` is not declared".to_owned()])),
        }
    }

    async fn heartbeat(
        &self,
        worker: &RemoteWorker,
        calls: &[String],
    ) -> Result<Beat, RemoteRefusal> {
        self.note(worker, format!("beat {calls:?}"));
        if worker.token.is_none() {
            return Err(RemoteRefusal::Denied);
        }
        Ok(Beat { held: calls.to_vec(), ..Beat::default() })
    }

    async fn complete(
        &self,
        worker: &RemoteWorker,
        call: &str,
        result: Value,
    ) -> Result<(), RemoteRefusal> {
        self.note(worker, format!("complete {call}: {result}"));
        if call == "late" { Err(RemoteRefusal::Closed(Closed::Lapsed)) } else { Ok(()) }
    }

    async fn fail(
        &self,
        worker: &RemoteWorker,
        call: &str,
        failure: RemoteFailure,
    ) -> Result<(), RemoteRefusal> {
        let retry = failure.retry == Retryability::Retryable;
        let unknown = failure.took_effect == TookEffect::Unknown;
        self.note(worker, format!("fail {call}: {}, {retry}, {unknown}", failure.message));
        Ok(())
    }
}

/// A server on a port of its own.
struct Door {
    address: SocketAddr,
    behind: Arc<Remembers>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

async fn door() -> Door {
    let (behind, stop) = (Arc::new(Remembers::default()), CancellationToken::new());
    let listener = listen::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = router(Arc::clone(&behind) as Arc<dyn RemoteWork>, stop.clone());
    let serving = tokio::spawn(listen::serve(listener, router, stop.clone()));
    Door { address, behind, stop, serving }
}

/// What does not arrive is given up before this.
const SIMULATED: Duration = Duration::from_secs(11);

const JSON: &str = "content-type: application/json\r\nauthorization: Bearer tok\r\n";

async fn send(door: &Door, path: &str, headers: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    let length = body.len();
    let head = format!(
        "POST /v1/work:{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\
         content-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    answered(stream).await
}

async fn answered(mut stream: TcpStream) -> (u16, Value) {
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text).await;
    let text = String::from_utf8(text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}

async fn sent(door: &Door, path: &str, message: Value) -> (u16, Value) {
    send(door, path, JSON, &message.to_string()).await
}

fn poll_of(take: usize) -> Value {
    let tool = json!({"name": "pay", "input_schema": {}, "output_schema": true, "effect": "read"});
    json!({"worker": "shop", "tools": [tool], "take": take, "wait_ms": 5})
}

#[tokio::test]
async fn a_poll_is_answered_with_everything_a_worker_needs() {
    let door = door().await;
    let (status, answer) = sent(&door, "poll", poll_of(1)).await;
    let call = assignment();
    let expected = json!({
        "id": "call_1", "tool": "pay", "arguments": {"q": "x"}, "attempt": 2,
        "idempotency_key": call.key.to_string(), "run_id": call.run_id.to_string(),
        "deadline_ms": 60_000, "left_ms": 9_000, "lease_ms": 15_000,
    });
    assert_eq!((status, answer), (200, json!({"calls": [expected]})));
}

#[tokio::test]
async fn steps_are_offered_beside_tools_and_handed_out_by_their_own_field() {
    let door = door().await;
    let mut poll = poll_of(3);
    let tools = poll.as_object_mut().unwrap().remove("tools").unwrap();
    poll["steps"] = tools.clone();
    let (status, answer) = sent(&door, "poll", poll.clone()).await;
    let call = &answer["calls"][0];
    assert_eq!((status, &call["step"], call.get("tool")), (200, &json!("pay"), None));
    let told = door.behind.0.lock().unwrap().join("");
    assert!(told.contains("kind: Step") && !told.contains("kind: Tool"), "{told}");
    poll["flows"] = tools;
    assert_eq!(sent(&door, "poll", poll).await.0, 400);
}

#[tokio::test]
async fn every_message_reaches_the_port_with_worker_and_token() {
    let door = door().await;
    let beat = json!({"worker": "shop", "calls": ["a"]});
    let held = json!({"held": ["a"], "cancelled": [], "lost": []});
    assert_eq!(sent(&door, "heartbeat", beat).await, (200, held));
    let done = json!({"worker": "shop", "call": "a", "result": null});
    assert_eq!(sent(&door, "complete", done).await, (200, json!({})));
    let failure = json!({"message": "no", "retryable": true, "took_effect": "no"});
    let failed = json!({"worker": "shop", "call": "a", "failure": failure});
    assert_eq!(sent(&door, "fail", failed).await, (200, json!({})));
    let noted = door.behind.0.lock().unwrap().clone();
    let expected = [
        r#"shop/tok: beat ["a"]"#,
        "shop/tok: complete a: null",
        "shop/tok: fail a: no, true, false",
    ];
    assert_eq!(noted, expected);
}

#[tokio::test]
async fn a_refusal_is_a_problem_with_code_hint_and_whether_to_try_again() {
    let door = door().await;
    let (status, problem) = sent(&door, "poll", poll_of(2)).await;
    assert_eq!((status, &problem["status"]), (409, &json!(409)));
    assert_eq!(problem["code"], "MS-5061");
    assert_eq!(problem["type"], "urn:mainstay:error:MS-5061");
    assert_eq!(problem["retryable"], false);
    assert!(problem["detail"].as_str().unwrap().contains("`pay` is not declared"), "{problem}");
    assert!(problem["hint"].as_str().unwrap().contains("manifest"), "{problem}");
    let late = json!({"worker": "shop", "call": "late", "result": 1});
    let (status, problem) = sent(&door, "complete", late).await;
    assert_eq!((status, &problem["code"]), (409, &json!("MS-5063")));
    let beat = json!({"worker": "shop", "calls": []}).to_string();
    let (status, problem) =
        send(&door, "heartbeat", "content-type: application/json\r\n", &beat).await;
    assert_eq!((status, &problem["code"]), (401, &json!("MS-5062")));
}

#[tokio::test]
async fn what_is_no_message_is_refused_and_never_reaches_the_port() {
    let door = door().await;
    let huge = json!({"worker": "shop", "call": "a", "result": "x".repeat(2 << 20)}).to_string();
    let fine = json!({"worker": "shop", "call": "a", "result": 1}).to_string();
    let plain = "content-type: text/plain\r\n";
    let page = "content-type: application/json\r\norigin: http://evil.example\r\n";
    let deep = format!("{{\"worker\":\"shop\",\"call\":\"a\",\"result\":{}1", "[".repeat(100_000));
    let table = [
        (JSON, huge.as_str(), 413),
        (JSON, "\u{0}\u{1}garbage", 400),
        (JSON, r#"{"worker":"shop","call":"a"}"#, 400),
        (JSON, r#"{"worker":"shop","call":"a","result":1,"more":1}"#, 400),
        (JSON, deep.as_str(), 400),
        (plain, fine.as_str(), 415),
        (page, fine.as_str(), 403),
        ("", fine.as_str(), 415),
    ];
    for (headers, body, expected) in table {
        let (status, problem) = send(&door, "complete", headers, body).await;
        assert_eq!((status, &problem["code"]), (expected, &json!("MS-5064")));
        assert_eq!(problem["retryable"], false);
    }
    assert_eq!(send(&door, "steal", JSON, &fine).await.0, 404);
    let many = json!({"worker": "shop", "calls": vec!["a"; MOST_BEATEN + 1]});
    assert_eq!(sent(&door, "heartbeat", many).await.0, 400);
    assert!(door.behind.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_flood_is_hung_up_on_and_the_next_is_answered() {
    let door = door().await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    let head = format!("POST /v1/work:complete HTTP/1.1\r\nhost: x\r\n{JSON}");
    let head = format!("{head}content-length: {}\r\n\r\n", 1_u64 << 40);
    stream.write_all(head.as_bytes()).await.unwrap();
    let part = vec![b'x'; 1 << 20];
    let mut taken = 0;
    while taken < 200 && stream.write_all(&part).await.is_ok() {
        taken += 1;
    }
    assert!(taken < 100, "{taken} MiB were taken");
    let beat = json!({"worker": "shop", "calls": []});
    assert_eq!(sent(&door, "heartbeat", beat).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_does_not_arrive_is_given_up() {
    let door = door().await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    let head = "POST /v1/work:complete HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
    let part = format!("{head}{JSON}content-length: 100\r\n\r\n{{");
    stream.write_all(part.as_bytes()).await.unwrap();
    let begun = tokio::time::Instant::now();
    let (status, problem) = answered(stream).await;
    assert!(begun.elapsed() < SIMULATED, "by the simulated clock");
    assert_eq!((status, &problem["code"]), (408, &json!("MS-5064")));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_arrive_is_hung_up_on() {
    let door = door().await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    stream.write_all(b"POST /v1/wo").await.unwrap();
    let mut rest = Vec::new();
    let begun = tokio::time::Instant::now();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(begun.elapsed() < SIMULATED, "by the simulated clock");
    assert!(door.behind.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn one_poll_too_many_is_told_to_come_back() {
    let full = Work {
        remote: Arc::new(Remembers::default()),
        polls: Arc::new(Semaphore::new(0)),
        stop: CancellationToken::new(),
    };
    let request = Request::builder().header("content-type", "application/json");
    let request = request.body(Body::from(poll_of(1).to_string())).unwrap();
    let problem = poll(State(full), request).await.unwrap_err();
    assert_eq!((problem.status.as_u16(), problem.code), (503, Code::WorkersFull));
    assert_eq!(problem.retry, Retryability::Retryable);
}

#[tokio::test]
async fn a_stop_ends_polls_and_then_the_server() {
    let door = door().await;
    let polling = async { sent(&door, "poll", poll_of(0)).await };
    let stopping = async {
        while door.behind.0.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        door.stop.cancel();
    };
    let (answer, ()) = tokio::join!(polling, stopping);
    assert_eq!(answer, (200, json!({"calls": []})));
    door.serving.await.unwrap();
}
