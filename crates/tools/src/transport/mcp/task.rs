//! Work that a server goes on with by itself: looked at until it ends, or until it asks.

use std::{collections::BTreeSet, time::Duration};

use mainstay_core::{
    code::Code,
    tool::{TookEffect, ToolFailure},
};
use rmcp::{
    RoleClient,
    model::{
        CancelTaskParams, CreateTaskResult, GetTaskParams, InputResponses, TaskPayload,
        UpdateTaskParams,
    },
    service::{Peer, ServiceError},
};
use serde_json::Value;

use super::{
    Surroundings,
    calling::{Called, Waited, Waiting, alive, unreadable},
    failure::{self, Connection},
    input::{self, Resume},
    ticket::Ticket,
    value,
};

/// How often a task is looked at.
const POLL: Duration = Duration::from_secs(1);
const POLL_FASTEST: Duration = Duration::from_millis(50);
const POLL_SLOWEST: Duration = Duration::from_secs(10);

/// Waits for a task. Its server has taken the work on, so whatever breaks now may have been done.
pub(super) async fn wait(
    peer: &Peer<RoleClient>,
    created: CreateTaskResult,
    around: &Surroundings,
) -> Called {
    let pause = created.task.poll_interval_ms;
    look(peer, created.task.task_id, pause, &BTreeSet::new(), around).await
}

/// Goes on with a task that asked something. Without an answer it is to stop, and what it has done
/// by then nobody knows.
pub(super) async fn go_on(
    peer: &Peer<RoleClient>,
    id: String,
    responses: Option<InputResponses>,
    around: &Surroundings,
) -> Called {
    let Some(responses) = responses else {
        drop(peer.cancel_task(CancelTaskParams::new(id)).await);
        let told = "nobody answered what the server's task asked, and it was cancelled";
        return alive(Err(ToolFailure::new(told).with_code(Code::McpInput)));
    };
    let answered = responses.keys().cloned().collect();
    if let Err(error) = peer.update_task(UpdateTaskParams::new(id.clone(), responses)).await {
        return lost(&error);
    }
    look(peer, id, None, &answered, around).await
}

async fn look(
    peer: &Peer<RoleClient>,
    id: String,
    mut pause: Option<u64>,
    answered: &BTreeSet<String>,
    around: &Surroundings,
) -> Called {
    let mut waiting = Waiting {
        peer: peer.clone(),
        what: Some(Waited::Task(id.clone())),
        ticket: Ticket::default(),
    };
    loop {
        around.clock.sleep(self::pause(pause.map(Duration::from_millis))).await;
        let task = match peer.get_task(GetTaskParams::new(id.clone())).await {
            Ok(answer) => answer.task,
            Err(error) => {
                waiting.what = None;
                return lost(&error);
            }
        };
        pause = task.task.poll_interval_ms.or(pause);
        if let Some(ended) = ended(task.payload, &id, answered) {
            // A task that asks what nobody can answer would wait for ever, so it is cancelled.
            let asks = |failure: &ToolFailure| failure.code == Code::McpInput;
            if !ended.as_ref().is_err_and(|f| asks(f) && f.wants.is_none()) {
                waiting.what = None;
            }
            return alive(ended);
        }
    }
}

/// How long is waited between two looks.
pub(super) fn pause(wished: Option<Duration>) -> Duration {
    wished.unwrap_or(POLL).clamp(POLL_FASTEST, POLL_SLOWEST)
}

pub(super) fn lost(error: &ServiceError) -> Called {
    let told = format!("the server's task was lost: {}", failure::chain(error));
    (Err(ToolFailure::new(told)), Connection::Lost)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the enum of another crate, which may grow")]
fn ended(
    payload: TaskPayload,
    id: &str,
    answered: &BTreeSet<String>,
) -> Option<Result<Value, ToolFailure>> {
    match payload {
        TaskPayload::Completed { result } => {
            let read = serde_json::from_value(Value::Object(result));
            Some(match read {
                Ok(result) => value::of(result),
                Err(error) => Err(unreadable(&error.to_string())),
            })
        }
        TaskPayload::Failed { error } => {
            let told = error.get("message").and_then(Value::as_str).unwrap_or("without a reason");
            Some(Err(ToolFailure::new(format!("the server's task failed: {told}"))))
        }
        TaskPayload::Cancelled => Some(Err(ToolFailure::new("the server cancelled its task"))),
        // It may not have read the answers yet; a question is never asked twice.
        TaskPayload::InputRequired { input_requests }
            if input_requests.keys().all(|name| answered.contains(name)) =>
        {
            None
        }
        TaskPayload::InputRequired { input_requests } => {
            let mut asked = input::wanted(&input_requests, &Resume::Task(id.to_owned()));
            asked.took_effect = TookEffect::Unknown;
            Some(Err(asked))
        }
        _ => None,
    }
}
