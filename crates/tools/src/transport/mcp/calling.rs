//! One call: what travels with it, what its answer can be, what is sent after it when nobody waits
//! any more.

use std::{sync::Arc, time::Duration};

use mainstay_core::{
    code::Code,
    tool::{TookEffect, ToolCall, ToolFailure},
};
use rmcp::{
    RoleClient,
    model::{
        CallToolRequest, CallToolRequestParams, CancelTaskParams, CancelledNotificationParam,
        ClientRequest, CreateTaskResult, ElicitRequestParams, ElicitResult, ElicitationAction,
        GetTaskParams, InputRequest, InputRequiredResult, InputResponses, RequestId,
        RequestMetaObject, ServerResult, TaskPayload,
    },
    service::{Peer, PeerRequestOptions, ServiceError},
};
use serde_json::{Value, json};

use super::{
    Person, Surroundings,
    failure::{self, Connection},
    ticket::Ticket,
    value,
};

/// What begins our names in `_meta`.
const KEY: &str = "mainstay.dev/idempotency-key";
const ATTEMPT: &str = "mainstay.dev/attempt";
const DEADLINE: &str = "mainstay.dev/deadline";

/// A server may ask so many times before it answers a call.
const MOST_ROUNDS: usize = 10;

/// How often a task is looked at.
const POLL: Duration = Duration::from_secs(1);
const POLL_FASTEST: Duration = Duration::from_millis(50);
const POLL_SLOWEST: Duration = Duration::from_secs(10);

type Called = (Result<Value, ToolFailure>, Connection);

const fn alive(result: Result<Value, ToolFailure>) -> Called {
    (result, Connection::Alive)
}

/// Makes one attempt.
#[expect(clippy::wildcard_enum_match_arm, reason = "the enum of another crate, which may grow")]
pub(super) async fn call(
    peer: Peer<RoleClient>,
    tool: &str,
    call: &ToolCall,
    around: &Surroundings,
    server: &str,
) -> Called {
    let arguments = match &call.arguments {
        Value::Object(arguments) => arguments.clone(),
        Value::Null => serde_json::Map::new(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return alive(Err(ToolFailure::refused("the arguments are no object")));
        }
    };
    let mut params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
    for _ in 0..MOST_ROUNDS {
        let ticket = Ticket::default();
        let answer = match send(&peer, params.clone(), meta(call), &ticket).await {
            Ok(answer) => answer,
            Err(error) => {
                let (failure, connection) = failure::of(&error, &ticket);
                return (Err(failure), connection);
            }
        };
        match answer {
            ServerResult::CallToolResult(result) => return alive(value::of(result)),
            ServerResult::CreateTaskResult(task) => return wait(&peer, task, around).await,
            ServerResult::InputRequiredResult(asked) => {
                match answers(&asked, around, server).await {
                    Ok(given) => {
                        params.input_responses = Some(given);
                        params.request_state = asked.request_state;
                    }
                    Err(failure) => return alive(Err(failure)),
                }
            }
            _ => return alive(Err(unreadable("it is no result of a tool"))),
        }
    }
    alive(Err(needs_a_person("the server asks again and again")))
}

fn unreadable(why: &str) -> ToolFailure {
    ToolFailure::new(format!("the server's answer cannot be read: {why}"))
        .with_code(Code::McpAnswer)
}

/// A call that waits for an answer has not been carried out: the server begins anew with it.
fn needs_a_person(asked: &str) -> ToolFailure {
    ToolFailure::refused(format!("a person has to answer first: {asked}")).with_code(Code::McpInput)
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
enum Waited {
    Request(RequestId),
    Task(String),
}

/// Tells the server when nobody waits any more: dropped at a deadline, it cancels.
struct Waiting {
    peer: Peer<RoleClient>,
    what: Option<Waited>,
    ticket: Ticket,
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

/// Waits for a task. Its server has taken the work on, so whatever breaks now may have been done.
async fn wait(peer: &Peer<RoleClient>, created: CreateTaskResult, around: &Surroundings) -> Called {
    let id = created.task.task_id.clone();
    let mut waiting = Waiting {
        peer: peer.clone(),
        what: Some(Waited::Task(id.clone())),
        ticket: Ticket::default(),
    };
    let mut pause = created.task.poll_interval_ms;
    loop {
        let wait = pause.map_or(POLL, Duration::from_millis).clamp(POLL_FASTEST, POLL_SLOWEST);
        around.clock.sleep(wait).await;
        let task = match peer.get_task(GetTaskParams::new(id.clone())).await {
            Ok(answer) => answer.task,
            Err(error) => {
                waiting.what = None;
                let told = format!("the server's task was lost: {}", failure::chain(&error));
                return (Err(ToolFailure::new(told)), Connection::Lost);
            }
        };
        pause = task.task.poll_interval_ms.or(pause);
        if let Some(ended) = ended(task.payload) {
            // A task that asks goes on waiting, so it is cancelled.
            if ended.as_ref().err().is_none_or(|failure| failure.code != Code::McpInput) {
                waiting.what = None;
            }
            return alive(ended);
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the enum of another crate, which may grow")]
fn ended(payload: TaskPayload) -> Option<Result<Value, ToolFailure>> {
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
        TaskPayload::InputRequired { .. } => {
            let mut asked = needs_a_person("the server's task asks in the middle of its work");
            asked.took_effect = TookEffect::Unknown;
            Some(Err(asked))
        }
        _ => None,
    }
}

/// Has a person answer what a server asks before it carries out a call.
async fn answers(
    asked: &InputRequiredResult,
    around: &Surroundings,
    server: &str,
) -> Result<InputResponses, ToolFailure> {
    let mut given = InputResponses::new();
    for (name, request) in asked.input_requests.iter().flatten() {
        let InputRequest::Elicitation(request) = request else {
            return Err(needs_a_person("the server asks for more than an answer"));
        };
        let person = around.person.as_ref().map(Arc::clone);
        let person = person.ok_or_else(|| needs_a_person(question(&request.params)))?;
        let content = ask(&*person, server, &request.params).await;
        let content = content.ok_or_else(|| needs_a_person(question(&request.params)))?;
        let mut result = ElicitResult::new(ElicitationAction::Accept);
        result.content = Some(content);
        given.insert(name.clone(), serde_json::to_value(result)?);
    }
    Ok(given)
}

fn question(asked: &ElicitRequestParams) -> &str {
    match asked {
        ElicitRequestParams::FormElicitationParams { message, .. }
        | ElicitRequestParams::UrlElicitationParams { message, .. } => message,
        _ => "a question",
    }
}

/// Asks a person one question. An address to open is nothing that can be answered here.
pub(super) async fn ask(
    person: &dyn Person,
    server: &str,
    asked: &ElicitRequestParams,
) -> Option<Value> {
    let ElicitRequestParams::FormElicitationParams { message, requested_schema, .. } = asked else {
        return None;
    };
    let schema = serde_json::to_value(requested_schema).ok()?;
    person.answer(server, message, &schema).await
}
