//! Tools of the older generation that are called only as a task: the caller has to ask for one, and
//! fetches the result when it is there. The newer generation makes tasks by itself.

use std::time::Duration;

use mainstay_core::tool::ToolFailure;
use rmcp::{
    RoleClient,
    model::{
        CallToolRequestParams, CallToolResult, ClientRequest, CustomRequest, ErrorCode,
        RequestMetaObject, ServerResult,
    },
    service::{Peer, PeerRequestOptions, ServiceError},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    Surroundings,
    calling::{Called, alive, unreadable},
    failure,
    task::{self, lost},
    ticket::Ticket,
    value,
};

/// How the TypeScript SDK begins a result for an error of the protocol.
const NOT_FOUND: &str = "MCP error -32601";

/// What servers say of a tool that is only called as a task.
const WANTED: &str = "task augmentation";

/// What became of the wish for a task.
#[derive(Deserialize)]
struct Taken {
    task: Status,
}

/// Where a task stands.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    task_id: String,
    status: String,
    #[serde(default)]
    status_message: Option<String>,
    #[serde(default)]
    poll_interval: Option<u64>,
}

/// Returns whether the server of a call did nothing because it wants to be asked for a task: as an
/// error of the protocol, or as the TypeScript SDK puts that into a result.
pub(super) fn is_wanted(
    peer: &Peer<RoleClient>,
    answer: &Result<ServerResult, ServiceError>,
) -> bool {
    let older = peer.peer_info().is_some_and(|info| info.protocol_version.has_initialize());
    let told = match answer {
        Err(ServiceError::McpError(error)) if error.code == ErrorCode::METHOD_NOT_FOUND => {
            error.message.as_ref()
        }
        Ok(ServerResult::CallToolResult(result)) if result.is_error == Some(true) => {
            let text = result.content.first().and_then(|block| block.as_text());
            text.and_then(|text| text.text.strip_prefix(NOT_FOUND)).unwrap_or_default()
        }
        Ok(_) | Err(_) => "",
    };
    older && told.contains(WANTED)
}

/// Makes a call as a task, and waits for its result.
pub(super) async fn call(
    peer: &Peer<RoleClient>,
    params: &CallToolRequestParams,
    meta: RequestMetaObject,
    around: &Surroundings,
) -> Called {
    let wish =
        json!({"name": params.name, "arguments": params.arguments, "task": {}, "_meta": meta});
    let ticket = Ticket::default();
    let taken: Taken = match ask(peer, "tools/call", wish, &ticket).await {
        Ok(Ok(taken)) => taken,
        Ok(Err(strange)) => return alive(Err(unreadable(&strange))),
        Err(error) => {
            let (failure, connection) = failure::of(&error, &ticket);
            return (Err(failure), connection);
        }
    };
    let mut waiting = Cancelling { peer: peer.clone(), id: Some(taken.task.task_id.clone()) };
    let ended = follow(peer, taken.task, around).await;
    waiting.id = None;
    ended
}

async fn follow(peer: &Peer<RoleClient>, mut task: Status, around: &Surroundings) -> Called {
    let id = json!({"taskId": task.task_id.clone()});
    loop {
        match task.status.as_str() {
            "working" | "input_required" => {}
            "completed" => return result(peer, id).await,
            ended => {
                let why = task.status_message.unwrap_or_else(|| "without a reason".to_owned());
                let told = format!("the server's task is {ended}: {why}");
                return alive(Err(ToolFailure::new(told)));
            }
        }
        let wait = task.poll_interval.map(Duration::from_millis);
        around.clock.sleep(task::pause(wait)).await;
        task = match ask(peer, "tasks/get", id.clone(), &Ticket::default()).await {
            Ok(Ok(task)) => task,
            Ok(Err(strange)) => return alive(Err(unreadable(&strange))),
            Err(error) => return lost(&error),
        };
    }
}

async fn result(peer: &Peer<RoleClient>, id: Value) -> Called {
    match ask::<CallToolResult>(peer, "tasks/result", id, &Ticket::default()).await {
        Ok(Ok(result)) => alive(value::of(result)),
        Ok(Err(strange)) => alive(Err(unreadable(&strange))),
        Err(error) => lost(&error),
    }
}

/// Sends a message that the library has no words for any more.
async fn ask<T: DeserializeOwned>(
    peer: &Peer<RoleClient>,
    method: &str,
    params: Value,
    ticket: &Ticket,
) -> Result<Result<T, String>, ServiceError> {
    let mut request = CustomRequest::new(method, Some(params));
    request.extensions.insert(ticket.clone());
    let request = ClientRequest::CustomRequest(request);
    let handle = peer.send_request_with_option(request, PeerRequestOptions::no_options()).await?;
    let answer: ServerResult = handle.await_response().await?;
    let read = serde_json::to_value(answer).and_then(serde_json::from_value);
    Ok(read.map_err(|error| error.to_string()))
}

/// Tells the server when nobody waits any more.
struct Cancelling {
    peer: Peer<RoleClient>,
    id: Option<String>,
}

impl Drop for Cancelling {
    fn drop(&mut self) {
        let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let peer = self.peer.clone();
        // It ends with the connection, and nobody depends on its success.
        runtime.spawn(async move {
            let params = json!({"taskId": id});
            drop(ask::<Value>(&peer, "tasks/cancel", params, &Ticket::default()).await);
        });
    }
}
