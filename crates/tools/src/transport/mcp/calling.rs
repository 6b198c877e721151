//! One call: what travels with it, what its answer can be, what is sent after it when nobody waits
//! any more.

use mainstay_core::{
    code::Code,
    tool::{TookEffect, ToolCall, ToolFailure},
};
use rmcp::{
    RoleClient,
    model::{
        CallToolRequest, CallToolRequestParams, CancelTaskParams, CancelledNotificationParam,
        ClientRequest, RequestId, RequestMetaObject, ServerResult,
    },
    service::{Peer, PeerRequestOptions, ServiceError},
};
use serde_json::{Value, json};

use super::{
    Surroundings, augmented,
    failure::{self, Connection},
    input::{self, Resume},
    task,
    ticket::Ticket,
    value,
};

/// What begins our names in `_meta`.
const KEY: &str = "mainstay.dev/idempotency-key";
const ATTEMPT: &str = "mainstay.dev/attempt";
const DEADLINE: &str = "mainstay.dev/deadline";

/// A server may want a call so many times before it answers it.
const MOST_ROUNDS: usize = 10;

pub(super) type Called = (Result<Value, ToolFailure>, Connection);

pub(super) const fn alive(result: Result<Value, ToolFailure>) -> Called {
    (result, Connection::Alive)
}

/// Makes one attempt.
pub(super) async fn call(
    peer: Peer<RoleClient>,
    tool: &str,
    call: &ToolCall,
    around: &Surroundings,
) -> Called {
    let arguments = match &call.arguments {
        Value::Object(arguments) => arguments.clone(),
        Value::Null => serde_json::Map::new(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return alive(Err(ToolFailure::refused("the arguments are no object")));
        }
    };
    let mut params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
    if let Some(given) = &call.input {
        let responses = input::responses(given);
        match (input::resume(given), responses) {
            (Ok(Resume::Task(id)), responses) => {
                return task::go_on(&peer, id, responses, around).await;
            }
            (Ok(Resume::Call(state)), Some(responses)) => {
                (params.request_state, params.input_responses) = (state, Some(responses));
            }
            (Ok(Resume::Call(_)), None) => {
                return alive(Err(input::unanswered("nobody answered")));
            }
            (Err(error), _) => {
                return alive(Err(unreadable(&error.to_string()).without_effect()));
            }
        }
    }
    ask(&peer, params, call, around).await
}

/// Sends a call until it is answered, or asks what nobody has answered yet.
async fn ask(
    peer: &Peer<RoleClient>,
    mut params: CallToolRequestParams,
    call: &ToolCall,
    around: &Surroundings,
) -> Called {
    let mut anew = false;
    for _ in 0..MOST_ROUNDS {
        let ticket = Ticket::default();
        let answer = send(peer, params.clone(), meta(call), &ticket).await;
        if augmented::is_wanted(peer, &answer) {
            return augmented::call(peer, &params, meta(call), around).await;
        }
        let ended = match answer {
            Err(error) => {
                let (failure, connection) = failure::of(&error, &ticket);
                (Err(failure), connection)
            }
            Ok(ServerResult::CallToolResult(result)) => alive(value::of(result)),
            Ok(ServerResult::CreateTaskResult(task)) => {
                return task::wait(peer, task, around).await;
            }
            Ok(ServerResult::InputRequiredResult(asked)) => {
                let requests = asked.input_requests.unwrap_or_default();
                let before = call.input.as_ref().filter(|_| std::mem::take(&mut anew));
                let known = before.and_then(|given| input::known(&requests, given));
                if !requests.is_empty() && known.is_none() {
                    let resume = Resume::Call(asked.request_state);
                    return alive(Err(input::wanted(&requests, &resume)));
                }
                // It asks nothing, or begins anew with what was answered.
                (params.request_state, params.input_responses) = (asked.request_state, known);
                continue;
            }
            Ok(_) => alive(Err(unreadable("it is no result of a tool"))),
        };
        if !(params.request_state.is_some() && refused(&ended)) {
            return ended;
        }
        // What a call goes on with holds for minutes, and a person may take days: it begins anew.
        (params.request_state, params.input_responses) = (None, None);
        anew = true;
    }
    alive(Err(input::unanswered("the server asks again and again")))
}

/// Returns whether the server did not take what it was sent, and so did nothing.
fn refused((ended, _): &Called) -> bool {
    let refused = |failure: &ToolFailure| {
        failure.code == Code::ToolArguments && failure.took_effect == TookEffect::No
    };
    ended.as_ref().is_err_and(refused)
}

pub(super) fn unreadable(why: &str) -> ToolFailure {
    ToolFailure::new(format!("the server's answer cannot be read: {why}"))
        .with_code(Code::McpAnswer)
}

fn meta(call: &ToolCall) -> RequestMetaObject {
    let deadline = jiff::Timestamp::from_microsecond(call.deadline.micros());
    let mut meta = RequestMetaObject::new();
    meta.0.0.insert(KEY.to_owned(), json!(call.key.to_string()));
    meta.0.0.insert(ATTEMPT.to_owned(), json!(call.attempt));
    meta.0.0.insert(DEADLINE.to_owned(), json!(deadline.unwrap_or_default().to_string()));
    meta
}

async fn send(
    peer: &Peer<RoleClient>,
    params: CallToolRequestParams,
    meta: RequestMetaObject,
    ticket: &Ticket,
) -> Result<ServerResult, ServiceError> {
    let mut request = CallToolRequest::new(params);
    request.extensions.insert(ticket.clone());
    let options = PeerRequestOptions::no_options().with_meta(meta);
    let request = ClientRequest::CallToolRequest(request);
    let handle = peer.send_request_with_option(request, options).await?;
    let mut waiting = Waiting {
        peer: peer.clone(),
        what: Some(Waited::Request(handle.id.clone())),
        ticket: ticket.clone(),
    };
    let answer = handle.await_response().await;
    waiting.what = None;
    answer
}

/// What a server works on for us.
pub(super) enum Waited {
    Request(RequestId),
    Task(String),
}

/// Tells the server when nobody waits any more: dropped at a deadline, it cancels.
pub(super) struct Waiting {
    pub(super) peer: Peer<RoleClient>,
    pub(super) what: Option<Waited>,
    pub(super) ticket: Ticket,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(waited) = self.what.take() else { return };
        self.ticket.abandon();
        let (peer, ticket) = (self.peer.clone(), self.ticket.clone());
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        // It ends with the connection, and nobody depends on its success.
        runtime.spawn(async move {
            match waited {
                Waited::Request(id) if ticket.may_have_arrived() => {
                    let reason = Some("nobody waits for it any more".to_owned());
                    let params = CancelledNotificationParam::new(Some(id), reason);
                    drop(peer.notify_cancelled(params).await);
                }
                Waited::Request(_) => {}
                Waited::Task(id) => drop(peer.cancel_task(CancelTaskParams::new(id)).await),
            }
        });
    }
}
