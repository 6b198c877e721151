//! Answers that are too large, too slow, packed, cut off or no HTTP; TLS; secrets.

use std::process::Command;

use super::*;

fn brief() -> HttpLimits {
    HttpLimits { total: Duration::from_millis(300), ..HttpLimits::default() }
}

fn small() -> HttpLimits {
    HttpLimits { body: 1_000, ..HttpLimits::default() }
}

async fn fault(reply: Reply, limits: HttpLimits) -> Fault {
    let server = Server::start(move |_| reply.clone()).await;
    let failure =
        client().send(get(&server.url("/")), &allowing(&server), limits).await.unwrap_err();
    assert_eq!(failure.reached, Reached::Perhaps);
    failure.fault
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_a_failure_and_never_cut() {
    let announced = Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n").and_hang();
    assert_eq!(fault(announced, small()).await, Fault::TooLarge(1_000));
    let chunk = format!("80\r\n{}\r\n", "x".repeat(128));
    let endless = Reply::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    assert_eq!(fault(endless.and_repeat(chunk), small()).await, Fault::TooLarge(1_000));
    let until_closed = Reply::raw("HTTP/1.1 200 OK\r\n\r\n").and_repeat("y".repeat(128));
    assert_eq!(fault(until_closed, small()).await, Fault::TooLarge(1_000));
    let server = Server::start(|_| Reply::of(200, "", "z".repeat(1_000))).await;
    let fits = client().send(get(&server.url("/")), &allowing(&server), small()).await.unwrap();
    assert_eq!(fits.body.len(), 1_000);
}

#[tokio::test]
async fn a_packed_answer_is_not_unpacked() {
    for encoding in ["gzip", "br", "deflate, gzip"] {
        let bomb = Reply::of(200, &format!("content-encoding: {encoding}\r\n"), [0x1f, 0x8b, 8, 0]);
        assert_eq!(fault(bomb, small()).await, Fault::Encoded);
    }
    let server = Server::start(|_| Reply::of(200, "", "")).await;
    ask(&server, get(&server.url("/"))).await.unwrap();
    assert_eq!(server.seen()[0].header("accept-encoding"), Some("identity"));
}

#[tokio::test]
async fn endless_headers_are_a_failure() {
    let head = || Reply::raw("HTTP/1.1 200 OK\r\n");
    let many = head().and_repeat("x-header: value\r\n");
    assert!(matches!(fault(many, HttpLimits::default()).await, Fault::Lost(_)));
    let long = head().and_repeat("x".repeat(4_096));
    assert!(matches!(fault(long, HttpLimits::default()).await, Fault::Lost(_)));
    let trailers = Reply::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n");
    let trailers = trailers.and_repeat("x-trailer: value\r\n");
    assert!(matches!(fault(trailers, HttpLimits::default()).await, Fault::Lost(_)));
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_a_failure() {
    let silent = Reply::raw("").and_hang();
    assert!(matches!(fault(silent, brief()).await, Fault::TimedOut(_)));
    let half = Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").and_hang();
    assert!(matches!(fault(half, brief()).await, Fault::TimedOut(_)));
    let informed = Reply::raw("").and_repeat("HTTP/1.1 100 Continue\r\n\r\n");
    assert!(matches!(fault(informed, brief()).await, Fault::TimedOut(_) | Fault::Lost(_)));
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_a_failure() {
    let cut = [
        "",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "no HTTP at all\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
    ];
    for bytes in cut {
        let fault = fault(Reply::raw(bytes), HttpLimits::default()).await;
        assert!(matches!(fault, Fault::Lost(_)), "{bytes:?}: {fault}");
    }
}

#[tokio::test]
async fn nobody_there_means_nothing_was_sent() {
    let gone = Server::start(|_| Reply::raw("")).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let egress = allowing(&gone).allowing(address.to_string().parse().unwrap());
    let request = get(&format!("http://{address}/"));
    let failure = client().send(request, &egress, HttpLimits::default()).await.unwrap_err();
    assert_eq!(failure.reached, Reached::Nobody);
    assert!(matches!(failure.fault, Fault::Unreachable(_)), "{failure}");
}

#[tokio::test]
async fn a_secret_is_sent_in_a_header_and_taken_out_of_the_answer() {
    let server = Server::start(|seen| {
        let told = format!("{:?}", seen.headers);
        Reply::of(500, &format!("x-echo: {}\r\n", seen.header("x-key").unwrap()), told)
    })
    .await;
    let request = get(&server.url("/"))
        .with_credential(Credential::basic("ada", crm()))
        .with_credential(Credential::header("x-key", crm()).unwrap())
        .with_credential(Credential::cookie("session", crm()).unwrap());
    let answer = ask(&server, request).await.unwrap();
    let seen = &server.seen()[0];
    assert_eq!(seen.header("authorization"), Some("Basic YWRhOmNhbmFyeS12YWx1ZS0xNw=="));
    assert_eq!(seen.header("cookie"), Some("session=canary-value-17"));
    assert_eq!(answer.headers["x-echo"], "[secret:crm]");
    let told = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(told.contains("[secret:crm]") && !told.contains("canary"), "{told}");
    assert!(!told.contains("mFyeS12YWx1ZS0x"), "{told}");
}

#[tokio::test]
async fn a_secret_that_cannot_be_sent_sends_nothing() {
    let server = Server::start(|_| Reply::of(200, "", "")).await;
    for value in ["s3crt", "two\r\nlines: here", "bl\u{0}nk-value"] {
        let client = HttpClient::new(Arc::new(OneSecret(value)));
        let request = get(&server.url("/")).with_credential(Credential::bearer(crm()));
        let failure =
            client.send(request, &allowing(&server), HttpLimits::default()).await.unwrap_err();
        assert!(matches!(&failure.fault, Fault::Secret(why) if !why.contains(value)), "{failure}");
        assert_eq!(failure.reached, Reached::Nobody);
    }
    let framed =
        get(&server.url("/")).with_header(header::TRANSFER_ENCODING, "chunked".parse().unwrap());
    assert!(matches!(ask(&server, framed).await.unwrap_err().fault, Fault::Request(_)));
    assert_eq!(server.seen(), []);
}

#[tokio::test]
async fn no_variable_sends_requests_through_a_proxy() {
    let server = Server::start(|_| Reply::of(200, "", "direct")).await;
    assert_eq!(ask(&server, get(&server.url("/"))).await.unwrap().body, "direct");
    let own = std::env::current_exe().unwrap();
    let name = "http::tests::answers::a_request_under_proxy_variables_is_direct";
    let mut again = Command::new(own);
    for variable in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
        again.env(variable, "http://127.0.0.1:1");
    }
    let output = again.args(["--exact", name]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

#[tokio::test]
async fn a_request_under_proxy_variables_is_direct() {
    let server = Server::start(|_| Reply::of(200, "", "direct")).await;
    assert_eq!(ask(&server, get(&server.url("/"))).await.unwrap().body, "direct");
}

#[tokio::test]
async fn a_stream_without_an_end_is_read_piece_by_piece() {
    let piece = "5\r\ntick\n\r\n";
    let server = Server::start(move |_| {
        Reply::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").and_repeat(piece)
    })
    .await;
    let limits = HttpLimits { total: Duration::MAX, body: usize::MAX, ..HttpLimits::default() };
    let request = get(&server.url("/"));
    let mut stream = client().open(request, &allowing(&server), limits).await.unwrap();
    for _ in 0..3 {
        assert!(stream.chunk().await.unwrap().unwrap().starts_with(b"tick"));
    }
    drop(stream);
    while server.open() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn lines_come_whole_and_without_secrets_however_they_were_cut() {
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let cut = ["data: canary-", "value-17\n\ndata: ", "x\n", "canary-value-17"].map(chunk).concat();
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let server = Server::start(move |_| Reply::raw(format!("{head}{cut}0\r\n\r\n"))).await;
    let request = get(&server.url("/")).with_credential(Credential::bearer(crm()));
    let limits = HttpLimits::default();
    let mut stream = client().open(request, &allowing(&server), limits).await.unwrap();
    let mut lines = Vec::new();
    while let Some(line) = stream.line().await.unwrap() {
        lines.push(String::from_utf8(line.to_vec()).unwrap());
    }
    assert_eq!(lines, ["data: [secret:crm]\n", "\n", "data: x\n", "[secret:crm]"]);
}

#[tokio::test]
async fn a_line_without_an_end_is_a_failure() {
    let head = Reply::raw("HTTP/1.1 200 OK\r\n\r\n");
    let server = Server::start(move |_| head.clone().and_repeat("x".repeat(1 << 16))).await;
    let limits = HttpLimits { body: usize::MAX, ..HttpLimits::default() };
    let request = get(&server.url("/"));
    let mut stream = client().open(request, &allowing(&server), limits).await.unwrap();
    assert!(matches!(stream.line().await.unwrap_err().fault, Fault::TooLarge(_)));
}
