//! A server of this machine that misbehaves: what each kind of trouble is to a caller.

use std::time::Duration;

use futures::future::{Either, select};
use mainstay_core::{
    code::Code,
    failure::Retryability,
    tool::{TookEffect, ToolFailure},
};
use mainstay_tools::transport::mcp::Settings;
use serde_json::{Value, json};

use super::{
    scripted::{heard, scripted},
    setup::{Shelf, folder},
};

async fn shelf(name: &str) -> (Shelf, std::path::PathBuf) {
    let folder = folder(name);
    (Shelf::open(Settings::new("own", scripted(&folder))).await, folder)
}

async fn act(shelf: &Shelf, arguments: Value) -> Result<Value, ToolFailure> {
    shelf.call("own.act", arguments).await
}

fn unknown(failure: &ToolFailure) {
    assert_eq!(failure.took_effect, TookEffect::Unknown, "{failure}");
}

fn without_effect(failure: &ToolFailure, code: Code) {
    assert_eq!((failure.took_effect, failure.code), (TookEffect::No, code), "{failure}");
}

/// Waits until the server has heard a message with this method.
async fn hears(folder: &std::path::Path, method: &str) -> Value {
    loop {
        if let Some(message) = heard(folder, method).into_iter().next() {
            return message;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_call_that_gets_no_answer_in_time_may_have_acted() {
    let (shelf, _) = shelf("late").await;
    let brief = Duration::from_millis(300);
    let late = shelf.call_within(brief, "own.act", json!({"do": "hang"})).await.unwrap_err();
    assert_eq!((late.code, late.took_effect), (Code::ToolTimedOut, TookEffect::Unknown));
}

#[tokio::test]
async fn the_key_the_attempt_and_the_deadline_travel_with_a_call() {
    let (shelf, _) = shelf("meta").await;
    let params = act(&shelf, json!({})).await.unwrap();
    let meta = &params["_meta"];
    let position: mainstay_core::effect::EffectPosition = "work#1:0".parse().unwrap();
    let key = position.key(mainstay_core::digest::Digest::of(b"root"));
    assert_eq!(meta["mainstay.dev/idempotency-key"], json!(key.to_string()));
    assert_eq!(meta["mainstay.dev/attempt"], json!(1));
    assert!(meta["mainstay.dev/deadline"].as_str().unwrap().starts_with("2023-11-14T22:1"));
}

#[tokio::test]
async fn a_result_is_its_structure_else_its_text_else_its_blocks() {
    let (shelf, _) = shelf("results").await;
    let structured = act(&shelf, json!({"do": "structured", "value": {"n": 1}})).await.unwrap();
    assert_eq!(structured, json!({"n": 1}));
    assert_eq!(act(&shelf, json!({"do": "say", "text": "42"})).await.unwrap(), json!("42"));
    let list = act(&shelf, json!({"do": "say", "text": "[1, 2]"})).await.unwrap();
    assert_eq!(list, json!([1, 2]));
    assert_eq!(act(&shelf, json!({"do": "nothing"})).await.unwrap(), Value::Null);
    let image = act(&shelf, json!({"do": "image", "size": 8})).await.unwrap();
    assert_eq!(image["data"], json!("AAAAAAAA"));
    let large = act(&shelf, json!({"do": "image", "size": 300_000})).await.unwrap();
    assert_eq!(large["left_out"], json!({"field": "data", "base64_bytes": 300_000}));
}

#[tokio::test]
async fn a_result_that_says_it_is_an_error_is_none() {
    let (shelf, _) = shelf("errors").await;
    let failed = act(&shelf, json!({"do": "fail", "text": "no stock"})).await.unwrap_err();
    unknown(&failed);
    assert_eq!(failed.retry, Retryability::Permanent);
    assert!(failed.message.contains("no stock"), "{failed}");
}

#[tokio::test]
async fn arguments_that_a_server_refuses_did_nothing_in_either_form() {
    let (shelf, _) = shelf("refusals").await;
    let result = json!({"do": "fail", "text": "MCP error -32602: Input validation error"});
    without_effect(&act(&shelf, result).await.unwrap_err(), Code::ToolArguments);
    let error = act(&shelf, json!({"do": "refuse", "code": -32602})).await.unwrap_err();
    without_effect(&error, Code::ToolArguments);
    let error = act(&shelf, json!({"do": "refuse", "code": -32601})).await.unwrap_err();
    without_effect(&error, Code::ToolFailed);
    unknown(&act(&shelf, json!({"do": "refuse", "code": -32603})).await.unwrap_err());
    let asked = act(&shelf, json!({"do": "refuse", "code": -32042})).await.unwrap_err();
    without_effect(&asked, Code::McpInput);
}

#[tokio::test]
async fn a_server_that_dies_in_a_call_may_have_acted_and_is_started_for_the_next_one() {
    let (shelf, folder) = shelf("dies").await;
    let died = act(&shelf, json!({"do": "die"})).await.unwrap_err();
    unknown(&died);
    assert_eq!(died.code, Code::ToolFailed);
    assert_eq!(act(&shelf, json!({"do": "say", "text": "again"})).await.unwrap(), json!("again"));
    let calls = heard(&folder, "tools/call");
    assert_eq!(calls.len(), 2, "nothing was sent twice: {calls:?}");
}

#[tokio::test]
async fn every_call_under_way_fails_with_its_server() {
    let (shelf, _) = shelf("in-flight").await;
    let hang = || act(&shelf, json!({"do": "hang"}));
    let (first, second, died) = tokio::join!(hang(), hang(), act(&shelf, json!({"do": "die"})));
    for failed in [first, second, died] {
        unknown(&failed.unwrap_err());
    }
}

#[tokio::test]
async fn a_server_that_falls_again_and_again_is_left_alone_for_a_while() {
    let (shelf, _) = shelf("falls").await;
    for _ in 0..8 {
        let failure = act(&shelf, json!({"do": "die"})).await.unwrap_err();
        if failure.code == Code::ToolUnavailable {
            without_effect(&failure, Code::ToolUnavailable);
            assert!(failure.retry_after.is_some(), "{failure:?}");
            return;
        }
        unknown(&failure);
    }
    panic!("it was started again and again");
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_any_more_is_cancelled() {
    let (shelf, folder) = shelf("cancels").await;
    let hangs = Box::pin(act(&shelf, json!({"do": "hang"})));
    let arrived = Box::pin(hears(&folder, "tools/call"));
    match select(hangs, arrived).await {
        Either::Left((ended, _)) => panic!("it ended: {ended:?}"),
        // Here the caller stops to wait, as at a deadline.
        Either::Right((call, hangs)) => {
            drop(hangs);
            let cancelled = hears(&folder, "notifications/cancelled").await;
            assert_eq!(cancelled["params"]["requestId"], call["id"]);
        }
    }
}

#[tokio::test]
async fn a_line_without_end_ends_the_server() {
    let (shelf, _) = shelf("long-line").await;
    let ended = act(&shelf, json!({"do": "long line", "size": 5 << 20})).await.unwrap_err();
    unknown(&ended);
    assert_eq!(ended.code, Code::McpAnswer);
    assert!(ended.message.contains("a line over 4194304 bytes"), "{ended}");
    assert!(act(&shelf, json!({})).await.is_ok());
}

#[tokio::test]
async fn a_result_that_is_too_large_is_rejected_as_a_whole() {
    let (shelf, _) = shelf("big").await;
    let big = act(&shelf, json!({"do": "big", "size": 2 << 20})).await.unwrap_err();
    unknown(&big);
    assert!(big.message.contains("larger than 1048576 bytes"), "{big}");
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_fails_its_call_and_noise_fails_none() {
    let (shelf, _) = shelf("malformed").await;
    let malformed = act(&shelf, json!({"do": "malformed"})).await.unwrap_err();
    unknown(&malformed);
    assert_eq!(malformed.code, Code::McpAnswer);
    assert_eq!(act(&shelf, json!({"do": "noise"})).await.unwrap(), json!("said"));
}

#[tokio::test]
async fn a_flood_of_notifications_and_complaints_is_borne() {
    let (shelf, _) = shelf("flood").await;
    let flooded = act(&shelf, json!({"do": "flood", "count": 5_000})).await.unwrap();
    assert_eq!(flooded, json!("flooded"));
    let complained = act(&shelf, json!({"do": "complain", "count": 1_000})).await.unwrap();
    assert_eq!(complained, json!("complained"));
}

#[tokio::test]
async fn a_call_that_becomes_a_task_is_looked_at_until_it_has_ended() {
    let (shelf, folder) = shelf("task").await;
    assert_eq!(act(&shelf, json!({"do": "task"})).await.unwrap(), json!("done at last"));
    assert_eq!(heard(&folder, "tasks/get").len(), 3);
    assert_eq!(heard(&folder, "tools/call").len(), 1);
}

#[tokio::test]
async fn a_task_that_was_asked_for_ends_as_its_server_says() {
    let (shelf, folder) = shelf("augmented").await;
    let only = |ends: &str| json!({"do": "only as a task", "ends": ends});
    assert_eq!(act(&shelf, only("completed")).await.unwrap(), json!("done as a task"));
    let calls = heard(&folder, "tools/call");
    assert_eq!((calls.len(), &calls[1]["params"]["task"]), (2, &json!({})));
    let key = "mainstay.dev/idempotency-key";
    assert_eq!(calls[0]["params"]["_meta"][key], calls[1]["params"]["_meta"][key]);
    let failed = act(&shelf, only("failed")).await.unwrap_err();
    unknown(&failed);
    assert!(failed.message.contains("task is failed"), "{failed}");
    assert_eq!(heard(&folder, "tasks/cancel").len(), 0, "what has ended is left alone");
}

#[tokio::test]
async fn a_task_that_was_asked_for_and_that_nobody_waits_for_is_cancelled() {
    let (shelf, folder) = shelf("augmented-late").await;
    let endless = json!({"do": "only as a task", "ends": "working"});
    let late = shelf.call_within(Duration::from_secs(1), "own.act", endless).await.unwrap_err();
    assert_eq!((late.code, late.took_effect), (Code::ToolTimedOut, TookEffect::Unknown));
    assert_eq!(hears(&folder, "tasks/cancel").await["params"]["taskId"], json!("t1"));
}
