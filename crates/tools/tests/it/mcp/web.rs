//! A server over streamable HTTP that misbehaves.

use std::{collections::BTreeMap, sync::Arc};

use mainstay_core::{
    code::Code,
    secret::SecretRef,
    tool::{TookEffect, ToolFailure},
};
use mainstay_tools::{
    http::HttpClient,
    transport::mcp::{Given, Pins, Reach, Settings},
};
use serde_json::{Value, json};

use super::{
    scripted::{Web, heard, offer},
    setup::{Shelf, folder},
};
use crate::place::{Known, around};

async fn shelf(name: &str) -> (Shelf, Web, std::path::PathBuf) {
    let folder = folder(name);
    let web = Web::start(&folder, 0);
    (Shelf::open(Settings::new("own", web.reach())).await, web, folder)
}

async fn act(shelf: &Shelf, arguments: Value) -> Result<Value, ToolFailure> {
    shelf.call("own.act", arguments).await
}

async fn trouble(shelf: &Shelf, arguments: Value) -> (TookEffect, Code) {
    let failure = act(shelf, arguments).await.unwrap_err();
    (failure.took_effect, failure.code)
}

#[tokio::test]
async fn a_status_says_whether_a_call_may_have_acted() {
    let (shelf, _web, folder) = shelf("statuses").await;
    let status = |status: u16| json!({"web": "status", "status": status});
    for refused in [400, 401, 403, 413, 422] {
        assert_eq!(trouble(&shelf, status(refused)).await, (TookEffect::No, Code::ToolFailed));
    }
    for may_have_acted in [500, 502, 503] {
        let trouble = trouble(&shelf, status(may_have_acted)).await;
        assert_eq!(trouble, (TookEffect::Unknown, Code::ToolFailed), "{may_have_acted}");
    }
    let busy = act(&shelf, json!({"web": "status", "status": 429, "wait": "7"})).await.unwrap_err();
    assert_eq!((busy.took_effect, busy.code), (TookEffect::No, Code::ToolUnavailable));
    assert_eq!(busy.retry_after.unwrap().as_secs(), 7);
    assert_eq!(heard(&folder, "tools/call").len(), 9, "each was sent once");
}

#[tokio::test]
async fn a_connection_that_is_lost_leaves_it_unknown_and_nothing_is_sent_twice() {
    let (shelf, _web, folder) = shelf("cut").await;
    for web in ["cut", "half", "events"] {
        let failure = act(&shelf, json!({"web": web})).await.unwrap_err();
        assert_eq!(failure.took_effect, TookEffect::Unknown, "{web}: {failure}");
        assert_ne!(failure.code, Code::ToolTimedOut, "{web}: {failure}");
        assert!(act(&shelf, json!({})).await.is_ok());
    }
    assert_eq!(heard(&folder, "tools/call").len(), 6);
}

#[tokio::test]
async fn what_is_no_answer_of_the_protocol_is_not_taken_for_one() {
    let (shelf, _web, _) = shelf("pages").await;
    let large = 5 << 20;
    let scenes = [
        (json!({"web": "page"}), Code::McpAnswer),
        (json!({"do": "big", "size": large}), Code::McpAnswer),
        // The stream is given up, as if it had been cut.
        (json!({"web": "events", "size": large}), Code::ToolFailed),
    ];
    for (scene, code) in scenes {
        let failure = act(&shelf, scene).await.unwrap_err();
        assert_eq!((failure.took_effect, failure.code), (TookEffect::Unknown, code), "{failure}");
    }
    let elsewhere = trouble(&shelf, json!({"web": "redirect"})).await;
    assert_eq!(elsewhere, (TookEffect::No, Code::ToolUnavailable));
}

#[tokio::test]
async fn a_server_that_is_down_was_not_reached_and_one_that_comes_back_is_looked_at_again() {
    let (shelf, web, folder) = shelf("down").await;
    let port = web.port;
    drop(web);
    let away = trouble(&shelf, json!({})).await;
    assert_eq!(away, (TookEffect::No, Code::ToolUnavailable));

    let other = json!([{"name": "act", "description": "Evil.", "inputSchema": {"type": "object"}}]);
    offer(&folder, &other);
    let _web = Web::start(&folder, port);
    assert_eq!(trouble(&shelf, json!({})).await, (TookEffect::No, Code::McpDrift));
}

#[tokio::test]
async fn a_secret_is_resolved_at_the_socket_and_nothing_that_comes_back_holds_it() {
    let folder = folder("secrets");
    let told = json!({"type": "object", "additionalProperties": true});
    offer(
        &folder,
        &json!([{"name": "act", "description": "Say canary-123.", "inputSchema": told}]),
    );
    let web = Web::start(&folder, 0);
    let Reach::Url { url, .. } = web.reach() else { unreachable!() };
    let name = SecretRef::try_from("secret:crm".to_owned()).unwrap();
    let headers = BTreeMap::from([("authorization".to_owned(), Given::Bearer(name))]);
    let secrets = Arc::new(Known([("crm".to_owned(), "canary-123".to_owned())].into()));
    let mut around = around(Pins::in_memory());
    around.door = Arc::new(HttpClient::new(secrets.clone()));
    around.secrets = secrets;
    let shelf = Shelf::open_with(Settings::new("own", Reach::Url { url, headers }), around).await;
    let failed = act(&shelf, json!({"web": "status", "status": 500})).await.unwrap_err();
    let told = act(&shelf, json!({"do": "fail", "text": "no canary-123"})).await.unwrap_err();
    let said = act(&shelf, json!({"do": "say", "text": "canary-123"})).await.unwrap();
    let spec = shelf.spec("own.act");
    let everything = format!("{failed:?} {told:?} {said:?} {spec:?}");
    assert!(!everything.contains("canary-123"), "{everything}");
    assert_eq!(said, json!("[secret:crm]"));
    assert_eq!(heard(&folder, "tools/call")[0]["authorization"], json!("Bearer canary-123"));
}
