//! What a call sends, and what each answer means.

use mainstay_core::{
    failure::Retryability,
    tool::{TookEffect, ToolFailure},
};

use super::*;

async fn called(interface: Interface, name: &str, arguments: Value) -> Result<Value, ToolFailure> {
    tool(interface, name).call(call(arguments)).await
}

fn idempotent(interface: &mut Interface, operation: &str) {
    let effect = Some(EffectClass::Idempotent { key_valid_for: KeyValidity::Forever });
    let said = OperationSettings { effect, ..OperationSettings::default() };
    interface.operations.insert(operation.to_owned(), said);
}

#[tokio::test]
async fn a_call_is_the_request_that_the_document_describes() {
    let server = Server::start(|_| Reply::json(201, &json!({"id": "o1", "cents": 5}))).await;
    let mut interface = orders(&server);
    idempotent(&mut interface, "createOrder");
    let secret = "secret:crm".to_owned().try_into().unwrap();
    interface.credentials = vec![Credential::bearer(secret)];
    let made = called(interface, "shop.createOrder", json!({"body": {"cents": 5}})).await.unwrap();
    assert_eq!(made, json!({"id": "o1", "cents": 5}));
    let seen: Seen = server.seen().pop().unwrap();
    assert_eq!(seen.line, "POST /v1/orders HTTP/1.1");
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("authorization"), Some("Bearer canary-value-17"));
    let key = call(json!({})).key.to_string();
    assert_eq!(seen.header("idempotency-key"), Some(key.as_str()));
    assert_eq!(seen.body, br#"{"cents":5}"#);
}

#[tokio::test]
async fn the_key_is_sent_where_the_other_side_goes_by_it() {
    let server = Server::start(|_| Reply::of(204, "", "")).await;
    let mut interface = orders(&server);
    interface.idempotency_header = HeaderName::from_static("x-request-key");
    idempotent(&mut interface, "deleteOrder");
    called(interface.clone(), "shop.deleteOrder", json!({"id": "7"})).await.unwrap();
    called(interface, "shop.putOrder", json!({"id": "7"})).await.unwrap();
    let keys: Vec<_> =
        server.seen().iter().map(|seen| seen.header("x-request-key").is_some()).collect();
    assert_eq!(keys, [true, false]);
}

#[tokio::test]
async fn an_answer_that_is_no_success_says_whether_the_call_acted() {
    use Retryability::{Permanent, Retryable};
    use TookEffect::{No, Unknown};
    let table = [
        (400, Permanent, No),
        (409, Permanent, No),
        (429, Retryable, No),
        (500, Retryable, Unknown),
        (503, Retryable, Unknown),
    ];
    for (status, retry, took_effect) in table {
        let server =
            Server::start(move |_| Reply::of(status, "retry-after: 7\r\n", "why not")).await;
        let body = json!({"body": {"cents": 5}});
        let failure = called(orders(&server), "shop.createOrder", body).await.unwrap_err();
        assert_eq!((failure.retry, failure.took_effect), (retry, took_effect), "{status}");
        assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));
        assert!(failure.message.contains("why not"), "{failure}");
        let outcome = tool(orders(&server), "shop.createOrder")
            .spec()
            .outcome_of(failure, mainstay_core::time::Timestamp::from_millis(1));
        let in_doubt = matches!(outcome, mainstay_core::tool::ToolOutcome::InDoubt(_));
        assert_eq!(in_doubt, took_effect == Unknown, "{status}");
    }
}

#[tokio::test]
async fn an_answer_that_means_nothing_found_is_empty_where_the_program_says_so() {
    let server = Server::start(|_| Reply::of(404, "", "no such order")).await;
    let arguments = json!({"id": "7"});
    let failure = called(orders(&server), "shop.getOrder", arguments.clone()).await.unwrap_err();
    assert_eq!(failure.took_effect, TookEffect::No);
    let mut interface = orders(&server);
    let said = OperationSettings { empty_on: vec![404], ..OperationSettings::default() };
    interface.operations.insert("getOrder".to_owned(), said);
    assert_eq!(called(interface, "shop.getOrder", arguments).await, Ok(Value::Null));
}

#[tokio::test]
async fn an_answer_is_read_as_what_it_says_it_is() {
    let cases: [(&str, &[u8], Result<Value, &str>); 8] = [
        ("application/json", b"[1]", Ok(json!([1]))),
        ("application/vnd.shop+json; v=1", b"{\"a\":1}", Ok(json!({"a": 1}))),
        ("text/plain", "Grüße".as_bytes(), Ok(json!("Grüße"))),
        ("", b"[]", Ok(json!([]))),
        ("application/json", b"{\"a\":1,\"a\":2}", Err("twice")),
        ("application/json", b"{", Err("not with JSON")),
        ("text/plain", b"\xff\xfe", Err("not in UTF-8")),
        ("application/pdf", b"%PDF", Err("neither JSON nor text")),
    ];
    for (what, body, expected) in cases {
        let head = format!("content-type: {what}\r\n");
        let head = if what.is_empty() { String::new() } else { head };
        let server = Server::start(move |_| Reply::of(200, &head, body)).await;
        let read = called(orders(&server), "shop.getOrder", json!({"id": "7"})).await;
        match (read, expected) {
            (Ok(value), Ok(expected)) => assert_eq!(value, expected),
            (Err(failure), Err(part)) => {
                assert!(failure.message.contains(part), "{what}: {failure}");
                assert_eq!(failure.took_effect, TookEffect::Unknown);
            }
            (read, expected) => panic!("{what}: {read:?} instead of {expected:?}"),
        }
    }
}

#[tokio::test]
async fn an_argument_that_leads_elsewhere_sends_nothing() {
    let server = Server::start(|_| Reply::of(204, "", "")).await;
    for id in ["../users/1", "..", "a/b", "%2e%2e", ""] {
        let failed = called(orders(&server), "shop.getOrder", json!({"id": id})).await;
        let failure = failed.unwrap_err();
        assert_eq!((failure.code, failure.took_effect), (Code::ToolArguments, TookEffect::No));
    }
    assert_eq!(server.seen(), []);
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_refused_when_it_is_called() {
    let server = Server::start(|_| Reply::of(204, "", "")).await;
    let interface = Interface { egress: Egress::public(), ..orders(&server) };
    let failure = called(interface, "shop.getOrder", json!({"id": "7"})).await.unwrap_err();
    assert_eq!((failure.code, failure.took_effect), (Code::EgressRefused, TookEffect::No));
    assert_eq!(server.seen(), []);
}

#[tokio::test]
async fn a_server_that_tells_the_secret_back_tells_it_to_nobody() {
    let echo = |seen: &Seen| {
        let sent = seen.header("authorization").unwrap_or_default();
        let secret = sent.split(' ').next_back().unwrap_or_default();
        let escaped: String = secret.chars().map(|c| format!("\\u{:04x}", c as u32)).collect();
        let body = format!(r#"{{"plain": "{secret}", "escaped": "{escaped}", "{secret}": 1}}"#);
        Reply::of(200, "content-type: application/json\r\n", body)
    };
    for form in [Form::Bearer, Form::Plain, Form::Basic("ada".to_owned())] {
        let server = Server::start(echo).await;
        let mut interface = orders(&server);
        let secret = "secret:crm".to_owned().try_into().unwrap();
        interface.credentials = vec![Credential { form, ..Credential::bearer(secret) }];
        let value = called(interface, "shop.getOrder", json!({"id": "7"})).await.unwrap();
        let text = value.to_string();
        assert!(text.contains("[secret:crm]"), "{text}");
        assert!(!text.contains("canary") && !text.contains("mFyeS12YWx1ZS0x"), "{text}");
    }
}
